// Which tests say that they prove which requirement: the tags at the end of their names.
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** Finds the numbers in the name of a test. */
export type TagsIn = (text: string) => string[]

export type Tag = { readonly number: string; readonly file: string; readonly line: number }

/** `[ASVS 6.5.1 6.5.5]` names two requirements of OWASP ASVS. */
export const asvsTags: TagsIn = (text) => split(text.matchAll(/\[ASVS ([^\]]*)\]/g))

/** `[R18]`, `[R33 R35]` and `[H3]` name our own: numbers of the requirements, and the lines of their section H. */
export const ownTags: TagsIn = (text) => split(text.matchAll(/\[((?:R\d+|H\d)(?:[\s,]+(?:R\d+|H\d))*)\]/g))

function split(matches: Iterable<RegExpExecArray>): string[] {
  return [...matches].flatMap((match) => (match[1] ?? '').split(/[\s,]+/).filter((one) => one !== ''))
}

/** Every tag in the sources of the tests. */
export async function findTags(tagsIn: TagsIn): Promise<Tag[]> {
  const found: Tag[] = []
  for await (const file of glob('**/*.test.{ts,tsx}', {
    cwd: ROOT,
    exclude: (path) => /(^|\/)(node_modules|dist|data)($|\/)/.test(path),
  })) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n')
    found.push(...lines.flatMap((text, index) => tagsIn(text).map((number) => ({ number, file, line: index + 1 }))))
  }
  return found.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
}
