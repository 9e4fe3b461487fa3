import { findCommand } from '@ridethrough/protocol/command.ts'
import { STATUS_WORDS } from '@ridethrough/protocol/status.ts'
import { findVariable } from '@ridethrough/protocol/variable.ts'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { hasRecordings, loadExpected, loadRecording, readerOf } from '../support/snmprec.ts'
import type { SnmpValue } from '../transport/varbind.ts'
import type { SnmpDriver } from './define.ts'
import { candidatesFor, DRIVERS, findDriver } from './index.ts'
import { inspect } from './inspect.ts'
import { type Reading, readDevice } from './read.ts'

const OID = /^1\.3\.6\.1(\.\d+)+(\.\{n\})?$/

function namesOf(driver: SnmpDriver): string[] {
  const each = driver.lines.flatMap(({ columns }) =>
    columns.flatMap(([single, perLine]) => [single ?? perLine, perLine]),
  )
  const groups = driver.groups.flatMap(({ reads }) => reads.map(([name]) => name))
  const totals = driver.totals.flatMap(([name, , ofEach]) => [name, ofEach])
  return [...Object.keys(driver.constants), ...driver.read.map(([name]) => name), ...each, ...groups, ...totals]
    .filter((name) => name !== null)
    .map((name) => name.replace('{n}', '2'))
}

function oidsOf(driver: SnmpDriver): string[] {
  const commands = [...Object.values(driver.commands), ...driver.groups.flatMap((g) => Object.values(g.commands))]
  const rows = [...driver.read, ...driver.groups.flatMap((group) => group.reads)]
  return [
    driver.probe,
    ...driver.sysObjectIds,
    ...rows.flatMap(([, ...sources]) => sources.map(([oid]) => oid)),
    ...driver.lines.flatMap(({ count, columns }) => [...(count ? [count] : []), ...columns.map(([, , oid]) => oid)]),
    ...driver.groups.map(({ column }) => column),
    ...driver.status.map(({ oid }) => oid),
    ...(driver.flags ? [driver.flags.oid] : []),
    ...(driver.alarms ? [driver.alarms.count, driver.alarms.column] : []),
    ...(driver.lost ? [driver.lost.oid] : []),
    ...commands.flatMap(({ set, lock }) => [...set.map(({ oid }) => oid), ...(lock ? [lock] : [])]),
    ...Object.values(driver.settings).map(({ oid }) => oid),
  ]
}

describe.each(DRIVERS.map((driver) => [driver.name, driver] as const))('the driver %s', (_, driver) => {
  test('names only variables that everybody knows, each once', () => {
    for (const name of namesOf(driver)) expect(findVariable(name), name).toBeDefined()
    const rows = driver.read.map(([name]) => name)
    expect(rows).toEqual([...new Set(rows)])
  })

  test('names only commands and settings that everybody knows', () => {
    const grouped = driver.groups.flatMap((group) => Object.keys(group.commands))
    for (const name of [...Object.keys(driver.commands), ...grouped]) {
      expect(findCommand(name.replace('{n}', '1')), name).toBeDefined()
    }
    for (const name of Object.keys(driver.settings)) {
      expect(findVariable(name), name).toBeDefined()
      // What can be set is also read, or nobody could see that it was.
      expect(
        driver.read.some(([read]) => read === name),
        name,
      ).toBe(true)
    }
  })

  test('has well-formed OIDs', () => {
    for (const oid of oidsOf(driver)) expect(oid).toMatch(OID)
  })

  test('uses status words that have a meaning', () => {
    const rows = [...driver.status.flatMap(({ words, otherwise }) => [...Object.values(words), otherwise ?? []])]
    const flags = driver.flags
      ? [...Object.values(driver.flags.words), ...Object.values(driver.flags.fallbackWords)]
      : []
    const alarms = Object.values(driver.alarms?.known ?? {}).map(({ words }) => words ?? [])
    for (const word of [...rows, ...flags, ...alarms].flat()) expect(Object.keys(STATUS_WORDS)).toContain(word)
  })
})

test('no two drivers have the same name', () => {
  expect(new Set(DRIVERS.map(({ name }) => name)).size).toBe(DRIVERS.length)
})

