// From when until when something holds.

/** Instants in milliseconds since 1970 (UTC); `from` is inside, `until` is not. `null` is "no bound". */
export type Period = { readonly from: number | null; readonly until: number | null }

export const ALWAYS: Period = { from: null, until: null }

export type PeriodPosition = 'before' | 'inside' | 'after'

export function positionIn(period: Period, now: number): PeriodPosition {
  // A period that ends before it begins is over: nothing is ever inside it.
  // Asked this way round, an instant that is no number is never inside either.
  if (period.until !== null && !(now < period.until)) return 'after'
  if (period.from !== null && !(now >= period.from)) return 'before'
  return 'inside'
}

/** The next instant after `now` at which being inside changes, or `null` when it never changes again. */
export function nextChange(period: Period, now: number): number | null {
  const edges = [period.from, period.until].filter((edge): edge is number => edge !== null && edge > now)
  return edges.length > 0 ? Math.min(...edges) : null
}
