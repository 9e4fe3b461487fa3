// What `npm run requirements` prints stands on tests that are there; running them is its own business.
import { expect, test } from 'vitest'
import { findTags, ownTags } from './proof/tags.ts'
import { REQUIREMENTS } from './requirements/table.ts'

const numbers = REQUIREMENTS.map(({ number }) => number)
const tagged = new Set((await findTags(ownTags)).map(({ number }) => number))

test('each requirement stands in the table once', () => {
  expect(new Set(numbers).size).toBe(numbers.length)
})

test('every tag of a test names a requirement of the table', () => {
  expect([...tagged].filter((number) => !numbers.includes(number))).toEqual([])
})

test('every requirement of the table has a test that says it proves it', () => {
  expect(numbers.filter((number) => !tagged.has(number))).toEqual([])
})
