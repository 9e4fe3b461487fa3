// Points of a chart: several series on one time axis, growing at the end.
import type { HistoryView, StateView } from '@ridethrough/protocol/http/device.ts'

/** `times` in seconds since 1970, as the chart wants them. `null` is a gap, `undefined` is "no point of this series here". */
export type Plot = { readonly times: readonly number[]; readonly columns: readonly (readonly Point[])[] }
export type Point = number | null | undefined

export const NO_POINTS: Plot = { times: [], columns: [] }

export function alignSeries(history: HistoryView, variables: readonly string[]): Plot {
  const byTime = new Map<number, Point[]>()
  for (const { variable, points } of history.series) {
    const column = variables.indexOf(variable)
    if (column < 0) continue
    for (const [at, value] of points) {
      const time = Date.parse(at) / 1000
      const row = byTime.get(time) ?? variables.map(() => undefined)
      row[column] = value
      byTime.set(time, row)
    }
  }
  const times = [...byTime.keys()].toSorted((a, b) => a - b)
  return { times, columns: variables.map((_, column) => times.map((time) => byTime.get(time)?.[column])) }
}

/** The plot with one more moment at its end and nothing older than `from` (seconds). A silent device leaves a gap. */
export function appendState(plot: Plot, variables: readonly string[], state: StateView, from: number): Plot {
  if (state.at === null) return plot
  const time = Date.parse(state.at) / 1000
  const last = plot.times.at(-1)
  const isSilent = state.stale || state.problem !== null
  const at = isSilent && last !== undefined && time <= last ? last + 0.001 : time
  if (last !== undefined && at <= last) return plot
  const row = variables.map((variable): Point => (isSilent ? null : numberAt(state, variable)))
  if (isSilent && plot.columns.every((column) => column.at(-1) === null)) return plot
  const drop = Math.max(
    0,
    plot.times.findIndex((each) => each >= from),
  )
  return {
    times: [...plot.times.slice(drop), at],
    columns: variables.map((_, column) => [...(plot.columns[column] ?? []).slice(drop), row[column]]),
  }
}

function numberAt(state: StateView, variable: string): Point {
  const value = state.variables[variable]
  return typeof value === 'number' ? value : null
}
