// Weekly windows as marks on a week, and back: what is drawn on the grid and what is typed are the same windows.
import { WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'

/** Minutes of one day, 0 to 1440; `until` is not inside. */
export type Span = { readonly from: number; readonly until: number }
/** Whole hours on whole days, each bound inside: days 0 (Monday) to 6, hours 0 to 23. */
export type Area = {
  readonly fromDay: number
  readonly untilDay: number
  readonly fromHour: number
  readonly untilHour: number
}

export const WORKING_HOURS: WeeklyWindow = { days: [1, 2, 3, 4, 5], from: '08:00', until: '17:00' }

const DAY = 1440
const WEEK = 7 * DAY

/** What each weekday shows, Monday first; a window across midnight shows on both days. */
export function spansByDay(windows: readonly WeeklyWindow[]): readonly (readonly Span[])[] {
  const marked = spansOf(windows)
  return WEEKDAYS.map((day) => {
    const start = (day - 1) * DAY
    return marked.flatMap(({ from, until }) => {
      const span = { from: Math.max(0, from - start), until: Math.min(DAY, until - start) }
      return span.from < span.until ? [span] : []
    })
  })
}

/** The windows with the area marked, or no longer marked. */
export function paint(windows: readonly WeeklyWindow[], area: Area, isOn: boolean): WeeklyWindow[] {
  const painted: Span[] = []
  for (let day = area.fromDay; day <= area.untilDay; day += 1) {
    painted.push({ from: day * DAY + area.fromHour * 60, until: day * DAY + (area.untilHour + 1) * 60 })
  }
  const marked = spansOf(windows)
  return windowsOf(isOn ? merge([...marked, ...painted]) : painted.reduce(cut, marked))
}

function cut(spans: readonly Span[], { from, until }: Span): Span[] {
  return spans.flatMap((span) => [
    ...(span.from < Math.min(from, span.until) ? [{ from: span.from, until: Math.min(from, span.until) }] : []),
    ...(Math.max(until, span.from) < span.until ? [{ from: Math.max(until, span.from), until: span.until }] : []),
  ])
}

/** Minutes of the week, ascending, none touching another; what runs over the end of Sunday begins again on Monday. */
function spansOf(windows: readonly WeeklyWindow[]): Span[] {
  return merge(
    windows.flatMap(({ days, from, until }) =>
      days.flatMap((day) => {
        const start = (day - 1) * DAY + minutesOf(from)
        const length = minutesOf(until) - minutesOf(from)
        const end = start + (length > 0 ? length : length + DAY)
        if (end <= WEEK) return [{ from: start, until: end }]
        return [
          { from: start, until: WEEK },
          { from: 0, until: end - WEEK },
        ]
      }),
    ),
  )
}

function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && span.from <= last.until)
      merged[merged.length - 1] = { from: last.from, until: Math.max(last.until, span.until) }
    else merged.push(span)
  }
  return merged
}

/** As few windows as say it: days with the same hours stand together, a night stays one piece. */
function windowsOf(spans: readonly Span[]): WeeklyWindow[] {
  const found = new Map<string, WeeklyWindow>()
  for (const { from, until } of aroundSunday(spans).flatMap(piecesOf)) {
    const times = { from: sayMinutes(from % DAY), until: until % DAY === 0 ? '24:00' : sayMinutes(until % DAY) }
    const key = `${times.from} ${times.until}`
    const day = WEEKDAYS[Math.floor(from / DAY)] ?? 1
    found.set(key, { ...times, days: [...(found.get(key)?.days ?? []), day].toSorted((a, b) => a - b) })
  }
  return [...found.values()].toSorted((a, b) => (a.days[0] ?? 0) - (b.days[0] ?? 0) || (a.from < b.from ? -1 : 1))
}

/** A night from Sunday to Monday is one piece, unless the whole week is marked. */
function aroundSunday(spans: readonly Span[]): readonly Span[] {
  const [first, ...rest] = spans
  const last = rest.at(-1)
  if (first?.from !== 0 || last?.until !== WEEK) return spans
  return [...rest.slice(0, -1), { from: last.from, until: WEEK + first.until }]
}

/** A window is at most a day long: what is longer is told day by day. */
function piecesOf({ from, until }: Span): Span[] {
  if (until - from <= DAY) return [{ from: from % WEEK, until: (from % WEEK) + until - from }]
  const midnight = (Math.floor(from / DAY) + 1) * DAY
  return [{ from: from % WEEK, until: (from % WEEK) + midnight - from }, ...piecesOf({ from: midnight, until })]
}

function minutesOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

function sayMinutes(minutes: number): string {
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':')
}
