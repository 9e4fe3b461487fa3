// UPS-MIB (RFC 1628) over the model: object by object, in the units of the RFC.
import { cancelShutdown, cancelStart, reboot, shutDown, startUp } from '../model/command.ts'
import { isTesting, read } from '../model/reading.ts'
import { abortTest, noteRefusal, startTest } from '../model/selftest.ts'
import { BEEPERS, type Source, type TestKind, type TestResult, type UpsState } from '../model/state.ts'
import { between, column, type MibObject, object, oneOf, setting, ticks, upTo, type Value, whole } from './mib.ts'

const R = '1.3.6.1.2.1.33.1'
const WELL_KNOWN_ALARM = `${R}.6.3`
const WELL_KNOWN_TEST = `${R}.7.7`

/** RFC 1628 gives agents no product tree; cards without one of their own answer the MIB's root. */
export const UPS_MIB_OBJECT_ID = '1.3.6.1.2.1.33'

const LINES: readonly number[] = [1]
const oneLine = () => LINES
const alarmIds = (state: UpsState) => state.alarms.map((alarm) => alarm.id)

// upsOutputSource
const SOURCES: Readonly<Record<Source, number>> = { none: 2, mains: 3, battery: 5, boost: 6, trim: 7 }
// upsTestResultsSummary. A test that could not begin counts as aborted.
const RESULTS: Readonly<Record<TestResult, number>> = { pass: 1, warning: 2, error: 3, aborted: 4, refused: 4 }
// upsWellKnownTests, by their last number
const NO_TESTS = 1
const ABORT = 2
const TESTS: Readonly<Record<string, TestKind>> = { 3: 'general', 4: 'quick', 5: 'deep' }
const TEST_NUMBERS: Readonly<Record<TestKind, number>> = { general: 3, quick: 4, deep: 5 }

const MAX_DELAY = 2147483647
const tenths = (value: number) => whole(value * 10)