test("a vendor's own table comes first, and a plain Net-SNMP agent is still asked for the standard one", () => {
  expect(candidatesFor('1.3.6.1.4.1.318.1.3.27')[0]?.name).toBe('powernet')
  expect(candidatesFor('1.3.6.1.2.1.33')[0]?.name).toBe('ups-mib')
  expect(candidatesFor('1.3.6.1.4.1.8072.3.2.10')).toHaveLength(DRIVERS.length)
  // 318.1.3.27 is no prefix of 318.1.3.270.
  expect(candidatesFor('1.3.6.1.2.1.330')[0]?.name).toBe('powernet')
})

const R = '1.3.6.1.2.1.33.1'
const U = '1.3.6.1.4.1.318.1.1.1'

async function read(values: Record<string, SnmpValue>): Promise<Reading> {
  const reader = readerOf(new Map(Object.entries(values)))
  const found = await inspect(reader, 'auto')
  if (found.kind === 'unknown') throw new Error('no driver')
  return await readDevice(reader, found.plan)
}

const line = { [`${R}.4.1.0`]: 3, [`${R}.2.1.0`]: 2, [`${R}.2.3.0`]: 30, [`${R}.2.4.0`]: 100, [`${R}.2.5.0`]: 273 }
const apc = { [`${U}.4.1.1.0`]: 2, [`${U}.2.2.1.0`]: 99, [`${U}.2.2.3.0`]: 120_000, [`${U}.4.2.1.0`]: 230 }
const flags = (...set: number[]) =>
  Array.from({ length: 64 }, (_, index) => (set.includes(index + 1) ? '1' : '0')).join('')

test.each<[what: string, values: Record<string, SnmpValue>, status: string]>([
  ['normal', line, 'OL'],
  ['on battery', { ...line, [`${R}.4.1.0`]: 5 }, 'OB DISCHRG'],
  ['on battery and low', { ...line, [`${R}.4.1.0`]: 5, [`${R}.2.1.0`]: 3 }, 'OB LB DISCHRG'],
  ['bypass', { ...line, [`${R}.4.1.0`]: 4 }, 'OL BYPASS'],
  ['boosting', { ...line, [`${R}.4.1.0`]: 6 }, 'OL BOOST'],
  ['trimming', { ...line, [`${R}.4.1.0`]: 7 }, 'OL TRIM'],
  ['off', { ...line, [`${R}.4.1.0`]: 2 }, 'OFF'],
  ['"other", not on battery', { ...line, [`${R}.4.1.0`]: 1, [`${R}.2.2.0`]: 0 }, 'OL'],
  ['"other", on battery', { ...line, [`${R}.4.1.0`]: 1, [`${R}.2.2.0`]: 17 }, 'OB DISCHRG'],
  ['a test', { ...line, [`${R}.7.3.0`]: 5 }, 'OL TEST'],
  ['overload', { ...line, [`${R}.6.1.0`]: 1, [`${R}.6.2.1.2.1`]: `${R}.6.3.8` }, 'ALARM OL OVER'],
  ['a bad battery', { ...line, [`${R}.6.1.0`]: 1, [`${R}.6.2.1.2.7`]: `${R}.6.3.1` }, 'ALARM OL RB'],
  [
    'only "on battery" among the alarms',
    { ...line, [`${R}.4.1.0`]: 5, [`${R}.6.1.0`]: 1, [`${R}.6.2.1.2.1`]: `${R}.6.3.2` },
    'OB DISCHRG',
  ],
  ['APC on line', apc, 'OL'],
  ['APC on battery, low', { ...apc, [`${U}.4.1.1.0`]: 3, [`${U}.2.1.1.0`]: 3 }, 'OB LB DISCHRG'],
  ['APC in bypass by software, not off', { ...apc, [`${U}.4.1.1.0`]: 6 }, 'OL BYPASS'],
  ['APC testing its battery, mains there', { ...apc, [`${U}.4.1.1.0`]: 15 }, 'OL TEST DISCHRG'],
  ['APC with an old battery', { ...apc, [`${U}.2.2.4.0`]: 2 }, 'OL RB'],
  ['APC charging', { ...apc, [`${U}.2.2.17.0`]: 5 }, 'OL CHRG'],
  ['APC calibrating', { ...apc, [`${U}.7.2.6.0`]: 3 }, 'OL CAL'],
  ['APC overloaded, by its flags', { ...apc, [`${U}.11.1.1.0`]: flags(4, 9, 19) }, 'ALARM OL OVER'],
  [
    'APC unknown, on battery by its flags',
    { ...apc, [`${U}.4.1.1.0`]: 1, [`${U}.11.1.1.0`]: flags(2, 19) },
    'OB DISCHRG',
  ],
  ['APC with flags that it does not know', { ...apc, [`${U}.11.1.1.0`]: 'UNKNOWN' }, 'OL'],
])('%s', async (_, values, status) => {
  expect(await read(values)).toMatchObject({ kind: 'values', status, variables: { 'ups.status': status } })
})

