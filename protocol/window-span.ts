// When a weekly window was open over a long stretch of time: worked out day by day, for the past rather than for a delivery.
import { spansOf, type WeeklyWindow } from './window.ts'
import { offsetsBetween } from './zone.ts'

/** Milliseconds since 1970; `to` is not inside. */
export type Span = { readonly from: number; readonly to: number }

const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS

/**
 * All that lies inside one of the windows, ascending and apart from each other; without windows all of the range. It
 * agrees with `compileSchedule` at every instant, and takes milliseconds for a year where that asks instant by instant.
 */
export function openWithin(windows: readonly WeeklyWindow[], timeZone: string, range: Span): Span[] {
  if (range.from >= range.to) return []
  if (windows.length === 0) return [range]
  const spans = windows.flatMap(spansOf)
  const offsets = offsetsBetween(timeZone, range.from, range.to)
  const found: Span[] = []
  for (const [index, offset] of offsets.entries()) {
    // While this offset holds, the wall clock runs with the instants: `local` is the wall clock, as if it were UTC.
    const from = Math.max(range.from, offset.from)
    const to = Math.min(range.to, offsets[index + 1]?.from ?? Number.POSITIVE_INFINITY)
    // One that began the day before may still be open.
    const firstDay = Math.floor((from + offset.ms) / DAY_MS) - 1
    const lastDay = Math.floor((to + offset.ms) / DAY_MS)
    for (let day = firstDay; day <= lastDay; day += 1) {
      for (const span of spans) {
        if (span.day !== weekdayOf(day)) continue
        const midnight = day * DAY_MS - offset.ms
        const opens = Math.max(from, midnight + span.from * MINUTE_MS)
        const closes = Math.min(to, midnight + span.until * MINUTE_MS)
        if (opens < closes) found.push({ from: opens, to: closes })
      }
    }
  }
  return mergeSpans(found)
}

/** Ascending, apart from each other, and covering the same instants. */
export function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && span.from <= last.to) merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) }
    else merged.push(span)
  }
  return merged
}

/** 0 is Monday. `day` counts from 1 January 1970, a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7
}
