import { compileSchedule, WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { paint, spansByDay, WORKING_HOURS } from './week.ts'

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom('00', '30'))
  .map(([hour, minutes]) => `${String(hour).padStart(2, '0')}:${minutes}`)
const arbWindow: fc.Arbitrary<WeeklyWindow> = fc.record({
  days: fc.subarray([...WEEKDAYS], { minLength: 1 }),
  from: time,
  until: fc.oneof(time, fc.constant('24:00')),
})
const arbArea = fc.tuple(fc.nat(6), fc.nat(6), fc.nat(23), fc.nat(23)).map(([a, b, c, d]) => ({
  fromDay: Math.min(a, b),
  untilDay: Math.max(a, b),
  fromHour: Math.min(c, d),
  untilHour: Math.max(c, d),
}))

// 5 January 1970 was a Monday.
const MONDAY = 4 * 24 * 3_600_000
const insideAt = (windows: readonly WeeklyWindow[], minute: number) =>
  compileSchedule(windows, 'UTC')?.insideAt(MONDAY + minute * 60_000) ?? false

test('what the week shows is what the broker keeps to [R23]', () => {
  fc.assert(
    fc.property(fc.array(arbWindow, { minLength: 1, maxLength: 4 }), fc.nat(7 * 48 - 1), (windows, half) => {
      const minute = half * 30
      const shown = spansByDay(windows)[Math.floor(minute / 1440)] ?? []
      const isShown = shown.some(({ from, until }) => minute % 1440 >= from && minute % 1440 < until)
      expect(isShown).toBe(insideAt(windows, minute))
    }),
    { numRuns: 500 },
  )
})

test('painting changes the painted hours and nothing else [R23]', () => {
  fc.assert(
    fc.property(
      fc.array(arbWindow, { maxLength: 4 }),
      arbArea,
      fc.boolean(),
      fc.nat(7 * 48 - 1),
      (windows, area, isOn, half) => {
        const minute = half * 30
        const day = Math.floor(minute / 1440)
        const hour = Math.floor((minute % 1440) / 60)
        const isPainted = day >= area.fromDay && day <= area.untilDay && hour >= area.fromHour && hour <= area.untilHour
        const before = windows.length > 0 && insideAt(windows, minute)
        const after = paint(windows, area, isOn)
        expect(after.length > 0 && insideAt(after, minute)).toBe(isPainted ? isOn : before)
      },
    ),
    { numRuns: 1000 },
  )
})

test('days with the same hours stand together, and a night is one window', () => {
  const area = { fromDay: 0, untilDay: 4, fromHour: 8, untilHour: 16 }
  expect(paint([], area, true)).toEqual([WORKING_HOURS])
  const evening = paint([], { fromDay: 4, untilDay: 4, fromHour: 22, untilHour: 23 }, true)
  expect(evening).toEqual([{ days: [5], from: '22:00', until: '24:00' }])
  expect(paint(evening, { fromDay: 5, untilDay: 5, fromHour: 0, untilHour: 5 }, true)).toEqual([
    { days: [5], from: '22:00', until: '06:00' },
  ])
  const sunday = paint([], { fromDay: 6, untilDay: 6, fromHour: 22, untilHour: 23 }, true)
  expect(paint(sunday, { fromDay: 0, untilDay: 0, fromHour: 0, untilHour: 5 }, true)).toEqual([
    { days: [7], from: '22:00', until: '06:00' },
  ])
  expect(paint([], { fromDay: 0, untilDay: 6, fromHour: 0, untilHour: 23 }, true)).toEqual([
    { days: [...WEEKDAYS], from: '00:00', until: '24:00' },
  ])
})
