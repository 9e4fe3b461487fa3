// A UPS in time: step(state, seconds, inputs) -> state. Pure; the same state, seconds and inputs give the same result.
import { withAlarms } from './alarm.ts'
import { capacity, drain, intake, settledVolts } from './battery.ts'
import { wander } from './noise.ts'
import { nextGroupEvent, passGroups } from './outlet.ts'
import { batteryUse, inputVolts, isMainsUsable, isTesting, loadWatts, mainsWatts } from './reading.ts'
import { nextTestEvent, passTest } from './selftest.ts'
import type { Inputs, Output, Settings, Source, UpsSpec, UpsState } from './state.ts'

// Steps are cut at whole seconds of simulated time, so that a+b seconds take the same cuts as a, then b.
const GRID = 1
const VOLTS_SETTLE = 3
const TEMPERATURE_SETTLE = 900
const AMBIENT = 22

export function createUps(spec: UpsSpec, inputs: Inputs, settings: Partial<Settings> = {}): UpsState {
  const kept: Settings = { ...defaultSettings(spec), ...settings }
  const state: UpsState = {
    spec,
    inputs,
    settings: kept,
    at: 0,
    charge: 100,
    batteryVolts: settledVolts(spec, 100, 'charging', 0, inputs.isBatteryWorn),
    temperature: AMBIENT + 4,
    source: 'mains',
    output: {
      on: true,
      awaitsMains: false,
      rebooting: false,
      shutdownIn: null,
      after: { kind: 'stay' },
      startIn: null,
    },
    groups: spec.groups.map(({ name }) => ({
      name,
      on: true,
      pending: null,
      onDelay: 0,
      offDelay: 30,
      rebootDuration: 10,
    })),
    test: null,
    testLock: 1,
    failFor: 0,
    onBatteryFor: 0,
    lineBads: 0,
    transferCause: 'none',
    alarms: [],
    nextAlarmId: 1,
    minute: { number: 0, low: inputs.mainsVolts, high: inputs.mainsVolts },
    energy: { input: 0, output: 0 },
  }
  return settle(state)
}

/** Lets `seconds` pass (0 applies the inputs only; what is not a positive number counts as 0). */
export function step(before: UpsState, seconds: number, inputs: Inputs): UpsState {
  let state = settle(before.inputs === inputs ? before : { ...before, inputs })
  const end = state.at + (seconds > 0 && Number.isFinite(seconds) ? seconds : 0)
  while (state.at < end) {
    const cut = (Math.floor(state.at / GRID + 1e-9) + 1) * GRID
    // Never less than a microsecond: a rounding error must not make a step that does not move.
    const span = Math.max(1e-6, Math.min(cut - state.at, nextEvent(state)))
    state = settle(pass(state, Math.min(span, end - state.at), end))
  }
  return state
}

function nextEvent(state: UpsState): number {
  const { shutdownIn, startIn } = state.output
  return Math.min(
    shutdownIn ?? Number.POSITIVE_INFINITY,
    startIn ?? Number.POSITIVE_INFINITY,
    state.failFor > 0 ? state.failFor : Number.POSITIVE_INFINITY,
    nextTestEvent(state.test),
    nextGroupEvent(state.groups),
  )
}

// One stretch without events: flows first, then the countdowns that end with it.
function pass(state: UpsState, seconds: number, end: number): UpsState {
  const at = state.at + seconds >= end - 1e-9 ? end : state.at + seconds
  const flowed = flow(state, seconds)
  return passTest(
    {
      ...flowed,
      at,
      failFor: Math.max(0, state.failFor - seconds),
      onBatteryFor: state.source === 'battery' ? state.onBatteryFor + seconds : 0,
      output: passOutput(flowed, seconds),
      groups: passGroups(state.groups, seconds),
      minute: watchMinute(state, at),
    },
    seconds,
  )
}

function flow(state: UpsState, seconds: number): UpsState {
  const { spec, inputs, energy } = state
  const watts = loadWatts(state)
  const use = batteryUse(state)
  const full = capacity(spec, inputs.isBatteryWorn)
  const charging = use === 'charging' ? intake(spec, state.charge) : 0
  const taken = use === 'discharging' ? drain(spec, watts) : 0
  // The last moment on battery may be shorter than the stretch: deliver no more than there was.
  const part = taken > 0 ? Math.min(1, ((state.charge / 100) * full) / (taken * seconds)) : 1
  const charge = state.charge + (((charging - taken * part) * seconds) / full) * 100
  const aim = settledVolts(spec, state.charge, use, watts, inputs.isBatteryWorn)
  return {
    ...state,
    charge: Math.min(100, Math.max(0, charge)),
    batteryVolts: approach(state.batteryVolts, aim, seconds, VOLTS_SETTLE),
    temperature: approach(state.temperature, warmth(state, watts), seconds, TEMPERATURE_SETTLE),
    energy: {
      input: energy.input + (use === 'charging' ? mainsWatts(state, watts, charging) * seconds : 0),
      output: energy.output + (state.source === 'none' ? 0 : watts * part * seconds),
    },
  }
}

