// PowerNet, the MIB of APC's management cards. Objects with a tenth's precision come first; old cards have only the coarse ones.
import {
  asOneOf,
  asText,
  asTicks,
  asWhole,
  type CommandRow,
  hundredths,
  oneOf,
  part,
  positive,
  type SnmpDriver,
  tenths,
  text,
  ticks,
  unless,
  whole,
} from './define.ts'

const APC = '1.3.6.1.4.1.318'
const U = `${APC}.1.1.1`
const SYSTEM = '1.3.6.1.2.1.1'
/** What a 32-bit object holds when there is nothing to measure. */
const NONE = [4294967295, -1]
/** Temperature sensors that are not fitted read 255 °C. */
const NO_SENSOR = [...NONE, 255]
const NO_FINE_SENSOR = [...NONE, 2550]

const SENSITIVITY = { 1: 'auto', 2: 'low', 3: 'medium', 4: 'high' }
// upsAdvConfigAlarm: 1 timed, 2 at low battery, 3 never, 4 mute
const BEEPER = { 1: 'enabled', 2: 'enabled', 3: 'disabled', 4: 'muted' }
const TEST_RESULT = { 1: 'Ok', 2: 'Failed', 3: 'Invalid test', 4: 'Test in progress' }
const TRANSFER = {
  1: 'No transfer',
  2: 'High line voltage',
  3: 'Brownout',
  4: 'Blackout',
  5: 'Small momentary sag',
  6: 'Deep momentary sag',
  7: 'Small momentary spike',
  8: 'Large momentary spike',
  9: 'Self test',
  10: 'Rate of voltage change',
}

const set = (oid: string, value: number): CommandRow => ({ set: [{ oid, type: 'integer', value }] })

/** Rows are input.phase or input.1.phase; the second input is the bypass. */
const firstInput = (suffix: string) => {
  const levels = suffix.split('.').map(Number)
  const line = levels.at(-1) ?? 0
  return levels[0] === 1 && line >= 1 && line <= 3 ? line : undefined
}

