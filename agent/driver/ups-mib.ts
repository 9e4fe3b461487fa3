// UPS-MIB (RFC 1628), the standard that most SNMP cards answer. Vendors' own tables are tried first.
import {
  asMinutes,
  asOneOf,
  asTenths,
  asText,
  asWhole,
  type CommandRow,
  minutes,
  oneOf,
  positive,
  type SnmpDriver,
  tenths,
  text,
  unless,
  whole,
} from './define.ts'

const R = '1.3.6.1.2.1.33.1'
const UNKNOWN = 4294967295

const BEEPER = { 1: 'disabled', 2: 'enabled', 3: 'muted' }
const YES_NO = { 1: 'yes', 2: 'no' }
const TEST_RESULT = {
  1: 'Done and passed',
  2: 'Done and warning',
  3: 'Done and error',
  4: 'Aborted',
  5: 'In progress',
  6: 'No test initiated',
}

const integer = (oid: string, value: number) => ({ oid, type: 'integer', value }) as const
/** upsTestId takes the OID of a well-known test, in one packet with the lock. */
const test = (number: number): CommandRow => ({
  set: [{ oid: `${R}.7.1.0`, type: 'oid', value: `${R}.7.7.${number}` }],
  lock: `${R}.7.2.0`,
})

const lineNumber = (suffix: string) => {
  const line = Number(suffix.split('.')[0])
  return line >= 1 && line <= 3 ? line : undefined
}

