// Weekly windows against a wall clock that is read naively, minute by minute, around every change of the clocks (R23).

import { PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { compileRights, mayOn, nextChangeOf } from '@ridethrough/protocol/rights.ts'
import { compileSchedule, WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { offsetsBetween } from '@ridethrough/protocol/zone.ts'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { arbDevice, arbFacts, arbNow, arbSubject, arbWindows, arbZone, INSTANTS, ZONES } from '../support/arbitrary.ts'
import { runs } from './effort.ts'
import { insideWindows } from './reference.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const at = (text: string) => Date.parse(text)

afterEach(() => vi.restoreAllMocks())

function scheduleOf(windows: readonly WeeklyWindow[], timeZone: string) {
  const schedule = compileSchedule(windows, timeZone)
  if (!schedule) throw new Error('there are no windows')
  return schedule
}

const everyDay = [...WEEKDAYS]
const sunday = (from: string, until: string): WeeklyWindow => ({ days: [7], from, until })

describe('rows', () => {
  test('without windows nothing is restricted', () => {
    expect(compileSchedule([], 'UTC')).toBeUndefined()
  })

  // In Berlin the clocks go from 02:00 to 03:00 on 29 March and from 03:00 to 02:00 on 25 October; on Lord Howe by half an hour.
  test.each<[what: string, window: WeeklyWindow, zone: string, rows: [when: string, isInside: boolean][]]>([
    [
      'office hours end by the wall clock of the device',
      { days: [1, 2, 3, 4, 5], from: '08:00', until: '17:00' },
      'Europe/Berlin',
      [
        ['2026-07-06T05:59:59.999Z', false],
        ['2026-07-06T06:00Z', true],
        ['2026-07-06T14:59:59.999Z', true],
        ['2026-07-06T15:00Z', false],
        ['2026-01-05T06:30Z', false],
        ['2026-01-05T07:00Z', true],
        ['2026-07-05T08:00Z', false],
      ],
    ],
    [
      'across midnight belongs to the day on which it begins',
      { days: [7], from: '22:00', until: '06:00' },
      'UTC',
      [
        ['2026-07-05T05:00Z', false],
        ['2026-07-05T22:00Z', true],
        ['2026-07-06T05:59Z', true],
        ['2026-07-06T06:00Z', false],
        ['2026-07-06T22:00Z', false],
      ],
    ],
    [
      '24:00 ends the day itself',
      { days: [6], from: '23:00', until: '24:00' },
      'UTC',
      [
        ['2026-07-04T22:59Z', false],
        ['2026-07-04T23:59:59.999Z', true],
        ['2026-07-05T00:00Z', false],
      ],
    ],
    [
      'from and until alike last a whole day',
      { days: [1], from: '09:00', until: '09:00' },
      'UTC',
      [
        ['2026-07-06T08:59Z', false],
        ['2026-07-06T09:00Z', true],
        ['2026-07-07T08:59Z', true],
        ['2026-07-07T09:00Z', false],
      ],
    ],
    [
      'an hour that is not there is not inside',
      sunday('02:00', '03:00'),
      'Europe/Berlin',
      [
        ['2026-03-29T00:59:59.999Z', false],
        ['2026-03-29T01:00Z', false],
        ['2026-04-05T00:00Z', true],
      ],
    ],
    [
      'an hour that is there twice is inside twice',
      sunday('02:00', '03:00'),
      'Europe/Berlin',
      [
        ['2026-10-24T23:59Z', false],
        ['2026-10-25T00:00Z', true],
        ['2026-10-25T01:59Z', true],
        ['2026-10-25T02:00Z', false],
      ],
    ],
    [
      'half an hour that is there twice is inside twice',
      sunday('01:30', '01:45'),
      'Australia/Lord_Howe',
      [
        ['2026-04-04T14:30Z', true],
        ['2026-04-04T14:45Z', false],
        ['2026-04-04T15:00Z', true],
        ['2026-04-04T15:15Z', false],
      ],
    ],
    [
      'quarters of an hour are kept',
      { days: [1], from: '00:00', until: '00:15' },
      'Asia/Kathmandu',
      [
        ['2026-07-05T18:14Z', false],
        ['2026-07-05T18:15Z', true],
        ['2026-07-05T18:30Z', false],
      ],
    ],
  ])('%s [R23]', (_what, window, zone, rows) => {
    for (const [when, isInside] of rows)
      expect([when, scheduleOf([window], zone).insideAt(at(when))]).toEqual([when, isInside])
  })

  test.each<[what: string, windows: WeeklyWindow[], zone: string, now: string, next: string | null]>([
    ['the beginning', [sunday('08:00', '09:00')], 'UTC', '2026-07-05T07:59Z', '2026-07-05T08:00:00.000Z'],
    ['the end', [sunday('08:00', '09:00')], 'UTC', '2026-07-05T08:00Z', '2026-07-05T09:00:00.000Z'],
    ['next week', [sunday('08:00', '09:00')], 'UTC', '2026-07-05T09:00Z', '2026-07-12T08:00:00.000Z'],
    [
      'after a swallowed hour',
      [sunday('02:00', '03:00')],
      'Europe/Berlin',
      '2026-03-22T02:00Z',
      '2026-04-05T00:00:00.000Z',
    ],
    [
      'the clocks themselves',
      [sunday('01:00', '02:30')],
      'Europe/Berlin',
      '2026-03-29T00:00Z',
      '2026-03-29T01:00:00.000Z',
    ],
    ['the hour again', [sunday('01:00', '02:30')], 'Europe/Berlin', '2026-10-25T00:30Z', '2026-10-25T01:00:00.000Z'],
    ['never, inside', [{ days: everyDay, from: '00:00', until: '24:00' }], 'Europe/Berlin', '2026-03-29T00:00Z', null],
    ['never, inside, in parts', [{ days: everyDay, from: '09:00', until: '09:00' }], 'UTC', '2026-03-29T00:00Z', null],
    ['never, outside', [{ days: [], from: '08:00', until: '09:00' }], 'UTC', '2026-03-29T00:00Z', null],
    [
      'over the year’s end',
      [sunday('00:00', '24:00')],
      'America/New_York',
      '2026-12-28T06:00Z',
      '2027-01-03T05:00:00.000Z',
    ],
  ])('the next change is %s [R23]', (_what, windows, zone, now, next) => {
    const change = scheduleOf(windows, zone).nextChange(at(now))
    expect(change === null ? null : new Date(change).toISOString()).toBe(next)
  })

  test('in a zone that does not exist, and at no instant at all, nobody is inside, and nothing is thrown', () => {
    const always = [{ days: everyDay, from: '00:00', until: '24:00' }]
    expect(scheduleOf(always, 'Europe/Atlantis').insideAt(0)).toBe(false)
    expect(scheduleOf(always, 'Europe/Atlantis').nextChange(0)).toBeNull()
    expect(offsetsBetween('Europe/Atlantis', 0, 1)).toEqual([])
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15, -8.64e15]) {
      expect(scheduleOf(always, 'UTC').insideAt(now)).toBe(false)
      expect(scheduleOf(always, 'UTC').nextChange(now)).toBeNull()
    }
    expect(scheduleOf(always, 'UTC').insideAt(Date.UTC(9999, 11, 31))).toBe(true)
    expect(scheduleOf(always, 'UTC').insideAt(at('0026-06-01T00:00Z'))).toBe(true)
  })
})

