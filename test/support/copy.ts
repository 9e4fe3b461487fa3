// A copy of the sources in which something can be made wrong, without anybody working on the tree noticing.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

export type Patch = { readonly file: string; readonly find: string; readonly replace: string }

/** `parts` become packages of the copy, `folders` come along; packages of others are those of the original. */
export async function withCopy<T>(
  { parts, folders }: { readonly parts: readonly string[]; readonly folders: readonly string[] },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), 'ridethrough-copy-'))
  try {
    const options = { recursive: true, filter: (path: string) => !/node_modules|\/dist(\/|$)/.test(path) }
    for (const place of new Set([...parts, ...folders])) await cp(join(ROOT, place), join(copy, place), options)
    await cp(join(ROOT, 'package.json'), join(copy, 'package.json'))
    await mkdir(join(copy, 'node_modules/@ridethrough'), { recursive: true })
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      if (name === '@ridethrough' || name.startsWith('.')) continue
      await symlink(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name))
    }
    for (const part of parts) await symlink(join(copy, part), join(copy, 'node_modules/@ridethrough', part))
    return await use(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Applies the patches, and takes them back when `use` is done. @throws where a text is not there exactly once. */
export async function withPatches<T>(copy: string, patches: readonly Patch[], use: () => Promise<T>): Promise<T> {
  const originals = new Map<string, string>()
  try {
    for (const { file, find, replace } of patches) {
      const path = join(copy, file)
      const text = await readFile(path, 'utf8')
      if (text.split(find).length !== 2) throw new Error(`${file} does not hold this once: ${find}`)
      if (!originals.has(path)) originals.set(path, text)
      const patched = text.replace(find, () => replace)
      await writeFile(path, patched)
    }
    return await use()
  } finally {
    for (const [path, text] of originals) await writeFile(path, text)
  }
}
