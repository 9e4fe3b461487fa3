// What a UPS's instruments show, worked out from its state: volts, watts, percent, status words.
import { formatStatus } from '@ridethrough/protocol/status.ts'
import { type BatteryUse, chargerInput, intake, runtime } from './battery.ts'
import { wander } from './noise.ts'
import type { UpsState } from './state.ts'

const LINE_EFFICIENCY = 0.97
const POWER_FACTOR_IN = 0.98
const BOOST_GAIN = 1.12
const TRIM_GAIN = 0.88

/** Volts at the socket. A simulated power failure is inside the UPS: the socket keeps its voltage. */
export function inputVolts(state: UpsState): number {
  const { inputs, spec, at } = state
  if (!inputs.mains) return 0
  const scale = spec.nominalVolts / 230
  return Math.max(
    0,
    inputs.mainsVolts + scale * (1.4 * wander(spec.seed, 1, at, 47) + 0.6 * wander(spec.seed, 2, at, 5)),
  )
}

/** Is the mains fit to run from? Once on battery it has to come back a little further than where it left. */
export function isMainsUsable(state: UpsState): boolean {
  if (!state.inputs.mains || state.failFor > 0) return false
  const margin = state.source === 'battery' || state.source === 'none' ? 4 : 0
  const volts = inputVolts(state)
  return volts >= state.settings.transferLow + margin && volts <= state.settings.transferHigh - margin
}

/** Has the group power: it is on, and so are the main group and the output. */
export function isGroupLive(state: UpsState, index: number): boolean {
  if (!state.output.on) return false
  const main = state.spec.groups.findIndex((group) => group.isMain)
  if (main >= 0 && !state.groups[main]?.on) return false
  return state.groups[index]?.on ?? false
}

/** Watts drawn at the outlets that have power. */
export function loadWatts(state: UpsState): number {
  const { spec, inputs, at } = state
  if (!state.output.on) return 0
  const live =
    spec.groups.length === 0
      ? 1
      : spec.groups.reduce((sum, group, index) => sum + (isGroupLive(state, index) ? group.share : 0), 0)
  const drift = 1 + 0.02 * wander(spec.seed, 3, at, 29) + 0.01 * wander(spec.seed, 4, at, 6)
  return (inputs.load / 100) * spec.nominalWatts * live * drift
}

export function batteryUse(state: UpsState): BatteryUse {
  if (state.source === 'battery') return 'discharging'
  return isMainsUsable(state) ? 'charging' : 'resting'
}

export type Reading = ReturnType<typeof read>

/** All instruments at once. Volts, amperes, hertz, watts, percent, seconds, degrees Celsius; not rounded. */
export function read(state: UpsState) {
  const { spec } = state
  const watts = loadWatts(state)
  const load = (watts / spec.nominalWatts) * 100
  const va = (watts * spec.nominalVa) / spec.nominalWatts
  const volts = inputVolts(state)
  const outVolts = outputVolts(state, volts)
  const use = batteryUse(state)
  const charging = use === 'charging' ? intake(spec, state.charge) : 0
  const inputWatts = use === 'charging' ? mainsWatts(state, watts, charging) : 0
  const seconds = runtime(spec, state.charge, watts, state.inputs.isBatteryWorn)
  const hertz = spec.nominalHertz + 0.04 * wander(spec.seed, 5, state.at, 17)
  return {
    inputVolts: volts,
    inputHertz: volts > 0 ? hertz : 0,
    inputWatts,
    inputAmps: volts > 0 ? inputWatts / (volts * POWER_FACTOR_IN) : 0,
    outputVolts: outVolts,
    outputHertz: outVolts === 0 ? 0 : state.source === 'battery' ? spec.nominalHertz : hertz,
    outputAmps: outVolts > 0 ? va / outVolts : 0,
    watts,
    va,
    load,
    charge: state.charge,
    runtime: seconds,
    batteryVolts: state.batteryVolts,
    /** Positive while charging, negative while discharging. */
    batteryAmps: batteryAmps(state, watts, charging),
    temperature: state.temperature,
    isLow: isLow(state, seconds),
    isOverloaded: load > 105,
    isCharging: charging > 0,
  }
}

/** Watts from the mains: the load through the line, and the charger. */
export function mainsWatts(state: UpsState, watts: number, charging: number): number {
  return (state.source === 'none' ? 0 : watts / LINE_EFFICIENCY) + chargerInput(charging)
}

export function isBatteryLow(state: UpsState): boolean {
  return isLow(state, runtime(state.spec, state.charge, loadWatts(state), state.inputs.isBatteryWorn))
}

/** NUT's status words, as ups.status has them. */
export function statusOf(state: UpsState): string {
  const reading = read(state)
  const words: string[] = []
  if (state.source === 'none') words.push(state.inputs.mains ? 'OL' : 'OB', 'OFF')
  else words.push(state.source === 'battery' ? 'OB' : 'OL')
  if (reading.isLow) words.push('LB')
  if (state.inputs.isBatteryWorn) words.push('RB')
  if (reading.isCharging) words.push('CHRG')
  if (state.source === 'battery') words.push('DISCHRG')
  if (state.source === 'boost') words.push('BOOST')
  if (state.source === 'trim') words.push('TRIM')
  if (reading.isOverloaded) words.push('OVER')
  if (isTesting(state)) words.push(state.test?.kind === 'deep' ? 'CAL' : 'TEST')
  return formatStatus(words)
}

export function isTesting(state: UpsState): boolean {
  return state.test !== null && state.test.result === null
}

function isLow(state: UpsState, seconds: number): boolean {
  return seconds <= state.settings.lowRuntime || state.charge < 5
}

function outputVolts(state: UpsState, volts: number): number {
  if (state.source === 'none') return 0
  if (state.source === 'battery') return state.settings.outputVolts
  return volts * (state.source === 'boost' ? BOOST_GAIN : state.source === 'trim' ? TRIM_GAIN : 1)
}

function batteryAmps(state: UpsState, watts: number, charging: number): number {
  if (state.batteryVolts <= 0) return 0
  return state.source === 'battery' ? -watts / 0.9 / state.batteryVolts : charging / state.batteryVolts
}
