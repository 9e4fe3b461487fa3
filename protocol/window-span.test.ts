import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileSchedule, WEEKDAYS, type WeeklyWindow } from './window.ts'
import { mergeSpans, openWithin } from './window-span.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const twoDigits = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'))
const time = fc.tuple(twoDigits(23), fc.constantFrom('00', '30', '59')).map((parts) => parts.join(':'))
const arbWindow: fc.Arbitrary<WeeklyWindow> = fc.record({
  days: fc.subarray([...WEEKDAYS], { minLength: 1 }),
  from: time,
  until: fc.oneof(time, fc.constant('24:00')),
})
// Zones that go forward and back, by half an hour.
const arbZone = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'Africa/Casablanca',
)
const START = Date.parse('2026-03-20T00:00:00Z')
const arbRange = fc
  .tuple(fc.integer({ min: 0, max: 240 * DAY }), fc.integer({ min: 1, max: 20 * DAY }))
  .map(([after, length]) => ({ from: START + after, to: START + after + length }))

test('it agrees with the schedule at every instant, also where clocks are changed [R23]', () => {
  fc.assert(
    fc.property(
      fc.array(arbWindow, { minLength: 1, maxLength: 4 }),
      arbZone,
      arbRange,
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 20, maxLength: 20 }),
      (windows, zone, range, picks) => {
        const spans = openWithin(windows, zone, range)
        const schedule = compileSchedule(windows, zone)
        const instants = [
          ...picks.map((pick) => Math.floor(range.from + pick * (range.to - range.from))),
          ...spans.flatMap(({ from, to }) => [from, to - 1, to, from - 1]),
        ].filter((at) => at >= range.from && at < range.to)
        for (const at of instants) {
          expect(spans.some(({ from, to }) => at >= from && at < to)).toBe(schedule?.insideAt(at))
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('spans are in order, apart from each other and inside the range', () => {
  fc.assert(
    fc.property(fc.array(arbWindow, { maxLength: 4 }), arbZone, arbRange, (windows, zone, range) => {
      let before = Number.NEGATIVE_INFINITY
      for (const { from, to } of openWithin(windows, zone, range)) {
        expect(from).toBeGreaterThan(before)
        expect(to).toBeGreaterThan(from)
        before = to
      }
      expect(before).toBeLessThanOrEqual(range.to)
    }),
    { numRuns: 300 },
  )
})

test('without windows it is all of the range; in a zone that does not exist it is nothing', () => {
  expect(openWithin([], 'UTC', { from: 5, to: 9 })).toEqual([{ from: 5, to: 9 }])
  expect(openWithin([], 'UTC', { from: 9, to: 9 })).toEqual([])
  const always = [{ days: [...WEEKDAYS], from: '00:00', until: '24:00' }]
  expect(openWithin(always, 'Europe/Berlin', { from: START, to: START + 30 * DAY })).toEqual([
    { from: START, to: START + 30 * DAY },
  ])
  expect(openWithin(always, 'Nowhere/Land', { from: START, to: START + DAY })).toEqual([])
})

test('overlapping and touching spans become one', () => {
  const spans = [
    { from: 5, to: 7 },
    { from: 0, to: 2 },
    { from: 2, to: 3 },
    { from: 6, to: 6.5 },
  ]
  expect(mergeSpans(spans)).toEqual([
    { from: 0, to: 3 },
    { from: 5, to: 7 },
  ])
})