function warmth(state: UpsState, watts: number): number {
  const share = watts / state.spec.nominalWatts
  const work = state.source === 'battery' ? 5 + 14 * share : 6 * share * share
  const charger = batteryUse(state) === 'charging' && state.charge < 100 ? 4 : 0
  return AMBIENT + 3 + work + charger + 3 * wander(state.spec.seed, 6, state.at, 240)
}

function passOutput(state: UpsState, seconds: number): Output {
  const { output } = state
  const startIn = output.startIn === null ? null : Math.max(0, output.startIn - seconds)
  const shutdownIn = output.shutdownIn === null ? null : Math.max(0, output.shutdownIn - seconds)
  return startIn === output.startIn && shutdownIn === output.shutdownIn ? output : { ...output, startIn, shutdownIn }
}

// What follows at once, without time passing: ended countdowns, the source, the alarms.
function settle(state: UpsState): UpsState {
  let next = endShutdown(state)
  next = endStart(next)
  next = switchSource(next)
  next = awaitMains(next)
  return withAlarms(next)
}

function endShutdown(state: UpsState): UpsState {
  const { output } = state
  if (output.shutdownIn === null || output.shutdownIn > 1e-9) return state
  const { after } = output
  const gone = !isMainsUsable(state)
  const waits = after.kind === 'mains' || (after.kind === 'auto' && state.settings.autoRestart && gone)
  return {
    ...state,
    output: {
      on: false,
      awaitsMains: waits || (after.kind === 'reboot' && after.needsMains),
      rebooting: after.kind === 'reboot',
      shutdownIn: null,
      after: { kind: 'stay' },
      startIn: after.kind === 'reboot' ? after.seconds : output.startIn,
    },
  }
}

function endStart(state: UpsState): UpsState {
  const { output } = state
  if (output.startIn === null || output.startIn > 1e-9) return state
  const canStart = isMainsUsable(state) || (!output.awaitsMains && state.charge > 0)
  if (canStart)
    return { ...state, output: { ...output, on: true, awaitsMains: false, rebooting: false, startIn: null } }
  return { ...state, output: { ...output, awaitsMains: true, startIn: null } }
}

function switchSource(state: UpsState): UpsState {
  if (!state.output.on) return state.source === 'none' ? state : { ...state, source: 'none', onBatteryFor: 0 }
  const usable = isMainsUsable(state)
  const source = usable && !isTesting(state) ? lineSource(state) : 'battery'
  if (source === 'battery' && state.charge <= 0) return runEmpty(state)
  if (source === state.source) return state
  if (source !== 'battery') return { ...state, source }
  return {
    ...state,
    source,
    onBatteryFor: 0,
    lineBads: usable ? state.lineBads : state.lineBads + 1,
    transferCause: usable ? 'self-test' : causeOf(state),
  }
}

function runEmpty(state: UpsState): UpsState {
  const output: Output = {
    ...state.output,
    on: false,
    awaitsMains: state.settings.autoRestart,
    rebooting: false,
    shutdownIn: null,
  }
  return { ...state, source: 'none', onBatteryFor: 0, output }
}

// Boosting and trimming hold on for a few volts too, or the relay would chatter with the wander of the mains.
function lineSource(state: UpsState): Source {
  const share = inputVolts(state) / state.spec.nominalVolts
  if (share < (state.source === 'boost' ? 0.94 : 0.92)) return 'boost'
  if (share > (state.source === 'trim' ? 1.06 : 1.08)) return 'trim'
  return 'mains'
}

function causeOf(state: UpsState): UpsState['transferCause'] {
  const volts = inputVolts(state)
  if (volts < state.spec.nominalVolts * 0.3 || state.failFor > 0) return 'blackout'
  return volts < state.settings.transferLow ? 'brownout' : 'high'
}

function awaitMains(state: UpsState): UpsState {
  const { output, settings } = state
  if (output.on || !output.awaitsMains || output.startIn !== null) return state
  if (!isMainsUsable(state) || state.charge < settings.minReturnCharge) return state
  return { ...state, output: { ...output, startIn: Math.max(1, settings.returnDelay) } }
}

function watchMinute(state: UpsState, at: number): UpsState['minute'] {
  const volts = inputVolts(state)
  const number = Math.floor(at / 60)
  const { minute } = state
  if (number !== minute.number) return { number, low: volts, high: volts }
  if (volts >= minute.low && volts <= minute.high) return minute
  return { number, low: Math.min(minute.low, volts), high: Math.max(minute.high, volts) }
}

function approach(from: number, to: number, seconds: number, constant: number): number {
  return to + (from - to) * Math.exp(-seconds / constant)
}

function defaultSettings(spec: UpsSpec): Settings {
  return {
    name: '',
    attached: '',
    contact: '',
    location: '',
    transferLow: Math.round(spec.nominalVolts * 0.83),
    transferHigh: Math.round(spec.nominalVolts * 1.15),
    outputVolts: spec.nominalVolts,
    sensitivity: 'high',
    beeper: 'enabled',
    alarmMode: 1,
    autoRestart: true,
    shutdownType: 'output',
    lowRuntime: 120,
    minReturnCharge: 0,
    shutdownDelay: 20,
    returnDelay: 10,
    sleepTime: 60,
    batteryDate: '',
    testSchedule: 5,
  }
}
