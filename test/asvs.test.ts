// What `npm run asvs` prints stands on tests that are there; running them is its own business.
import { expect, test } from 'vitest'
import { REQUIREMENTS } from './asvs/table.ts'
import { asvsTags, findTags } from './proof/tags.ts'

const tags = await findTags(asvsTags)

test('each requirement stands in the table once, in its order', () => {
  const numbers = REQUIREMENTS.map(({ number }) => number)
  const ordered = numbers.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  expect(numbers).toEqual(ordered)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(numbers).toHaveLength(79)
})

test('every tag of a test names a requirement that we claim', () => {
  const claimed = new Set(REQUIREMENTS.filter(({ claim }) => claim !== 'open').map(({ number }) => number))
  expect(tags.filter(({ number }) => !claimed.has(number))).toEqual([])
})

test('every requirement that we claim has a test that says it proves it', () => {
  const tagged = new Set(tags.map(({ number }) => number))
  const claimed = REQUIREMENTS.filter(({ claim }) => claim !== 'open').map(({ number }) => number)
  expect(claimed.filter((number) => !tagged.has(number))).toEqual([])
})

test('of levels 1 and 2 nothing is left open but what docs/security.md speaks of', () => {
  const open = REQUIREMENTS.filter(({ level, claim }) => level < 3 && claim === 'open')
  expect(open.map(({ number }) => number)).toEqual(['6.2.12'])
})

test('sixty requirements and more are claimed as met', () => {
  expect(REQUIREMENTS.filter(({ claim }) => claim === 'met').length).toBeGreaterThanOrEqual(60)
})