test("values come in NUT's units, and what a device does not have is left out", async () => {
  const reading = await read({
    ...apc,
    [`${U}.2.3.1.0`]: 987,
    [`${U}.2.2.2.0`]: 255,
    [`${U}.2.3.2.0`]: 4294967295,
    [`${U}.2.2.9.0`]: -1,
    [`${U}.4.3.5.0`]: -3,
    [`${U}.5.2.9.0`]: 6000,
    [`${U}.5.2.7.0`]: 4,
    '1.3.6.1.2.1.1.1.0': 'APC Web/SNMP Management Card (MB:v4.1.0 AF1:v6.7.2 MN:AP9631)',
  })
  expect(reading.kind === 'values' && reading.variables).toEqual({
    'device.mfr': 'APC',
    'ups.mfr': 'APC',
    'device.type': 'ups',
    'battery.charge': 98.7,
    'battery.runtime': 1200,
    'output.voltage': 230,
    'ups.delay.start': 60,
    'input.sensitivity': 'high',
    'ups.firmware.aux': 'v6.7.2',
    'ups.status': 'OL',
  })
})

test('three lines have their own names, and add up; one line has none, however many rows the card pads', async () => {
  const table = Object.fromEntries(
    [1, 2, 3].flatMap((n) => [
      [`${R}.4.4.1.2.${n}`, 230 + n],
      [`${R}.4.4.1.4.${n}`, 100 * n],
      [`${R}.4.4.1.5.${n}`, 10 * n],
    ]),
  )
  expect(await read({ ...line, ...table, [`${R}.4.3.0`]: 3 })).toMatchObject({
    variables: {
      'output.L1-N.voltage': 231,
      'output.L3-N.voltage': 233,
      'output.L2.power.percent': 20,
      'ups.realpower': 600,
      'ups.load': 30,
    },
  })
  const one = await read({ ...line, ...table, [`${R}.4.3.0`]: 1 })
  expect(one).toMatchObject({ variables: { 'output.voltage': 231, 'ups.realpower': 100, 'ups.load': 10 } })
  expect(one.kind === 'values' && 'output.L1-N.voltage' in one.variables).toBe(false)
})

test('outlet groups bring their values and their commands', async () => {
  const groups = {
    [`${U}.12.1.1.0`]: 2,
    ...Object.fromEntries(
      [1, 2].flatMap((n) => [
        [`${U}.12.1.2.1.2.${n}`, `Group ${n}`],
        [`${U}.12.1.2.1.3.${n}`, n],
        [`${U}.12.1.2.1.5.${n}`, 1],
        [`${U}.12.3.2.1.3.${n}`, n],
      ]),
    ),
  }
  const reader = readerOf(new Map(Object.entries({ ...apc, ...groups })))
  const found = await inspect(reader, 'auto')
  if (found.kind === 'unknown') throw new Error('no driver')
  expect(Object.keys(found.plan.commands)).toContain('outlet.group.2.load.cycle')
  expect(found.plan.commands['outlet.group.2.load.cycle']?.set[0]?.oid).toBe(`${U}.12.3.2.1.3.2`)
  // Nothing is offered that did not answer.
  expect(Object.keys(found.plan.commands)).not.toContain('load.off')
  expect(await readDevice(reader, found.plan)).toMatchObject({
    variables: { 'outlet.group.1.status': 'on', 'outlet.group.2.status': 'off', 'outlet.group.2.name': 'Group 2' },
  })
})

test.each<[what: string, values: Record<string, SnmpValue>, problem: 'nonsense' | 'no-answer']>([
  ['a status that no UPS has', { ...line, [`${R}.4.1.0`]: 77 }, 'nonsense'],
  ['a text for a status', { ...line, [`${R}.4.1.0`]: 'banana' }, 'nonsense'],
  ['no word on the mains', { ...line, [`${R}.4.1.0`]: 1 }, 'nonsense'],
  ['impossible numbers', { ...line, [`${R}.2.4.0`]: 9999, [`${R}.2.5.0`]: -32768, [`${R}.2.3.0`]: 'soon' }, 'nonsense'],
  ['a card that has lost its UPS', { ...apc, [`${U}.8.1.0`]: 2 }, 'no-answer'],
])('%s is told as a problem, not as values', async (_, values, problem) => {
  expect(await read(values)).toMatchObject({ kind: 'problem', problem })
})

