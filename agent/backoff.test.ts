import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

test('a pause is never shorter than the least nor longer than the most, and doubles in between', () => {
  const arb = [fc.nat(10_000), fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 500_000 })] as const
  fc.assert(
    fc.property(...arb, fc.double({ min: 0, max: 0.999999, noNaN: true }), (attempt, min, most, random) => {
      const max = Math.max(min, most)
      const ms = backoffMs(attempt, min, max, () => random)
      expect(ms).toBeGreaterThanOrEqual(min)
      expect(ms).toBeLessThanOrEqual(max)
    }),
  )
  const latest = (attempt: number) => Math.round(backoffMs(attempt, 1000, 300_000, () => 1))
  expect([0, 1, 2, 7, 8, 1000].map(latest)).toEqual([2000, 4000, 8000, 256_000, 300_000, 300_000])
  expect(backoffMs(9, 1000, 300_000, () => 0)).toBe(1000)
})
