import { Fault } from '@ridethrough/protocol/fault.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createThrottle } from './throttle.ts'

const OPTIONS = { free: 3, firstWaitMs: 1000, longestWaitMs: 4000, forgetMs: 60_000 }

function tryAt(throttle: ReturnType<typeof createThrottle>, now: number, key = 'ann'): number | 'taken' {
  try {
    throttle.take(key, now)
    return 'taken'
  } catch (error) {
    if (error instanceof Fault && error.code === 'too-many-tries') return error.retryAfter ?? 0
    throw error
  }
}

test('a few are free, then each wait is twice the one before, up to the longest', () => {
  const throttle = createThrottle(OPTIONS)
  const steps: [now: number, expected: number | 'taken'][] = [
    [0, 'taken'],
    [0, 'taken'],
    [0, 'taken'],
    [0, 1],
    [999, 1],
    [1000, 'taken'],
    [1000, 2],
    [3000, 'taken'],
    [3000, 4],
    [7000, 'taken'],
    [7000, 4],
  ]
  for (const [now, expected] of steps) expect([now, tryAt(throttle, now)]).toEqual([now, expected])
})

test('others are not held up, what was right is forgotten, and so is what is long ago', () => {
  const throttle = createThrottle(OPTIONS)
  for (let n = 0; n < 3; n++) tryAt(throttle, 0)
  expect(tryAt(throttle, 0, 'bob')).toBe('taken')
  throttle.forget('ann')
  for (let n = 0; n < 3; n++) expect(tryAt(throttle, 0)).toBe('taken')
  expect(tryAt(throttle, 0)).toBe(1)
  for (let n = 0; n < 3; n++) expect(tryAt(throttle, 60_000)).toBe('taken')
})

test('nobody gets more tries than the waits allow, whenever they try', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { maxLength: 200 }), (pauses) => {
      const throttle = createThrottle(OPTIONS)
      let now = 0
      let taken = 0
      for (const pause of pauses) {
        now += pause
        if (tryAt(throttle, now) === 'taken') taken += 1
      }
      // After the free ones at 0, at best one at 1 s, one at 3 s, and then one each 4 s.
      expect(taken).toBeLessThanOrEqual(OPTIONS.free + 2 + now / 4000 + 1)
    }),
  )
})
