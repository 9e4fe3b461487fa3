// The planted faults must fit the code as it is: a text that is gone plants nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAULTS } from './fault-table.ts'

test('each text that a fault replaces stands in its file exactly once', () => {
  const astray = FAULTS.flatMap(({ name, patches }) =>
    patches
      .filter(
        ({ file, find }) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8').split(find).length !== 2,
      )
      .map(({ file }) => `${name}: ${file}`),
  )
  expect(astray).toEqual([])
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length)
})
