import { expect, onTestFinished, test } from 'vitest'
import { watchEventLoop } from './event-loop.ts'

/** What is observed when the loop comes round `lateMs` later than it was to. */
async function observedAfter(lateMs: number): Promise<number[]> {
  let now = 0
  const seen: number[] = []
  const { promise, resolve } = Promise.withResolvers<number[]>()
  const stop = watchEventLoop({ monotonic: () => now }, (seconds) => {
    seen.push(Math.round(seconds * 1000))
    // in one go: whoever awaits comes behind all that are told together
    resolve(seen)
  })
  onTestFinished(stop)
  now = 20 + lateMs
  return [...(await promise)]
}

test('a loop that comes round in time is not late', async () => {
  expect(await observedAfter(0)).toEqual([0])
})

test('a loop that comes round too early, as timers may, is not late either', async () => {
  expect(await observedAfter(-1)).toEqual([0])
})

test('the instants that a stuck loop has missed are told too', async () => {
  expect(await observedAfter(110)).toEqual([110, 90, 70, 50, 30, 10])
})

test('however long it was stuck, so many are told at most', async () => {
  const seen = await observedAfter(3_600_000)
  expect(seen).toHaveLength(1001)
  expect(seen[0]).toBe(3_600_000)
})
