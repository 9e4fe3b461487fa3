// Which of RFC 1628's well-known alarms (upsWellKnownAlarms) are present, and since when.
import { isBatteryLow, isMainsUsable, isTesting, loadWatts } from './reading.ts'
import type { Alarm, UpsState } from './state.ts'

const HOT = 45

const ALARMS: readonly (readonly [code: number, isPresent: (state: UpsState) => boolean])[] = [
  [1, (state) => state.inputs.isBatteryWorn], // upsAlarmBatteryBad
  [2, (state) => state.source === 'battery'], // upsAlarmOnBattery
  [3, isBatteryLow], // upsAlarmLowBattery
  [4, (state) => state.charge <= 0], // upsAlarmDepletedBattery
  [5, (state) => state.temperature > HOT], // upsAlarmTempBad
  [6, (state) => !isMainsUsable(state)], // upsAlarmInputBad
  [8, (state) => loadWatts(state) > state.spec.nominalWatts * 1.05], // upsAlarmOutputOverload
  [14, (state) => !state.output.on], // upsAlarmUpsOutputOff
  [19, (state) => state.test?.result === 'error'], // upsAlarmDiagnosticTestFailed
  [21, (state) => !state.output.on && state.output.awaitsMains], // upsAlarmAwaitingPower
  [22, (state) => state.output.shutdownIn !== null], // upsAlarmShutdownPending
  [24, isTesting], // upsAlarmTestInProgress
]

/** The state with its alarm table brought up to date: what stays keeps its id and time, what is new gets the next id. */
export function withAlarms(state: UpsState): UpsState {
  const present = ALARMS.filter(([, isPresent]) => isPresent(state)).map(([code]) => code)
  const kept = state.alarms.filter((alarm) => present.includes(alarm.code))
  const fresh = present.filter((code) => !kept.some((alarm) => alarm.code === code))
  if (fresh.length === 0 && kept.length === state.alarms.length) return state
  const added = fresh.map((code, index): Alarm => ({ id: state.nextAlarmId + index, code, since: state.at }))
  return { ...state, alarms: [...kept, ...added], nextAlarmId: state.nextAlarmId + added.length }
}
