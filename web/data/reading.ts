// The few variables that the console looks at by name, and how the rest is grouped.
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import type { VariableValue } from '@ridethrough/protocol/message/telemetry.ts'
import { findVariable, type VariableFact } from '@ridethrough/protocol/variable.ts'
import type { z } from 'zod'

export type Value = z.infer<typeof VariableValue>

/** What the overview and the head of a device show. */
export const HEADLINE = {
  charge: 'battery.charge',
  runtime: 'battery.runtime',
  load: 'ups.load',
  inputVoltage: 'input.voltage',
  outputVoltage: 'output.voltage',
  power: 'ups.realpower',
  temperature: 'ups.temperature',
} as const

/** Drawn first on a device's chart. */
export const FIRST_CHARTED: readonly string[] = [HEADLINE.charge, HEADLINE.load]

/** `undefined` when unknown: never zero. */
export function numberOf(state: StateView, variable: string): number | undefined {
  const value = state.variables[variable]
  return typeof value === 'number' ? value : undefined
}

const GROUPS = ['battery', 'input', 'output', 'ups', 'outlet', 'ambient', 'device'] as const
export type Group = (typeof GROUPS)[number] | 'other'
export type Reading = { readonly name: string; readonly value: Value; readonly fact: VariableFact | undefined }

/** All readings by the first part of their NUT name, in a fixed order; empty groups are left out. */
export function groupReadings(variables: StateView['variables']): { group: Group; readings: Reading[] }[] {
  const byGroup = new Map<Group, Reading[]>([...GROUPS, 'other' as const].map((group) => [group, []]))
  for (const [name, value] of Object.entries(variables)) {
    const domain = name.split('.', 1)[0]
    const group = GROUPS.find((each) => each === domain) ?? 'other'
    byGroup.get(group)?.push({ name, value, fact: findVariable(name) })
  }
  return [...byGroup]
    .filter(([, readings]) => readings.length > 0)
    .map(([group, readings]) => ({ group, readings: readings.toSorted(byName) }))
}

/** Names of the variables that have a number now, and so can be drawn. */
export function chartable(variables: StateView['variables']): string[] {
  return Object.keys(variables)
    .filter(
      (name) => typeof variables[name] === 'number' && !/nominal|transfer|delay|timer|packs|phases|count/.test(name),
    )
    .toSorted((a, b) => place(a) - place(b) || a.localeCompare(b))
}

function place(name: string): number {
  const index = Object.values<string>(HEADLINE).indexOf(name)
  return index < 0 ? Number.MAX_SAFE_INTEGER : index
}

function byName(a: Reading, b: Reading): number {
  return a.name.localeCompare(b.name, 'en', { numeric: true })
}
