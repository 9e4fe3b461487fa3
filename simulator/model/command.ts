// What somebody may tell a UPS to do with its output: now, after a delay, and taking it back.
import type { After, UpsState } from './state.ts'

/** Switches the output off in `seconds` (0: with the next step); `after` says what follows. */
export function shutDown(state: UpsState, seconds: number, after: After): UpsState {
  return { ...state, output: { ...state.output, shutdownIn: seconds, after } }
}

/** Takes back a shutdown that has not happened yet. */
export function cancelShutdown(state: UpsState): UpsState {
  return { ...state, output: { ...state.output, shutdownIn: null, after: { kind: 'stay' } } }
}

/** Switches the output on in `seconds`; without mains it starts from the battery. */
export function startUp(state: UpsState, seconds: number): UpsState {
  return { ...state, output: { ...state.output, startIn: seconds, awaitsMains: false } }
}

export function cancelStart(state: UpsState): UpsState {
  return { ...state, output: { ...state.output, startIn: null, rebooting: false } }
}

/** Output off at once, and on again after `seconds`. */
export function reboot(state: UpsState, seconds: number, needsMains: boolean): UpsState {
  return shutDown(state, 0, { kind: 'reboot', seconds, needsMains })
}

/** Acts as if the mains had failed, for a while. */
export function simulateFailure(state: UpsState, seconds: number): UpsState {
  return { ...state, failFor: seconds }
}