export const upsMib: SnmpDriver = {
  name: 'ups-mib',
  sysObjectIds: ['1.3.6.1.2.1.33'],
  // upsOutputSource
  probe: `${R}.4.1.0`,
  constants: { 'device.type': 'ups' },
  read: [
    ['device.mfr', [`${R}.1.1.0`, text]],
    ['device.model', [`${R}.1.2.0`, text]],
    ['ups.mfr', [`${R}.1.1.0`, text]],
    ['ups.model', [`${R}.1.2.0`, text]],
    ['ups.firmware', [`${R}.1.3.0`, text]],
    ['ups.firmware.aux', [`${R}.1.4.0`, text]],
    ['ups.id', [`${R}.1.5.0`, text]],
    ['device.location', ['1.3.6.1.2.1.1.6.0', text]],
    ['battery.runtime.elapsed', [`${R}.2.2.0`, positive(whole)]],
    ['battery.runtime', [`${R}.2.3.0`, unless([UNKNOWN, -1], minutes)]],
    ['battery.charge', [`${R}.2.4.0`, unless([UNKNOWN, -1], whole)]],
    ['battery.voltage', [`${R}.2.5.0`, unless([UNKNOWN, -1], tenths)]],
    ['battery.current', [`${R}.2.6.0`, unless([UNKNOWN], tenths)]],
    ['battery.temperature', [`${R}.2.7.0`, unless([UNKNOWN, 255, -1], whole)]],
    ['input.phases', [`${R}.3.2.0`, whole]],
    ['output.frequency', [`${R}.4.2.0`, positive(tenths)]],
    ['output.phases', [`${R}.4.3.0`, whole]],
    ['input.bypass.frequency', [`${R}.5.1.0`, positive(tenths)]],
    ['input.bypass.phases', [`${R}.5.2.0`, unless([0], positive(whole))]],
    ['ups.test.result', [`${R}.7.3.0`, oneOf(TEST_RESULT)]],
    // Idle is -1 by the MIB, 0 on some cards: neither is a countdown.
    ['ups.timer.shutdown', [`${R}.8.2.0`, unless([0], positive(whole))]],
    ['ups.timer.start', [`${R}.8.3.0`, unless([0], positive(whole))]],
    ['ups.timer.reboot', [`${R}.8.4.0`, unless([0], positive(whole))]],
    ['ups.start.auto', [`${R}.8.5.0`, unless([0, -1], oneOf(YES_NO))]],
    ['input.voltage.nominal', [`${R}.9.1.0`, unless([0], positive(whole))]],
    ['input.frequency.nominal', [`${R}.9.2.0`, unless([0], positive(tenths))]],
    ['output.voltage.nominal', [`${R}.9.3.0`, unless([0], positive(whole))]],
    ['output.frequency.nominal', [`${R}.9.4.0`, unless([0], positive(tenths))]],
    ['ups.power.nominal', [`${R}.9.5.0`, unless([0], positive(whole))]],
    ['ups.realpower.nominal', [`${R}.9.6.0`, unless([0], positive(whole))]],
    ['battery.runtime.low', [`${R}.9.7.0`, positive(minutes)]],
    ['ups.beeper.status', [`${R}.9.8.0`, unless([0, -1], oneOf(BEEPER))]],
    ['input.transfer.low', [`${R}.9.9.0`, unless([0], positive(whole))]],
    ['input.transfer.high', [`${R}.9.10.0`, unless([0], positive(whole))]],
  ],
  lines: [
    {
      count: `${R}.3.2.0`,
      lineOf: lineNumber,
      columns: [
        ['input.frequency', 'input.L{n}.frequency', `${R}.3.3.1.2`, positive(tenths)],
        ['input.voltage', 'input.L{n}-N.voltage', `${R}.3.3.1.3`, positive(whole)],
        ['input.current', 'input.L{n}.current', `${R}.3.3.1.4`, positive(tenths)],
        ['input.realpower', 'input.L{n}.realpower', `${R}.3.3.1.5`, positive(whole)],
      ],
    },
    {
      count: `${R}.4.3.0`,
      lineOf: lineNumber,
      columns: [
        ['output.voltage', 'output.L{n}-N.voltage', `${R}.4.4.1.2`, positive(whole)],
        ['output.current', 'output.L{n}.current', `${R}.4.4.1.3`, positive(tenths)],
        ['ups.realpower', 'output.L{n}.realpower', `${R}.4.4.1.4`, positive(whole)],
        ['ups.load', 'output.L{n}.power.percent', `${R}.4.4.1.5`, positive(whole)],
      ],
    },
    {
      count: `${R}.5.2.0`,
      lineOf: lineNumber,
      columns: [
        ['input.bypass.voltage', 'input.bypass.L{n}-N.voltage', `${R}.5.3.1.2`, positive(whole)],
        ['input.bypass.current', 'input.bypass.L{n}.current', `${R}.5.3.1.3`, positive(tenths)],
      ],
    },
  ],
  totals: [
    ['ups.realpower', 'sum', 'output.L{n}.realpower'],
    ['ups.load', 'max', 'output.L{n}.power.percent'],
  ],
  groups: [],
  status: [
    // upsOutputSource: 1 other, 2 none, 3 normal, 4 bypass, 5 battery, 6 booster, 7 reducer
    {
      oid: `${R}.4.1.0`,
      words: { 1: [], 2: ['OFF'], 3: ['OL'], 4: ['OL', 'BYPASS'], 5: ['OB'], 6: ['OL', 'BOOST'], 7: ['OL', 'TRIM'] },
    },
    // upsBatteryStatus: depleted (4) is sent as low; NUT has no stronger word. 0 comes from cards without a battery sensor.
    { oid: `${R}.2.1.0`, words: { 0: [], 1: [], 2: [], 3: ['LB'], 4: ['LB'] } },
    // upsTestResultsSummary: 5 in progress
    { oid: `${R}.7.3.0`, words: { 5: ['TEST'] }, otherwise: [] },
    // upsSecondsOnBattery is 0 whenever the UPS is not on battery: it decides when the source is "other".
    { oid: `${R}.2.2.0`, words: { 0: ['OL'] }, otherwise: ['OB'], fallback: true },
  ],
  alarms: {
    count: `${R}.6.1.0`,
    column: `${R}.6.2.1.2`,
    known: {
      1: { text: 'Battery bad', words: ['RB'] },
      // On battery: upsOutputSource has told it already.
      2: {},
      3: { words: ['LB'] },
      4: { text: 'Battery depleted', words: ['LB'] },
      5: { text: 'Temperature out of range' },
      6: { text: 'Input bad' },
      7: { text: 'Output bad' },
      8: { text: 'Overload', words: ['OVER'] },
      9: { words: ['BYPASS'] },
      10: { text: 'Bypass bad' },
      11: { text: 'Output off as requested' },
      12: { text: 'UPS off as requested' },
      13: { text: 'Charger failed' },
      14: { text: 'Output off', words: ['OFF'] },
      15: { text: 'UPS system off' },
      16: { text: 'Fan failure' },
      17: { text: 'Fuse failure' },
      18: { text: 'General fault' },
      19: { text: 'Diagnostic test failed' },
      20: { text: 'Communications lost' },
      21: { text: 'Awaiting power' },
      22: { text: 'Shutdown pending' },
      23: { text: 'Shutdown imminent' },
      24: { words: ['TEST'] },
    },
  },
  commands: {
    'test.battery.start.quick': test(4),
    'test.battery.start.deep': test(5),
    'test.battery.stop': test(2),
    'test.system.start': test(3),
    'beeper.disable': { set: [integer(`${R}.9.8.0`, 1)] },
    'beeper.enable': { set: [integer(`${R}.9.8.0`, 2)] },
    'beeper.mute': { set: [integer(`${R}.9.8.0`, 3)] },
    // upsShutdownType 1 is the output alone; the delay starts the countdown, -1 ends it.
    'load.off': { set: [integer(`${R}.8.1.0`, 1), integer(`${R}.8.2.0`, 0)] },
    'load.off.delay': { set: [integer(`${R}.8.1.0`, 1), integer(`${R}.8.2.0`, 20)] },
    'load.on': { set: [integer(`${R}.8.3.0`, 0)] },
    'load.on.delay': { set: [integer(`${R}.8.3.0`, 30)] },
    'shutdown.return': { set: [integer(`${R}.8.5.0`, 1), integer(`${R}.8.1.0`, 1), integer(`${R}.8.2.0`, 20)] },
    'shutdown.stayoff': { set: [integer(`${R}.8.5.0`, 2), integer(`${R}.8.1.0`, 1), integer(`${R}.8.2.0`, 20)] },
    'shutdown.reboot': { set: [integer(`${R}.8.1.0`, 1), integer(`${R}.8.4.0`, 10)] },
    'shutdown.stop': { set: [integer(`${R}.8.2.0`, -1)] },
  },
  settings: {
    'ups.id': { oid: `${R}.1.5.0`, type: 'text', encode: asText },
    'ups.start.auto': { oid: `${R}.8.5.0`, type: 'integer', encode: asOneOf(YES_NO), choices: Object.values(YES_NO) },
    'input.voltage.nominal': { oid: `${R}.9.1.0`, type: 'integer', encode: asWhole },
    'input.frequency.nominal': { oid: `${R}.9.2.0`, type: 'integer', encode: asTenths },
    'output.voltage.nominal': { oid: `${R}.9.3.0`, type: 'integer', encode: asWhole },
    'output.frequency.nominal': { oid: `${R}.9.4.0`, type: 'integer', encode: asTenths },
    'battery.runtime.low': { oid: `${R}.9.7.0`, type: 'integer', encode: asMinutes },
    'input.transfer.low': { oid: `${R}.9.9.0`, type: 'integer', encode: asWhole },
    'input.transfer.high': { oid: `${R}.9.10.0`, type: 'integer', encode: asWhole },
  },
}
