import { ALWAYS, nextChange, type Period, type PeriodPosition, positionIn } from '@ridethrough/protocol/period.ts'
import { expect, test } from 'vitest'

test.each<[what: string, period: Period, now: number, position: PeriodPosition, next: number | null]>([
  ['always', ALWAYS, 0, 'inside', null],
  ['always, before 1970 too', ALWAYS, -5, 'inside', null],
  ['before its beginning', { from: 10, until: 20 }, 9, 'before', 10],
  ['at its beginning', { from: 10, until: 20 }, 10, 'inside', 20],
  ['at its last instant', { from: 10, until: 20 }, 19, 'inside', 20],
  ['at its end', { from: 10, until: 20 }, 20, 'after', null],
  ['without a beginning', { from: null, until: 20 }, -5, 'inside', 20],
  ['without an end', { from: 10, until: null }, 1e15, 'inside', null],
  ['that ends before it begins', { from: 20, until: 10 }, 15, 'after', 20],
  ['at no instant at all', { from: 10, until: null }, Number.NaN, 'before', null],
  ['at no instant at all, with an end', { from: null, until: 10 }, Number.NaN, 'after', null],
])('a period %s [R15]', (_what, period, now, position, next) => {
  expect([positionIn(period, now), nextChange(period, now)]).toEqual([position, next])
})