export const powernet: SnmpDriver = {
  name: 'powernet',
  // Smart-UPS, Symmetra, PowerChute's own agent, and cards that only say "APC UPS".
  sysObjectIds: [`${APC}.1.3.2`, `${APC}.1.3.5`, `${APC}.1.3.27`, `${APC}.1.3.33.1`, `${APC}.1.3.1`],
  // upsBasicOutputStatus
  probe: `${U}.4.1.1.0`,
  constants: { 'device.mfr': 'APC', 'ups.mfr': 'APC', 'device.type': 'ups' },
  read: [
    ['device.model', [`${U}.1.1.1.0`, text]],
    ['ups.model', [`${U}.1.1.1.0`, text]],
    ['ups.id', [`${U}.1.1.2.0`, text]],
    ['ups.firmware', [`${U}.1.2.1.0`, text]],
    // The card's application module, as its sysDescr names it.
    ['ups.firmware.aux', [`${SYSTEM}.1.0`, part(/\bAF1:(\S{1,32})/)]],
    ['ups.mfr.date', [`${U}.1.2.2.0`, text]],
    ['device.serial', [`${U}.1.2.3.0`, text]],
    ['ups.serial', [`${U}.1.2.3.0`, text]],
    ['device.part', [`${U}.1.2.5.0`, text]],
    ['device.location', [`${SYSTEM}.6.0`, text]],
    ['battery.runtime.elapsed', [`${U}.2.1.2.0`, unless(NONE, ticks)]],
    ['battery.date', [`${U}.2.1.3.0`, text]],
    ['battery.charge', [`${U}.2.3.1.0`, unless(NONE, tenths)], [`${U}.2.2.1.0`, unless(NONE, whole)]],
    [
      'battery.temperature',
      [`${U}.2.3.2.0`, unless(NO_FINE_SENSOR, tenths)],
      [`${U}.2.2.2.0`, unless(NO_SENSOR, whole)],
    ],
    ['battery.runtime', [`${U}.2.2.3.0`, unless(NONE, ticks)]],
    ['battery.packs', [`${U}.2.2.5.0`, positive(whole)]],
    ['battery.packs.bad', [`${U}.2.2.6.0`, positive(whole)]],
    [
      'battery.voltage.nominal',
      [`${U}.2.3.3.0`, unless([0], positive(tenths))],
      [`${U}.2.2.7.0`, unless([0], positive(whole))],
    ],
    ['battery.voltage', [`${U}.2.3.4.0`, unless(NONE, tenths)], [`${U}.2.2.8.0`, unless(NONE, whole)]],
    ['battery.current', [`${U}.2.3.5.0`, unless(NONE, tenths)], [`${U}.2.2.9.0`, unless(NONE, whole)]],
    ['input.voltage', [`${U}.3.3.1.0`, unless(NONE, tenths)], [`${U}.3.2.1.0`, unless(NONE, whole)]],
    ['input.voltage.maximum', [`${U}.3.3.2.0`, unless(NONE, tenths)], [`${U}.3.2.2.0`, unless(NONE, whole)]],
    ['input.voltage.minimum', [`${U}.3.3.3.0`, unless(NONE, tenths)], [`${U}.3.2.3.0`, unless(NONE, whole)]],
    ['input.frequency', [`${U}.3.3.4.0`, unless(NONE, tenths)], [`${U}.3.2.4.0`, unless(NONE, whole)]],
    ['input.transfer.reason', [`${U}.3.2.5.0`, oneOf(TRANSFER)]],
    ['input.frequency.nominal', [`${U}.3.2.6.0`, unless([0], positive(whole))]],
    ['input.voltage.nominal', [`${U}.3.2.7.0`, unless([0], positive(whole))]],
    ['input.bypass.voltage', [`${U}.3.3.6.0`, unless([0, ...NONE], tenths)]],
    ['input.bypass.frequency', [`${U}.3.3.7.0`, unless([0, ...NONE], tenths)]],
    ['input.phases', [`${U}.3.1.1.0`, unless([0], positive(whole))]],
    ['output.phases', [`${U}.4.1.2.0`, unless([0], positive(whole))]],
    ['output.voltage', [`${U}.4.3.1.0`, unless(NONE, tenths)], [`${U}.4.2.1.0`, unless(NONE, whole)]],
    ['output.frequency', [`${U}.4.3.2.0`, unless(NONE, tenths)], [`${U}.4.2.2.0`, unless(NONE, whole)]],
    ['ups.load', [`${U}.4.3.3.0`, unless(NONE, tenths)], [`${U}.4.2.3.0`, unless(NONE, whole)]],
    ['output.current', [`${U}.4.3.4.0`, unless(NONE, tenths)], [`${U}.4.2.4.0`, unless(NONE, whole)]],
    ['output.frequency.nominal', [`${U}.4.2.7.0`, unless([0], positive(whole))]],
    ['ups.realpower', [`${U}.4.2.8.0`, positive(whole)]],
    ['ups.power', [`${U}.4.2.9.0`, positive(whole)]],
    ['output.energy', [`${U}.4.3.6.0`, unless(NONE, hundredths)], [`${U}.4.2.12.0`, unless(NONE, whole)]],
    // Negative numbers are reasons why there is no figure: on battery, in bypass, load too low.
    ['ups.efficiency', [`${U}.4.3.5.0`, positive(tenths)]],
    ['output.voltage.nominal', [`${U}.5.2.1.0`, positive(whole)]],
    ['input.transfer.high', [`${U}.5.2.2.0`, positive(whole)]],
    ['input.transfer.low', [`${U}.5.2.3.0`, positive(whole)]],
    ['ups.beeper.status', [`${U}.5.2.4.0`, positive(oneOf(BEEPER))]],
    ['battery.charge.restart', [`${U}.5.2.6.0`, positive(whole)]],
    ['input.sensitivity', [`${U}.5.2.7.0`, positive(oneOf(SENSITIVITY))]],
    ['battery.runtime.low', [`${U}.5.2.8.0`, unless(NONE, ticks)]],
    ['ups.delay.start', [`${U}.5.2.9.0`, unless(NONE, ticks)]],
    ['ups.delay.shutdown', [`${U}.5.2.10.0`, unless(NONE, ticks)]],
    ['ups.delay.reboot', [`${U}.5.2.11.0`, unless(NONE, ticks)]],
    ['ups.test.result', [`${U}.7.2.3.0`, positive(oneOf(TEST_RESULT))]],
    ['ups.test.date', [`${U}.7.2.4.0`, text]],
    ['outlet.group.count', [`${U}.12.1.1.0`, unless([0], positive(whole))]],
    // The first sensor on the card's universal port.
    ['ambient.temperature', [`${APC}.1.1.25.1.2.1.6.1.1`, unless(NONE, whole)]],
    ['ambient.humidity', [`${APC}.1.1.25.1.2.1.7.1.1`, positive(whole)]],
  ],
  lines: [
    {
      lineOf: firstInput,
      columns: [
        [null, 'input.L{n}-N.voltage', `${U}.9.2.3.1.3`, positive(whole)],
        [null, 'input.L{n}.current', `${U}.9.2.3.1.6`, positive(tenths)],
        [null, 'input.L{n}.realpower', `${U}.9.2.3.1.9`, positive(whole)],
      ],
    },
    {
      lineOf: firstInput,
      columns: [
        [null, 'output.L{n}-N.voltage', `${U}.9.3.3.1.3`, positive(whole)],
        [null, 'output.L{n}.current', `${U}.9.3.3.1.4`, positive(tenths)],
        [null, 'output.L{n}.power', `${U}.9.3.3.1.7`, positive(whole)],
        [null, 'output.L{n}.power.percent', `${U}.9.3.3.1.10`, positive(whole)],
        [null, 'output.L{n}.realpower', `${U}.9.3.3.1.13`, positive(whole)],
      ],
    },
  ],
  totals: [
    ['ups.realpower', 'sum', 'output.L{n}.realpower'],
    ['ups.power', 'sum', 'output.L{n}.power'],
    ['ups.load', 'max', 'output.L{n}.power.percent'],
  ],
  groups: [
    {
      // upsOutletGroupStatusGroupState; the main group (type 2) feeds the switched ones
      column: `${U}.12.1.2.1.3`,
      reads: [
        ['outlet.group.{n}.name', [`${U}.12.1.2.1.2.{n}`, text]],
        ['outlet.group.{n}.status', [`${U}.12.1.2.1.3.{n}`, unless([3], oneOf({ 1: 'on', 2: 'off' }))]],
        ['outlet.group.{n}.type', [`${U}.12.1.2.1.5.{n}`, oneOf({ 1: 'switched', 2: 'main' })]],
      ],
      commands: {
        'outlet.group.{n}.load.on': set(`${U}.12.3.2.1.3.{n}`, 1),
        'outlet.group.{n}.load.off': set(`${U}.12.3.2.1.3.{n}`, 2),
        'outlet.group.{n}.load.cycle': set(`${U}.12.3.2.1.3.{n}`, 3),
      },
    },
  ],
  status: [
    // upsBasicOutputStatus. 6 is bypass by software, not "off"; 15 and 28 are tests, during which the mains are there.
    {
      oid: `${U}.4.1.1.0`,
      words: {
        1: [],
        2: ['OL'],
        3: ['OB'],
        4: ['OL', 'BOOST'],
        5: ['OFF'],
        6: ['OL', 'BYPASS'],
        7: ['OFF'],
        8: ['OFF'],
        9: ['OL', 'BYPASS'],
        10: ['OL', 'BYPASS'],
        11: ['OFF'],
        12: ['OL', 'TRIM'],
        13: ['OL', 'ECO'],
        14: ['OL'],
        15: ['OL', 'TEST', 'DISCHRG'],
        16: ['OL', 'BYPASS'],
        17: ['OL', 'BYPASS'],
        18: ['OL', 'ECO'],
        19: ['OL'],
        20: ['OL', 'ECO'],
        21: ['OL'],
        22: ['OL'],
        23: ['OL'],
        24: ['OL', 'DISCHRG'],
        25: ['OL'],
        26: ['OL'],
        27: ['OL', 'DISCHRG'],
        28: ['OL', 'TEST'],
      },
      alarms: { 10: 'Bypass by hardware failure', 16: 'Emergency static bypass' },
    },
    // upsBasicBatteryStatus: 3 low, 4 in fault, 5 absent
    {
      oid: `${U}.2.1.1.0`,
      words: { 3: ['LB'] },
      otherwise: [],
      alarms: { 4: 'Battery in fault condition', 5: 'No battery' },
    },
    // upsAdvBatteryReplaceIndicator
    { oid: `${U}.2.2.4.0`, words: { 2: ['RB'] }, otherwise: [] },
    // upsAdvBatteryChargerStatus: 3 in fault, 4 float, 5 boost, 8 equalization, 10 cyclic float
    {
      oid: `${U}.2.2.17.0`,
      words: { 4: ['CHRG'], 5: ['CHRG'], 8: ['CHRG'], 10: ['CHRG'] },
      otherwise: [],
      alarms: { 3: 'Charger in fault condition' },
    },
    // upsAdvTestDiagnosticsResults: 4 in progress
    { oid: `${U}.7.2.3.0`, words: { 4: ['TEST'] }, otherwise: [] },
    // upsAdvTestCalibrationResults: 3 in progress
    { oid: `${U}.7.2.6.0`, words: { 3: ['CAL'] }, otherwise: [] },
  ],
  // upsBasicStateOutputState
  flags: {
    oid: `${U}.11.1.1.0`,
    words: {
      3: ['LB'],
      5: ['RB'],
      9: ['OVER'],
      10: ['CAL'],
      12: ['BYPASS'],
      13: ['BYPASS'],
      14: ['BYPASS'],
      15: ['BYPASS'],
      16: ['BYPASS'],
      29: ['TEST'],
    },
    fallbackWords: { 2: ['OB'], 4: ['OL'], 58: ['OFF'] },
    alarms: {
      9: 'Overload',
      14: 'Bypass by internal fault',
      15: 'Bypass by power supply failure',
      16: 'Bypass by fan failure',
      21: 'Battery communication lost',
      22: 'Graceful shutdown started',
      25: 'Battery charger failure',
      33: 'No batteries attached',
      53: 'Emergency power off',
    },
  },
  lost: {
    oid: `${U}.8.1.0`,
    value: 2,
    detail: 'the management card answers, but has lost its UPS: check that the card is seated and the UPS is on',
  },
  commands: {
    'load.off': set(`${U}.6.2.1.0`, 2),
    'shutdown.stayoff': set(`${U}.6.2.1.0`, 3),
    'load.on': set(`${U}.6.2.6.0`, 2),
    // Conserve battery: off now, on again with the mains. The UPS takes it only while it is on battery.
    'shutdown.return': set(`${U}.6.1.1.0`, 2),
    'shutdown.reboot': set(`${U}.6.2.2.0`, 2),
    'shutdown.reboot.graceful': set(`${U}.6.2.2.0`, 3),
    'test.failure.start': set(`${U}.6.2.4.0`, 2),
    'test.panel.start': set(`${U}.6.2.5.0`, 2),
    'test.panel.stop': set(`${U}.6.2.5.0`, 5),
    'bypass.start': set(`${U}.6.2.7.0`, 2),
    'bypass.stop': set(`${U}.6.2.7.0`, 3),
    'test.battery.start.quick': set(`${U}.7.2.2.0`, 2),
    'calibrate.start': set(`${U}.7.2.5.0`, 2),
    'calibrate.stop': set(`${U}.7.2.5.0`, 3),
    'beeper.enable': set(`${U}.5.2.4.0`, 1),
    'beeper.disable': set(`${U}.5.2.4.0`, 3),
    'beeper.mute': set(`${U}.5.2.4.0`, 4),
    'reset.input.minmax': set(`${U}.9.1.1.0`, 2),
  },
  settings: {
    'ups.id': { oid: `${U}.1.1.2.0`, type: 'text', encode: asText },
    'battery.date': { oid: `${U}.2.1.3.0`, type: 'text', encode: asText },
    'output.voltage.nominal': { oid: `${U}.5.2.1.0`, type: 'integer', encode: asWhole },
    // Values that the UPS does not have are rounded, not refused: read back what it took.
    'input.transfer.high': { oid: `${U}.5.2.2.0`, type: 'integer', encode: asWhole },
    'input.transfer.low': { oid: `${U}.5.2.3.0`, type: 'integer', encode: asWhole },
    'battery.charge.restart': { oid: `${U}.5.2.6.0`, type: 'integer', encode: asWhole },
    'input.sensitivity': {
      oid: `${U}.5.2.7.0`,
      type: 'integer',
      encode: asOneOf(SENSITIVITY),
      choices: Object.values(SENSITIVITY),
    },
    'battery.runtime.low': { oid: `${U}.5.2.8.0`, type: 'ticks', encode: asTicks },
    'ups.delay.start': { oid: `${U}.5.2.9.0`, type: 'ticks', encode: asTicks },
    'ups.delay.shutdown': { oid: `${U}.5.2.10.0`, type: 'ticks', encode: asTicks },
    'ups.delay.reboot': { oid: `${U}.5.2.11.0`, type: 'ticks', encode: asTicks },
  },
}
