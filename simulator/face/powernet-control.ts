// PowerNet's commands and tests: what switches the output, starts a test, and what became of it.
import { reboot, shutDown, simulateFailure, startUp } from '../model/command.ts'
import { isTesting } from '../model/reading.ts'
import { abortTest, noteRefusal, startTest } from '../model/selftest.ts'
import type { TestKind, UpsState } from '../model/state.ts'
import { between, date, type MibContext, type MibObject, object, oneOf, setting, type Write } from './mib.ts'

const U = '1.3.6.1.4.1.318.1.1.1'
const SIMULATED_FAILURE_SECONDS = 15
const IDLE = (state: UpsState) => state

// Commands read as 1, "nothing to do"; writing 1 does nothing.
const control: readonly MibObject[] = [
  command('6.1.1', {
    2: (state) =>
      state.source === 'battery'
        ? shutDown(state, state.settings.shutdownDelay, { kind: 'mains' })
        : 'inconsistentValue',
  }),
  command('6.2.1', {
    2: (state) => shutDown(state, 0, { kind: 'stay' }),
    3: (state) => shutDown(state, state.settings.shutdownDelay, { kind: 'stay' }),
  }),
  command('6.2.2', {
    2: (state) => shutDown(state, 0, { kind: 'mains' }),
    3: (state) => shutDown(state, state.settings.shutdownDelay, { kind: 'mains' }),
  }),
  command('6.2.3', {
    2: (state) => reboot(state, state.settings.sleepTime, true),
    3: (state) =>
      shutDown(state, state.settings.shutdownDelay, {
        kind: 'reboot',
        seconds: state.settings.sleepTime,
        needsMains: true,
      }),
  }),
  command('6.2.4', { 2: (state) => simulateFailure(state, SIMULATED_FAILURE_SECONDS) }),
  command('6.2.5', { 2: IDLE, 4: IDLE, 5: IDLE }),
  command('6.2.6', { 2: (state) => startUp(state, 0), 4: (state) => startUp(state, state.settings.returnDelay) }),
  command('6.2.8', {
    2: (state) => reboot(state, state.settings.returnDelay, false),
    3: (state) =>
      shutDown(state, state.settings.shutdownDelay, {
        kind: 'reboot',
        seconds: state.settings.returnDelay,
        needsMains: false,
      }),
  }),
]

const tests: readonly MibObject[] = [
  object(
    `${U}.7.2.1`,
    'integer',
    (state) => state.settings.testSchedule,
    between(2, 12, (state, value) => setting(state, 'testSchedule', value)),
  ),
  command('7.2.2', { 2: (state) => begin(state, 'quick') }),
  object(`${U}.7.2.3`, 'integer', selfTestResult),
  object(`${U}.7.2.4`, 'text', (state, _index, context) => testDate(state, context, (kind) => kind !== 'deep')),
  command('7.2.5', {
    2: (state) => begin(state, 'deep'),
    3: (state) => (state.test?.kind === 'deep' ? abortTest(state) : state),
  }),
  object(`${U}.7.2.6`, 'integer', calibrationResult),
  object(`${U}.7.2.7`, 'text', (state, _index, context) => testDate(state, context, (kind) => kind === 'deep')),
]

export const powernetControl: readonly MibObject[] = [...control, ...tests]

function command(arc: string, actions: Parameters<typeof oneOf>[0]): MibObject {
  return object(`${U}.${arc}`, 'integer', () => 1, oneOf({ 1: IDLE, ...actions }))
}

function begin(state: UpsState, kind: TestKind): ReturnType<Write> {
  const outcome = startTest(state, kind)
  return typeof outcome === 'string' ? noteRefusal(state, kind, outcome) : outcome
}

// upsAdvTestDiagnosticsResults: 1 ok, 2 failed, 3 invalid, 4 running. Before the first test it says ok.
function selfTestResult(state: UpsState): number {
  if (!state.test || state.test.kind === 'deep') return 1
  if (isTesting(state)) return 4
  return { pass: 1, warning: 1, error: 2, aborted: 3, refused: 3 }[state.test.result ?? 'pass']
}

// upsAdvTestCalibrationResults: 1 ok, 2 invalid, 3 running, 4 refused, 5 aborted, 7 unknown.
function calibrationResult(state: UpsState): number {
  if (state.test?.kind !== 'deep') return 7
  if (isTesting(state)) return 3
  return { pass: 1, warning: 1, error: 2, aborted: 5, refused: 4 }[state.test.result ?? 'pass']
}

function testDate(state: UpsState, context: MibContext, isWanted: (kind: TestKind) => boolean): string {
  if (!state.test || !isWanted(state.test.kind)) return ''
  return date(context.startedAt + state.test.startedAt * 1000)
}