export const upsMib: readonly MibObject[] = [
  object(`${R}.1.1`, 'text', (state) => state.spec.manufacturer),
  object(`${R}.1.2`, 'text', (state) => state.spec.model),
  object(`${R}.1.3`, 'text', (state) => state.spec.firmware),
  object(`${R}.1.4`, 'text', () => 'Simulated card 1.0'),
  object(
    `${R}.1.5`,
    'text',
    (state) => state.settings.name,
    upTo(63, (state, value) => setting(state, 'name', value)),
  ),
  object(
    `${R}.1.6`,
    'text',
    (state) => state.settings.attached,
    upTo(63, (state, value) => setting(state, 'attached', value)),
  ),

  object(`${R}.2.1`, 'integer', batteryStatus),
  object(`${R}.2.2`, 'integer', (state) => whole(state.onBatteryFor)),
  object(`${R}.2.3`, 'integer', (state) => whole(read(state).runtime / 60)),
  object(`${R}.2.4`, 'integer', (state) => whole(state.charge)),
  object(`${R}.2.5`, 'integer', (state) => tenths(state.batteryVolts)),
  object(`${R}.2.6`, 'integer', (state) => tenths(read(state).batteryAmps)),
  object(`${R}.2.7`, 'integer', (state) => whole(state.temperature)),

  object(`${R}.3.1`, 'counter', (state) => state.lineBads),
  object(`${R}.3.2`, 'integer', () => 1),
  column(`${R}.3.3.1.2`, 'integer', oneLine, (state) => tenths(read(state).inputHertz)),
  column(`${R}.3.3.1.3`, 'integer', oneLine, (state) => whole(read(state).inputVolts)),
  column(`${R}.3.3.1.4`, 'integer', oneLine, (state) => tenths(read(state).inputAmps)),
  column(`${R}.3.3.1.5`, 'integer', oneLine, (state) => whole(read(state).inputWatts)),

  object(`${R}.4.1`, 'integer', (state) => SOURCES[state.source]),
  object(`${R}.4.2`, 'integer', (state) => tenths(read(state).outputHertz)),
  object(`${R}.4.3`, 'integer', () => 1),
  column(`${R}.4.4.1.2`, 'integer', oneLine, (state) => whole(read(state).outputVolts)),
  column(`${R}.4.4.1.3`, 'integer', oneLine, (state) => tenths(read(state).outputAmps)),
  column(`${R}.4.4.1.4`, 'integer', oneLine, (state) => whole(read(state).watts)),
  column(`${R}.4.4.1.5`, 'integer', oneLine, (state) => whole(read(state).load, 0, 200)),

  object(`${R}.5.2`, 'integer', () => 0),

  object(`${R}.6.1`, 'gauge', (state) => state.alarms.length),
  column(`${R}.6.2.1.2`, 'oid', alarmIds, (state, id) => `${WELL_KNOWN_ALARM}.${alarmOf(state, id)?.code ?? 18}`),
  column(`${R}.6.2.1.3`, 'ticks', alarmIds, (state, id) => ticks(alarmOf(state, id)?.since ?? 0)),

  object(
    `${R}.7.1`,
    'oid',
    (state) => `${WELL_KNOWN_TEST}.${state.test ? TEST_NUMBERS[state.test.kind] : NO_TESTS}`,
    writeTest,
  ),
  object(`${R}.7.2`, 'integer', (state) => state.testLock, writeLock),
  object(`${R}.7.3`, 'integer', testSummary),
  object(`${R}.7.4`, 'text', (state) => state.test?.detail ?? ''),
  object(`${R}.7.5`, 'ticks', (state) => ticks(state.test?.startedAt ?? 0)),
  object(`${R}.7.6`, 'integer', (state) => whole((state.test?.elapsed ?? 0) * 100)),

  object(
    `${R}.8.1`,
    'integer',
    (state) => (state.settings.shutdownType === 'output' ? 1 : 2),
    oneOf({
      1: (state) => setting(state, 'shutdownType', 'output'),
      2: (state) => setting(state, 'shutdownType', 'system'),
    }),
  ),
  object(
    `${R}.8.2`,
    'integer',
    (state) => countdown(state.output.shutdownIn),
    between(-1, MAX_DELAY, (state, seconds) =>
      seconds < 0 ? cancelShutdown(state) : shutDown(state, seconds, { kind: 'auto' }),
    ),
  ),
  object(
    `${R}.8.3`,
    'integer',
    (state) => countdown(state.output.startIn),
    between(-1, MAX_DELAY, (state, seconds) => (seconds < 0 ? cancelStart(state) : startUp(state, seconds))),
  ),
  object(
    `${R}.8.4`,
    'integer',
    (state) => (state.output.rebooting ? countdown(state.output.startIn) : -1),
    between(-1, 300, (state, seconds) => (seconds < 0 ? cancelStart(state) : reboot(state, seconds, true))),
  ),
  object(
    `${R}.8.5`,
    'integer',
    (state) => (state.settings.autoRestart ? 1 : 2),
    oneOf({
      1: (state) => setting(state, 'autoRestart', true),
      2: (state) => setting(state, 'autoRestart', false),
    }),
  ),

  object(`${R}.9.1`, 'integer', (state) => state.spec.nominalVolts),
  object(`${R}.9.2`, 'integer', (state) => tenths(state.spec.nominalHertz)),
  object(
    `${R}.9.3`,
    'integer',
    (state) => state.settings.outputVolts,
    between(100, 260, (state, volts) => setting(state, 'outputVolts', volts)),
  ),
  object(`${R}.9.4`, 'integer', (state) => tenths(state.spec.nominalHertz)),
  object(`${R}.9.5`, 'integer', (state) => state.spec.nominalVa),
  object(`${R}.9.6`, 'integer', (state) => state.spec.nominalWatts),
  object(
    `${R}.9.7`,
    'integer',
    (state) => whole(state.settings.lowRuntime / 60),
    between(0, 120, (state, minutes) => setting(state, 'lowRuntime', minutes * 60)),
  ),
  object(
    `${R}.9.8`,
    'integer',
    (state) => BEEPERS.indexOf(state.settings.beeper) + 1,
    oneOf({
      1: (state) => setting(state, 'beeper', 'disabled'),
      2: (state) => setting(state, 'beeper', 'enabled'),
      3: (state) => setting(state, 'beeper', 'muted'),
    }),
  ),
  object(
    `${R}.9.9`,
    'integer',
    (state) => state.settings.transferLow,
    between(60, 240, (state, volts) =>
      volts < state.settings.transferHigh - 10 ? setting(state, 'transferLow', volts) : 'inconsistentValue',
    ),
  ),
  object(
    `${R}.9.10`,
    'integer',
    (state) => state.settings.transferHigh,
    between(100, 300, (state, volts) =>
      volts > state.settings.transferLow + 10 ? setting(state, 'transferHigh', volts) : 'inconsistentValue',
    ),
  ),
]

function batteryStatus(state: UpsState): number {
  if (state.charge <= 0) return 4
  return read(state).isLow ? 3 : 2
}

function testSummary(state: UpsState): number {
  if (!state.test) return 6
  return state.test.result === null ? 5 : RESULTS[state.test.result]
}

function countdown(seconds: number | null): number {
  return seconds === null ? -1 : whole(Math.ceil(seconds))
}

function alarmOf(state: UpsState, id: number) {
  return state.alarms.find((alarm) => alarm.id === id)
}

// TestAndIncr (RFC 2579): only who read the present value may write, and the write moves it on.
function writeLock(state: UpsState, value: Value) {
  if (value !== state.testLock) return 'inconsistentValue'
  return { ...state, testLock: state.testLock >= MAX_DELAY ? 0 : state.testLock + 1 }
}

function writeTest(state: UpsState, value: Value) {
  const kind = String(value).startsWith(`${WELL_KNOWN_TEST}.`) ? String(value).slice(WELL_KNOWN_TEST.length + 1) : ''
  if (Number(kind) === ABORT) return abortTest(state)
  if (Number(kind) === NO_TESTS) return isTesting(state) ? 'inconsistentValue' : state
  const wanted = Object.hasOwn(TESTS, kind) ? TESTS[kind] : undefined
  if (!wanted) return 'wrongValue'
  const outcome = startTest(state, wanted)
  if (typeof outcome !== 'string') return outcome
  return outcome === 'busy' ? 'inconsistentValue' : noteRefusal(state, wanted, outcome)
}
