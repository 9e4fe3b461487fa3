// Days and times by the wall clock of a named time zone.

/** `date` as `2026-11-21`, `time` as `08:00`: what date and time fields hold. */
export type Wall = { readonly date: string; readonly time: string }

export function viewerZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Every zone that the browser knows, the suggested ones first. */
export function listZones(suggested: readonly string[]): readonly string[] {
  return [...new Set([...suggested, 'UTC', ...Intl.supportedValuesOf('timeZone')])]
}

export function wallAt(at: number, timeZone: string): Wall {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '00'
  return { date: `${get('year')}-${get('month')}-${get('day')}`, time: `${get('hour')}:${get('minute')}` }
}

/**
 * Milliseconds since 1970; `undefined` while the fields do not say a moment. A time that the clocks skip is taken an
 * hour later, one that comes twice is the first.
 */
export function instantOf({ date, time }: Wall, timeZone: string): number | undefined {
  const local = Date.parse(`${date}T${time}:00Z`)
  if (Number.isNaN(local)) return undefined
  const offsets = [-DAY_MS, DAY_MS].map((ms) => offsetAt(local + ms, timeZone))
  const found = offsets.map((ms) => local - ms).filter((at) => at + offsetAt(at, timeZone) === local)
  return found.length > 0 ? Math.min(...found) : local - Math.min(...offsets)
}

const DAY_MS = 24 * 3_600_000

function offsetAt(at: number, timeZone: string): number {
  const { date, time } = wallAt(at, timeZone)
  return Date.parse(`${date}T${time}:00Z`) - Math.floor(at / 60_000) * 60_000
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const),
  })
  formats.set(timeZone, format)
  return format
}