describe('zones', () => {
  test('the clocks of 2026 change when they do', () => {
    const changes = (zone: string) =>
      offsetsBetween(zone, at('2026-01-01T00:00Z'), at('2026-06-30T00:00Z')).map(({ from, ms }) => [
        new Date(from).toISOString(),
        ms / HOUR_MS,
      ])
    const start = '2026-01-01T00:00:00.000Z'
    expect(changes('Europe/Berlin')).toEqual([
      [start, 1],
      ['2026-03-29T01:00:00.000Z', 2],
    ])
    expect(changes('America/New_York')).toEqual([
      [start, -5],
      ['2026-03-08T07:00:00.000Z', -4],
    ])
    expect(changes('Australia/Lord_Howe')).toEqual([
      [start, 11],
      ['2026-04-04T15:00:00.000Z', 10.5],
    ])
    expect(changes('Africa/Casablanca')).toEqual([
      [start, 1],
      ['2026-02-15T02:00:00.000Z', 0],
      ['2026-03-22T02:00:00.000Z', 1],
    ])
    expect(changes('Asia/Kathmandu')).toEqual([[start, 5.75]])
  })

  test('what held before comes first, whatever the year', () => {
    expect(offsetsBetween('Europe/Berlin', at('2026-11-01T00:00Z'), at('2026-11-02T00:00Z'))).toEqual([
      { from: at('2026-10-25T01:00Z'), ms: HOUR_MS },
    ])
    const years = offsetsBetween('Europe/Berlin', at('2025-12-01T00:00Z'), at('2026-03-29T01:00Z'))
    expect(years.map(({ ms }) => ms / HOUR_MS)).toEqual([1, 1, 2])
  })

  test('a clock’s year is asked for once', () => {
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    const ask = () => offsetsBetween('Pacific/Chatham', at('2031-01-05T00:00Z'), at('2031-12-05T00:00Z'))
    const first = ask()
    expect(asked).toHaveBeenCalled()
    offsetsBetween('Pacific/Chatham', at('2032-01-05T00:00Z'), at('2032-12-05T00:00Z'))
    asked.mockClear()
    const made = vi.spyOn(Intl, 'DateTimeFormat')
    expect(ask()).toEqual(first)
    expect(asked).not.toHaveBeenCalled()
    expect(made).not.toHaveBeenCalled()
  })

  test('what is kept of clocks is bounded, whatever years are asked for', () => {
    const ask = (year: number) => offsetsBetween('UTC', Date.UTC(year, 5), Date.UTC(year, 6))
    ask(2100)
    for (let year = 3000; year < 4001; year += 1) ask(year)
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    ask(2100)
    expect(asked).toHaveBeenCalled()
  })
})

