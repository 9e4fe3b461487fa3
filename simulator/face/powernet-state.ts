// PowerNet's two views of what a UPS is doing: upsBasicOutputStatus and the string of flags upsBasicStateOutputState.
import { isMainsUsable, isTesting, read } from '../model/reading.ts'
import type { UpsState } from '../model/state.ts'

/** upsBasicOutputStatus: 2 on line, 3 on battery, 4 boost, 5 sleeping, 7 off, 8 rebooting, 11 sleeping until power, 12 trim, 15 battery test. */
export function basicOutputStatus(state: UpsState): number {
  const { output } = state
  if (state.source === 'none') {
    if (output.rebooting) return 8
    if (output.awaitsMains) return isMainsUsable(state) ? 5 : 11
    return 7
  }
  if (isTesting(state)) return 15
  return { mains: 2, battery: 3, boost: 4, trim: 12 }[state.source]
}

// Positions in the string, counted from 1 as the MIB does.
const FLAGS: readonly (readonly [position: number, isSet: (state: UpsState) => boolean])[] = [
  [1, (state) => state.inputs.isBatteryWorn || read(state).isOverloaded || state.test?.result === 'error'], // abnormal
  [2, (state) => state.source === 'battery'], // on battery
  [3, (state) => read(state).isLow], // low battery
  [4, (state) => state.source !== 'battery' && state.source !== 'none'], // on line
  [5, (state) => state.inputs.isBatteryWorn], // replace battery
  [6, () => true], // communication with the UPS established
  [7, (state) => state.source === 'boost'],
  [8, (state) => state.source === 'trim'],
  [9, (state) => read(state).isOverloaded],
  [10, (state) => isTesting(state) && state.test?.kind === 'deep'], // calibrating
  [11, (state) => state.charge <= 0], // batteries discharged
  [17, (state) => state.output.rebooting && state.output.startIn !== null], // sleeping, timer
  [18, (state) => !state.output.on && state.output.awaitsMains], // sleeping until power returns
  [19, (state) => state.output.on],
  [20, (state) => state.output.rebooting],
  [22, (state) => state.output.shutdownIn !== null], // graceful shutdown
  [29, (state) => isTesting(state) && state.test?.kind !== 'deep'], // self-test
  [58, (state) => !state.output.on],
]
const LENGTH = 64

export function stateFlags(state: UpsState): string {
  const flags = Array.from({ length: LENGTH }, () => '0')
  for (const [position, isSet] of FLAGS) if (isSet(state)) flags[position - 1] = '1'
  return flags.join('')
}
