// A unit as the control API shows it, and the changes that it takes.
import { z } from 'zod'
import { isGroupLive, read, statusOf } from './model/reading.ts'
import { UNIT_FAULTS, type Unit } from './unit.ts'

/** Any subset; what is left out stays. */
export const UnitChangeBody = z.strictObject({
  mains: z.boolean().optional(),
  /** Volts at the socket while there is mains. */
  inputVoltage: z.number().min(0).max(500).optional(),
  /** Percent of the rated power plugged in. */
  load: z.number().min(0).max(150).optional(),
  charge: z.number().min(0).max(100).optional(),
  fault: z.enum(UNIT_FAULTS).nullable().optional(),
  speed: z.number().positive().max(3600).optional(),
})
export type UnitChangeBody = z.infer<typeof UnitChangeBody>

const Watts = z.number()
export const UnitItem = z.object({
  name: z.string(),
  /** As in "snmp-v2c". */
  wire: z.string(),
  /** As in "127.0.0.1:50161". */
  address: z.string(),
  mib: z.enum(['ups-mib', 'powernet']),
  model: z.string(),
  serial: z.string(),
  mains: z.boolean(),
  /** Percent; `load` is what the UPS delivers now, `plugged` what the outlets would take with all groups on. */
  charge: z.number(),
  load: z.number(),
  plugged: z.number(),
  watts: Watts,
  status: z.string(),
  /** Seconds left on battery. */
  runtime: z.number(),
  inputVoltage: z.number(),
  outputVoltage: z.number(),
  batteryVoltage: z.number(),
  temperature: z.number(),
  output: z.boolean(),
  test: z.enum(['none', 'running', 'pass', 'warning', 'error', 'aborted', 'refused']),
  fault: z.enum(UNIT_FAULTS).nullable(),
  speed: z.number(),
  /** Simulated seconds since the start. */
  at: z.number(),
  outletGroups: z.array(
    z.object({
      name: z.string(),
      main: z.boolean(),
      on: z.boolean(),
      pending: z.enum(['on', 'off', 'reboot']).nullable(),
    }),
  ),
})
export type UnitItem = z.infer<typeof UnitItem>

export type UnitPlace = { readonly wire: string; readonly address: string; readonly mib: 'ups-mib' | 'powernet' }

export function itemOf(unit: Unit, place: UnitPlace): UnitItem {
  const state = unit.state()
  const reading = read(state)
  const { test } = state
  return {
    name: unit.name,
    ...place,
    model: state.spec.model,
    serial: state.spec.serial,
    mains: state.inputs.mains,
    charge: tenth(reading.charge),
    load: tenth(reading.load),
    plugged: state.inputs.load,
    watts: Math.round(reading.watts),
    status: statusOf(state),
    runtime: Math.round(reading.runtime),
    inputVoltage: tenth(reading.inputVolts),
    outputVoltage: tenth(reading.outputVolts),
    batteryVoltage: tenth(reading.batteryVolts),
    temperature: tenth(reading.temperature),
    output: state.output.on,
    test: test === null ? 'none' : (test.result ?? 'running'),
    fault: unit.fault(),
    speed: unit.speed(),
    at: tenth(state.at),
    outletGroups: state.groups.map((group, index) => ({
      name: group.name,
      main: state.spec.groups[index]?.isMain ?? false,
      on: isGroupLive(state, index),
      pending: group.pending?.action ?? null,
    })),
  }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