describe('against the naive wall clock', () => {
  const arbSome = arbWindows.filter((windows) => windows.length > 0)

  test('every minute around every change of the clocks is answered alike [R23]', () => {
    fc.assert(
      fc.property(arbSome, arbZone, fc.constantFrom(...INSTANTS), (windows, zone, around) => {
        const schedule = scheduleOf(windows, zone)
        for (let now = around - 4 * HOUR_MS; now < around + 4 * HOUR_MS; now += MINUTE_MS) {
          if (schedule.insideAt(now) !== insideWindows(windows, zone, now)) expect.fail(new Date(now).toISOString())
        }
      }),
      runs(100),
    )
  })

  test('the next change is exact: nothing changes before it, and it does [R23]', () => {
    fc.assert(
      fc.property(arbSome, arbZone, arbNow, (windows, zone, now) => {
        const schedule = scheduleOf(windows, zone)
        const isInside = insideWindows(windows, zone, now)
        const next = schedule.nextChange(now)
        const until = next ?? now + 15 * DAY_MS
        for (let later = now; later < until; later += 15 * MINUTE_MS) {
          if (insideWindows(windows, zone, later) !== isInside) expect.fail(new Date(later).toISOString())
        }
        if (next === null) return
        expect(next).toBeGreaterThan(now)
        expect(insideWindows(windows, zone, next - 1)).toBe(isInside)
        expect(insideWindows(windows, zone, next)).toBe(!isInside)
      }),
      runs(300),
    )
  })

  test('one schedule answers the same in whatever order it is asked, backwards too [R23]', () => {
    fc.assert(
      fc.property(arbSome, arbZone, fc.array(arbNow, { minLength: 2, maxLength: 12 }), (windows, zone, instants) => {
        const schedule = scheduleOf(windows, zone)
        for (const now of instants) {
          expect(schedule.insideAt(now)).toBe(insideWindows(windows, zone, now))
          expect(schedule.nextChange(now)).toBe(scheduleOf(windows, zone).nextChange(now))
        }
      }),
      runs(300),
    )
  })

  test('a whole year in each zone, hour by hour, at one schedule', () => {
    const windows: WeeklyWindow[] = [
      { days: [1, 3, 5], from: '22:30', until: '02:30' },
      { days: [7], from: '02:15', until: '24:00' },
    ]
    for (const zone of ZONES.slice(0, runs(ZONES.length).numRuns)) {
      const schedule = scheduleOf(windows, zone)
      for (let now = at('2026-01-01T00:00Z'); now < at('2027-01-02T00:00Z'); now += HOUR_MS / 2) {
        if (schedule.insideAt(now) !== insideWindows(windows, zone, now)) expect.fail(new Date(now).toISOString())
      }
    }
  })
})

describe('on a delivery', () => {
  test('while the segment is known, no clock is asked for', () => {
    const schedule = scheduleOf([{ days: everyDay, from: '08:00', until: '17:00' }], 'Pacific/Apia')
    const start = at('2032-05-05T00:00Z')
    schedule.insideAt(start)
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    const made = vi.spyOn(Intl, 'DateTimeFormat')
    const next = schedule.nextChange(start) ?? 0
    for (let now = start; now < next; now += MINUTE_MS) schedule.insideAt(now)
    expect(asked).not.toHaveBeenCalled()
    expect(made).not.toHaveBeenCalled()
  })

  test('compiled rights change at no instant that was not foretold [R15 R23]', () => {
    fc.assert(
      fc.property(arbSubject, arbDevice, arbFacts, arbNow, (subject, device, facts, now) => {
        const rights = compileRights(subject, [device], facts, 1)
        const held = (later: number) => PRIVILEGES.map((privilege) => mayOn(rights, privilege, device.id, later))
        const next = nextChangeOf(rights, now)
        if (next !== null) expect(next).toBeGreaterThan(now)
        // Whatever could change anything: each edge of a period, each change of the clocks, each quarter of an hour.
        const until = Math.min(next ?? now + 8 * DAY_MS, now + 8 * DAY_MS)
        const edges = [...facts.shares, ...facts.guests, ...facts.links, subject.scope].flatMap(({ period }) =>
          [period.from, period.until].filter((edge) => edge !== null),
        )
        const later = [...edges, ...INSTANTS].filter((instant) => instant > now && instant < until)
        for (let instant = now; instant < until; instant += 45 * MINUTE_MS) later.push(instant)
        if (next !== null) later.push(next - 1)
        const before = held(now)
        for (const instant of later) expect(held(instant)).toEqual(before)
      }),
      runs(300),
    )
  })
})