test('one sensor gone mad costs its own value, not the device', async () => {
  const reading = await read({
    ...line,
    ...apc,
    [`${R}.1.1.0`]: 'Maker',
    [`${U}.2.3.1.0`]: 70_000,
    [`${U}.2.2.1.0`]: 80,
  })
  expect(reading).toMatchObject({ kind: 'values', senseless: [] })
  const mad = await read({ ...line, [`${R}.4.2.0`]: 500, [`${R}.2.7.0`]: 9000 })
  expect(mad).toMatchObject({ kind: 'values', senseless: ['battery.temperature'] })
})

test('a device that answers to no table is told apart from a silent one', async () => {
  const reader = readerOf(new Map([['1.3.6.1.2.1.1.2.0', '1.3.6.1.4.1.318.1.3.8.4']]))
  expect(await inspect(reader, 'auto')).toEqual({ kind: 'unknown', sysObjectId: '1.3.6.1.4.1.318.1.3.8.4' })
  expect(findDriver('auto')).toBeUndefined()
})

// Replays: our reading of real devices against what LibreNMS reads from the same recording.

const Expected = z.object({
  sensors: z.object({
    discovery: z.object({
      sensors: z.array(z.object({ sensor_class: z.string(), sensor_oid: z.string(), sensor_current: z.number() })),
    }),
  }),
})
const RECORDINGS = [
  'apc_smx750',
  'apc_smt750x-nmc2',
  'apc_sua750i',
  'apc_smx750i',
  'apc_surt3000xl',
  'apc_powerchute',
  'generex-ups_cs121',
  'generex-ups_cs141-v22036',
  'huaweiups_ups2000',
  'netmanplus_204',
  'powerwalker-vfi_500r1u',
] as const
/** Sensor classes that are plain quantities, and what their unit is in ours. */
const FACTOR: Readonly<Record<string, number>> = {
  charge: 1,
  current: 1,
  frequency: 1,
  load: 1,
  power: 1,
  temperature: 1,
  voltage: 1,
  runtime: 60,
}

/** Where LibreNMS is wrong: it divides Huawei's standard frequencies by 100, and shows 0 for a load that was recorded as 31 %. */
const RIGHT: Readonly<Record<string, number>> = {
  'huaweiups_ups2000 1.3.6.1.2.1.33.1.3.3.1.2.1': 50,
  'huaweiups_ups2000 1.3.6.1.2.1.33.1.4.2.0': 50,
  'huaweiups_ups2000 1.3.6.1.2.1.33.1.5.1.0': 50,
  'apc_powerchute 1.3.6.1.4.1.318.1.1.1.4.2.3.0': 31,
}

if (!hasRecordings) console.log(`recordings were not there: ${RECORDINGS.length} replays of real devices were left out`)

test.runIf(hasRecordings).each(RECORDINGS)('%s reads as LibreNMS reads it', async (name) => {
  const recording = loadRecording(name)
  const reader = readerOf(recording)
  const found = await inspect(reader, 'auto')
  if (found.kind === 'unknown') throw new Error('no driver')
  const reading = await readDevice(reader, found.plan)
  if (reading.kind !== 'values') throw new Error(reading.detail)
  expect(reading.senseless).toEqual([])
  const variableOf = new Map(
    found.plan.reads.flatMap(([variable, ...sources]) => sources.map(([oid]) => [oid, variable])),
  )
  let compared = 0
  for (const sensor of Expected.parse(loadExpected(name)).sensors.discovery.sensors) {
    const factor = FACTOR[sensor.sensor_class]
    const oid = sensor.sensor_oid.replace(/^\./, '')
    const variable = variableOf.get(oid)
    const value = variable && reading.variables[variable]
    if (factor === undefined || typeof value !== 'number') continue
    compared += 1
    expect(value, `${variable} from ${oid}`).toBeCloseTo(RIGHT[`${name} ${oid}`] ?? sensor.sensor_current * factor, 3)
  }
  expect(compared).toBeGreaterThanOrEqual(4)
})
