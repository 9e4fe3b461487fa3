// Which numbers can be: bounds so wide that only nonsense falls outside.
import { findVariable, type VariableFact } from '@ridethrough/protocol/variable.ts'

const YEARS_100 = 100 * 366 * 86_400

const BOUNDS: Readonly<Record<VariableFact['unit'], readonly [min: number, max: number]>> = {
  '': [0, 1e6],
  V: [0, 50_000],
  A: [-10_000, 10_000],
  W: [0, 1e8],
  VA: [0, 1e8],
  Hz: [0, 1000],
  '%': [0, 1000],
  '°C': [-60, 150],
  s: [0, YEARS_100],
  kWh: [0, 1e9],
}

/** Cards report a freshly calibrated battery as a percent or two over full. */
const CLOSER: Readonly<Record<string, readonly [min: number, max: number]>> = { 'battery.charge': [0, 110] }

/** Whether the value is of the variable's kind and within what any device could have. */
export function isPlausible(variable: string, value: number | string): boolean {
  const fact = findVariable(variable)
  if (!fact) return true
  if (fact.kind !== 'number') return typeof value === 'string'
  if (typeof value !== 'number') return false
  const [min, max] = CLOSER[variable] ?? BOUNDS[fact.unit]
  return value >= min && value <= max
}
