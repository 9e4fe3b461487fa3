// Battery tests: they run the load from the battery and judge what its voltage did.
import { isMainsUsable, isTesting } from './reading.ts'
import type { Test, TestKind, TestResult, UpsState } from './state.ts'

const QUICK_SECONDS = 10
const GENERAL_SECONDS = 15
/** PowerNet: a runtime calibration needs a full battery and runs it down to a quarter. */
const DEEP_FROM = 99.5
const DEEP_TO = 25
// Below this voltage per 12 V block under load a battery has had its day.
const WEAK_BLOCK_VOLTS = 10.9

export type TestRefusal = 'busy' | 'output-off' | 'no-mains' | 'not-charged'

/** Begins a test; a refusal for a reason of the UPS is remembered as its result, as the real ones do. */
export function startTest(state: UpsState, kind: TestKind): UpsState | TestRefusal {
  const reason = refusalOf(state, kind)
  return reason ?? { ...state, test: newTest(state, kind, null, 'Running') }
}

/** The state that remembers that a test was asked for and refused. */
export function noteRefusal(state: UpsState, kind: TestKind, reason: TestRefusal): UpsState {
  return reason === 'busy' ? state : { ...state, test: newTest(state, kind, 'refused', REASONS[reason]) }
}

const REASONS: Readonly<Record<TestRefusal, string>> = {
  busy: 'Another test is running',
  'output-off': 'The output is off',
  'no-mains': 'No usable mains',
  'not-charged': 'The battery is not charged enough',
}

export function abortTest(state: UpsState): UpsState {
  return isTesting(state) ? end(state, 'aborted', 'Aborted on request') : state
}

/** Seconds until a running test ends by the clock. */
export function nextTestEvent(test: Test | null): number {
  if (!test || test.result !== null || test.kind === 'deep') return Number.POSITIVE_INFINITY
  return durationOf(test.kind) - test.elapsed
}

/** Lets `seconds` pass for a running test, and ends it when it is over or no longer makes sense. */
export function passTest(state: UpsState, seconds: number): UpsState {
  const { test } = state
  if (!test || test.result !== null) return state
  const elapsed = test.elapsed + seconds
  const lowestVolts = Math.min(test.lowestVolts, state.batteryVolts)
  const running = { ...state, test: { ...test, elapsed, lowestVolts } }
  if (!isMainsUsable(state)) return end(running, 'aborted', 'The mains failed')
  if (!state.output.on) return end(running, 'aborted', 'The output was switched off')
  if (test.kind === 'deep') return state.charge <= DEEP_TO ? judge(running) : running
  return elapsed >= durationOf(test.kind) - 1e-9 ? judge(running) : running
}

function judge(state: UpsState): UpsState {
  const blocks = state.spec.batteryVolts / 12
  const isWeak = state.inputs.isBatteryWorn || (state.test?.lowestVolts ?? 0) / blocks < WEAK_BLOCK_VOLTS
  return isWeak ? end(state, 'error', 'Replace the battery') : end(state, 'pass', 'No trouble found')
}

function end(state: UpsState, result: TestResult, detail: string): UpsState {
  return state.test ? { ...state, test: { ...state.test, result, detail } } : state
}

function refusalOf(state: UpsState, kind: TestKind): TestRefusal | undefined {
  if (isTesting(state)) return 'busy'
  if (!state.output.on) return 'output-off'
  if (!isMainsUsable(state)) return 'no-mains'
  return state.charge < (kind === 'deep' ? DEEP_FROM : 30) ? 'not-charged' : undefined
}

function newTest(state: UpsState, kind: TestKind, result: TestResult | null, detail: string): Test {
  return { kind, startedAt: state.at, elapsed: 0, lowestVolts: state.batteryVolts, result, detail }
}

function durationOf(kind: TestKind): number {
  return kind === 'quick' ? QUICK_SECONDS : GENERAL_SECONDS
}
