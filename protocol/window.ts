// Weekly windows: "Monday to Friday, 08:00 to 17:00", by the wall clock of the place where the device stands (R23).
import { type Offset, offsetsBetween } from './zone.ts'

export const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7] as const
/** ISO 8601: 1 is Monday. */
export type Weekday = (typeof WEEKDAYS)[number]

/**
 * `from` and `until` are `HH:MM` of the wall clock; `until` may be `24:00`, and one that is not after `from` is on the
 * following day (so equal ones last a whole day). `days` are those on which the window begins. Where the clocks are put back an hour is there twice and is
 * inside twice; where they are put forward it is not there at all.
 */
export type WeeklyWindow = { readonly days: Weekday[]; readonly from: string; readonly until: string }

/** Windows of one time zone, ready to be asked on every delivery. */
export type Schedule = {
  insideAt(now: number): boolean
  /** The next instant after `now` at which being inside changes; `null`: never. */
  nextChange(now: number): number | null
}

/** Of a window that begins on this day (0 is Monday), in minutes of that day's wall clock. */
export type Minutes = { readonly day: number; readonly from: number; readonly until: number }
type Segment = { readonly from: number; readonly until: number; readonly isInside: boolean }

const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS
const WEEK_MINUTES = 7 * 1440
/** Two weeks show every change that comes again each week, and one that a change of the clocks has swallowed once. */
const HORIZON_DAYS = 15

/**
 * `undefined` when there are no windows: nothing is restricted then. In a zone that does not exist no instant is inside.
 */
export function compileSchedule(windows: readonly WeeklyWindow[], timeZone: string): Schedule | undefined {
  if (windows.length === 0) return undefined
  const spans = windows.flatMap(spansOf)
  let known: Segment | undefined
  const segmentAt = (now: number): Segment => {
    if (!known || now < known.from || now >= known.until) known = findSegment(spans, timeZone, now)
    return known
  }
  return {
    insideAt: (now) => segmentAt(now).isInside,
    nextChange: (now) => {
      const { until } = segmentAt(now)
      return until === Number.POSITIVE_INFINITY ? null : until
    },
  }
}

export function spansOf({ days, from, until }: WeeklyWindow): Minutes[] {
  const start = minutesOf(from)
  const end = minutesOf(until)
  return days.map((day) => ({ day: day - 1, from: start, until: end > start ? end : end + 1440 }))
}

function minutesOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

function findSegment(spans: readonly Minutes[], timeZone: string, now: number): Segment {
  const offsets = offsetsBetween(timeZone, now, now + HORIZON_DAYS * DAY_MS)
  const insideAt = (at: number) => isInside(spans, at + offsetIn(offsets, at))
  const isInsideNow = insideAt(now)
  const until = boundaries(spans, offsets, now).find((at) => insideAt(at) !== isInsideNow)
  return { from: now, until: until ?? Number.POSITIVE_INFINITY, isInside: isInsideNow }
}

/** `local` is the wall clock, as if it were UTC. */
function isInside(spans: readonly Minutes[], local: number): boolean {
  // 1 January 1970 was a Thursday
  const minute = modulo(local + 3 * DAY_MS, 7 * DAY_MS) / MINUTE_MS
  return spans.some(({ day, from, until }) => modulo(minute - (day * 1440 + from), WEEK_MINUTES) < until - from)
}

/** Every instant after `now` at which being inside may change, ascending. */
function boundaries(spans: readonly Minutes[], offsets: readonly Offset[], now: number): number[] {
  const found = new Set(offsets.map(({ from }) => from))
  const minutes = new Set(spans.flatMap(({ from, until }) => [from, until % 1440]))
  for (const { ms } of offsets) {
    const firstDay = Math.floor((now + ms) / DAY_MS)
    for (let day = firstDay; day <= firstDay + HORIZON_DAYS; day += 1) {
      for (const minute of minutes) found.add(day * DAY_MS + minute * MINUTE_MS - ms)
    }
  }
  return [...found].filter((at) => at > now).sort((a, b) => a - b)
}

/** NaN, in which nothing is inside, where the zone does not exist. */
function offsetIn(offsets: readonly Offset[], at: number): number {
  return offsets.findLast(({ from }) => from <= at)?.ms ?? Number.NaN
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
