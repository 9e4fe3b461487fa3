// What `npm run mutate:traps` takes out is there, and so are the tests that it runs; running them is its own business.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BESIDES, TRAPS } from './traps/table.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const ALL = Array.from({ length: 26 }, (_, index) => `T${index + 1}`)

test('every trap stands in the table, in its order', () => {
  expect([...new Set(TRAPS.map(({ trap }) => trap))]).toEqual(ALL)
})

test('each text that is taken out stands in its file exactly once', () => {
  const wrong = TRAPS.flatMap(({ trap, patches }) =>
    patches.flatMap(({ file, find }) => {
      const count = read(file).split(find).length - 1
      return count === 1 ? [] : [`${trap}: ${count} times in ${file}: ${find}`]
    }),
  )
  expect(wrong).toEqual([])
})

test('each test that is named is there', () => {
  const named = TRAPS.map(({ test: { file, name } }) => [file, name] as const)
  const besides = Object.entries(BESIDES).flatMap(([file, names]) => names.map((name) => [file, name] as const))
  const missing = [...named, ...besides].filter(([file, name]) => !read(file).includes(`test('${name}'`))
  expect(missing).toEqual([])
})

test('broker/TRAPS.md has a row for each fix, and names its file and test', () => {
  const rows = read('broker/TRAPS.md')
    .split('\n')
    .filter((line) => /^\| T\d+ /.test(line))
  const missing = TRAPS.filter(
    ({ trap, patches, test: { file, name } }) =>
      !rows.some(
        (line) =>
          line.startsWith(`| ${trap} `) &&
          line.includes(`\`${file.replace('broker/', '')}\``) &&
          line.includes(name) &&
          patches.every((each) => line.includes(`\`${each.file.replace('broker/', '')}\``)),
      ),
  )
  expect(missing.map(({ trap, fix }) => `${trap}: ${fix}`)).toEqual([])
})
