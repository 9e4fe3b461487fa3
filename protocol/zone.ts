// How far the wall clock of a place is ahead of UTC, and when that changes.

/** From the instant `from` on, the wall clock is `ms` ahead of UTC. */
export type Offset = { readonly from: number; readonly ms: number }

// No place has changed its clocks twice within a week since 1970; Morocco, with four changes a year, leaves a month between.
const STEP_MS = 7 * 86_400_000
/** Asking Intl costs microseconds, so each year of a zone is asked for once; many more than anybody's devices need. */
const MAX_YEARS = 1000

const formats = new Map<string, Intl.DateTimeFormat | undefined>()
const years = new Map<string, readonly Offset[]>()

/** What holds at `from`, and each change up to `until`, ascending. Empty for a zone or an instant that does not exist. */
export function offsetsBetween(timeZone: string, from: number, until: number): readonly Offset[] {
  const format = formatOf(timeZone)
  if (!format) return []
  const found: Offset[] = []
  for (let year = yearOf(from); year <= yearOf(until); year += 1) {
    for (const offset of offsetsOf(timeZone, format, year)) if (offset.from <= until) found.push(offset)
  }
  return found.slice(found.findLastIndex((offset) => offset.from <= from))
}

function offsetsOf(timeZone: string, format: Intl.DateTimeFormat, year: number): readonly Offset[] {
  const key = `${timeZone} ${year}`
  const known = years.get(key)
  if (known) return known
  const found = findOffsets(format, startOf(year), startOf(year + 1))
  if (years.size >= MAX_YEARS) years.clear()
  years.set(key, found)
  return found
}

function findOffsets(format: Intl.DateTimeFormat, from: number, until: number): Offset[] {
  // A year at the end of time, of which a Date holds only a part.
  if (!(from < until)) return []
  const found: Offset[] = [{ from, ms: offsetAt(format, from) }]
  let before = from
  while (before < until) {
    const after = Math.min(before + STEP_MS, until)
    const ms = offsetAt(format, after)
    if (ms !== found.at(-1)?.ms) found.push({ from: changeBetween(format, before, after), ms })
    before = after
  }
  return found
}

/** The first instant at which what holds at `until` holds. */
function changeBetween(format: Intl.DateTimeFormat, from: number, until: number): number {
  const ms = offsetAt(format, until)
  let [low, high] = [from, until]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(format, middle) === ms) high = middle
    else low = middle
  }
  return high
}

function offsetAt(format: Intl.DateTimeFormat, at: number): number {
  const part = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const get = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0
  const day = startOf(get('year'), get('month') - 1, get('day'))
  const local = day + ((get('hour') * 60 + get('minute')) * 60 + get('second')) * 1000
  return local - Math.floor(at / 1000) * 1000
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  if (!formats.has(timeZone)) formats.set(timeZone, makeFormat(timeZone))
  return formats.get(timeZone)
}

function makeFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      ...({ year: 'numeric', month: 'numeric', day: 'numeric' } as const),
      ...({ hour: 'numeric', minute: 'numeric', second: 'numeric' } as const),
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function yearOf(at: number): number {
  return new Date(at).getUTCFullYear()
}

/** `Date.UTC` would take the year 26 for 1926. */
function startOf(year: number, month = 0, day = 1): number {
  return new Date(0).setUTCFullYear(year, month, day)
}
