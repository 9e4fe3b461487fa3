import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import snmp from 'net-snmp'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stillClock } from '../clock.ts'
import type { UnitConfig } from '../config.ts'
import { type Simulator, startSimulator } from '../main.ts'
import { parseLines, runSnmp, type Target } from './peers.ts'
import { compare, pathOf } from './tree.ts'

const R = '1.3.6.1.2.1.33.1'
const U = '1.3.6.1.4.1.318.1.1.1'
const log = pino({ level: 'silent' })
const v3 = {
  version: 'v3',
  user: 'watcher',
  authProtocol: 'sha256',
  authKey: 'auth-phrase',
  privProtocol: 'aes',
  privKey: 'priv-phrase',
} as const
const outletGroups = [
  { name: 'Main', main: true },
  { name: 'Storage', main: false },
]

let simulator: Simulator
const targets = new Map<string, Target>()

beforeAll(async () => {
  const common = { nominalWatts: 900, batteryMinutes: 6 }
  simulator = await startSimulator(
    {
      units: [
        { ...common, name: 'ietf', mib: 'ups-mib', snmp: { version: 'v2c', community: 'one' } },
        { ...common, name: 'ietf-old', mib: 'ups-mib', snmp: { version: 'v1', community: 'two' } },
        { ...common, name: 'ietf-safe', mib: 'ups-mib', snmp: v3 },
        { ...common, name: 'apc', mib: 'powernet', snmp: { version: 'v2c', community: 'one' }, outletGroups },
        { ...common, name: 'apc-old', mib: 'powernet', snmp: { version: 'v1', community: 'two' }, outletGroups },
        { ...common, name: 'apc-safe', mib: 'powernet', snmp: v3, outletGroups },
      ],
    },
    log,
    stillClock(Date.UTC(2026, 0, 15)),
  )
  for (const unit of simulator.units) targets.set(unit.name, unit)
})
afterAll(() => simulator?.stop())

function target(name: string): Target {
  const found = targets.get(name)
  if (!found) throw new Error(`no unit ${name}`)
  return found
}

async function get(name: string, oid: string): Promise<string | undefined> {
  const ran = await runSnmp('snmpget', target(name), [oid])
  return parseLines(ran.out).get(oid)
}

async function set(name: string, ...triples: readonly string[]): Promise<string> {
  const ran = await runSnmp('snmpset', target(name), triples)
  return ran.code === 0 ? 'ok' : (/Reason: \(?(\w+)/.exec(ran.error)?.[1] ?? ran.error)
}

const ALL: readonly [name: string, mib: UnitConfig['mib'], root: string, least: number][] = [
  ['ietf', 'ups-mib', R, 45],
  ['ietf-old', 'ups-mib', R, 45],
  ['ietf-safe', 'ups-mib', R, 45],
  ['apc', 'powernet', U, 90],
  ['apc-old', 'powernet', U, 90],
  ['apc-safe', 'powernet', U, 90],
]

test.each(ALL)('%s: snmpwalk reads the system group and the whole MIB in order', async (name, _mib, root, least) => {
  const all = parseLines((await runSnmp('snmpwalk', target(name), ['1.3.6.1'])).out)
  const oids = [...all.keys()]
  expect(oids).toEqual([...oids].sort((a, b) => compare(pathOf(a), pathOf(b))))
  expect(all.get('1.3.6.1.2.1.1.5.0')).toBe(name)
  expect(oids.filter((oid) => oid.startsWith(`${root}.`)).length).toBeGreaterThan(least)
})

test.each(['ietf', 'ietf-safe', 'apc', 'apc-safe'])(
  '%s: a bulk walk reads the same as one step at a time',
  async (name) => {
    const [bulk, single] = await Promise.all([
      runSnmp('snmpbulkwalk', target(name), ['-Cr25', '1.3.6.1']),
      runSnmp('snmpwalk', target(name), ['1.3.6.1']),
    ])
    expect(bulk.out).toBe(single.out)
  },
)

test('a bulk request honours non-repeaters, and repeats every other column', async () => {
  const ran = await runSnmp('snmpbulkget', target('ietf'), ['-Cn1', '-Cr2', `${R}.1.1`, `${R}.2.3`, `${R}.9.1`])
  expect([...parseLines(ran.out).keys()]).toEqual([
    `${R}.1.1.0`,
    `${R}.2.3.0`,
    `${R}.9.1.0`,
    `${R}.2.4.0`,
    `${R}.9.2.0`,
  ])
})

test('what is not there is noSuchName in version 1 and an exception in the others', async () => {
  const old = await runSnmp('snmpget', target('ietf-old'), [`${R}.2.4.0`, `${R}.99.0`])
  expect(old.error).toContain('noSuchName')
  expect(old.error).toContain('99.0')
  const [object, instance] = await Promise.all([get('ietf', `${R}.99.0`), get('ietf', `${R}.2.4.7`)])
  expect(object).toContain('No Such Object')
  expect(instance).toContain('No Such Instance')
})

test('an unknown community, an unknown user, wrong keys and another version get nothing', async () => {
  const quick = ['-t', '1', '-r', '0', `${R}.2.4.0`]
  const ask = (name: string, access: Target['snmp']) => runSnmp('snmpget', target(name), quick, access)
  const ran = await Promise.all([
    ask('ietf', { version: 'v2c', community: 'guess' }),
    ask('ietf-old', { version: 'v2c', community: 'two' }),
    ask('ietf-safe', { version: 'v2c', community: 'one' }),
    ask('ietf-safe', { ...v3, user: 'nobody' }),
    ask('ietf-safe', { ...v3, authKey: 'wrong-phrase' }),
    ask('ietf-safe', { ...v3, privKey: 'wrong-phrase' }),
  ])
  for (const { code, out } of ran) {
    expect(code).not.toBe(0)
    expect(parseLines(out).size).toBe(0)
  }
  const oldWay = await runSnmp('snmpget', target('ietf'), [`${R}.2.4.0`], { version: 'v1', community: 'one' })
  expect(parseLines(oldWay.out).get(`${R}.2.4.0`)).toBe('100')
})

test.each(['ietf', 'ietf-old', 'ietf-safe'])('%s: settings written are read back', async (name) => {
  expect(await set(name, `${R}.1.5.0`, 's', 'Rack 9', `${R}.9.8.0`, 'i', '3', `${R}.9.7.0`, 'i', '4')).toBe('ok')
  const read = await runSnmp('snmpget', target(name), [`${R}.1.5.0`, `${R}.9.8.0`, `${R}.9.7.0`])
  expect([...parseLines(read.out).values()]).toEqual(['Rack 9', '3', '4'])
  expect(await set(name, `${R}.1.5.0`, 's', name)).toBe('ok')
})

test.each(['apc', 'apc-old', 'apc-safe'])('%s: settings written are read back', async (name) => {
  expect(await set(name, `${U}.5.2.7.0`, 'i', '2', `${U}.5.2.9.0`, 't', '3000', `${U}.12.2.2.1.4.2`, 'i', '45')).toBe(
    'ok',
  )
  const read = await runSnmp('snmpget', target(name), [`${U}.5.2.7.0`, `${U}.5.2.9.0`, `${U}.12.2.2.1.4.2`])
  expect([...parseLines(read.out).values()]).toEqual(['2', '3000', '45'])
  // An impossible transfer voltage is rounded, not refused.
  expect(await set(name, `${U}.5.2.2.0`, 'i', '999')).toBe('ok')
  expect(await get(name, `${U}.5.2.2.0`)).toBe('276')
})

const REFUSED: readonly [what: string, name: string, triple: readonly string[], word: string][] = [
  ['an object that is not there', 'ietf', [`${R}.99.0`, 'i', '1'], 'notWritable'],
  ['an object that is not there, in version 1', 'ietf-old', [`${R}.99.0`, 'i', '1'], 'noSuchName'],
  ['a read-only object', 'ietf', [`${R}.2.4.0`, 'i', '50'], 'notWritable'],
  ['a read-only object, in version 1', 'ietf-old', [`${R}.2.4.0`, 'i', '50'], 'noSuchName'],
  ['a read-only object over version 3', 'apc-safe', [`${U}.2.2.1.0`, 'u', '50'], 'notWritable'],
  ['an instance that cannot be made', 'apc', [`${U}.12.3.2.1.3.9`, 'i', '2'], 'noCreation'],
  ['another type', 'ietf', [`${R}.7.1.0`, 'i', '0'], 'wrongType'],
  ['another type, in version 1', 'ietf-old', [`${R}.7.1.0`, 'i', '0'], 'badValue'],
  ['ticks as an integer', 'apc', [`${U}.5.2.9.0`, 'i', '3000'], 'wrongType'],
  ['a value out of range', 'ietf', [`${R}.8.4.0`, 'i', '301'], 'wrongValue'],
  ['a command that there is not', 'apc', [`${U}.6.2.1.0`, 'i', '7'], 'wrongValue'],
  ['a name that is too long', 'ietf', [`${R}.1.5.0`, 's', 'x'.repeat(64)], 'wrongLength'],
  ['saving the battery while there is mains', 'apc', [`${U}.6.1.1.0`, 'i', '2'], 'inconsistentValue'],
]

test.each(REFUSED)('refused: %s', async (_what, name, triple, word) => {
  const before = (await runSnmp('snmpwalk', target(name), ['1.3.6.1'])).out
  expect(await set(name, ...triple)).toBe(word)
  expect((await runSnmp('snmpwalk', target(name), ['1.3.6.1'])).out).toBe(before)
})

test('UPS-MIB: a test needs the lock just read, runs, is refused meanwhile, and passes', async () => {
  const lock = (await get('ietf', `${R}.7.2.0`)) ?? ''
  const quick = [`${R}.7.1.0`, 'o', `${R}.7.7.4`] as const
  expect(await set('ietf', `${R}.7.2.0`, 'i', String(Number(lock) + 7), ...quick)).toBe('inconsistentValue')
  expect(await get('ietf', `${R}.7.3.0`)).toBe('6')
  expect(await set('ietf', `${R}.7.2.0`, 'i', lock, ...quick)).toBe('ok')
  simulator.advance(3)
  expect(await get('ietf', `${R}.7.3.0`)).toBe('5')
  expect(await get('ietf', `${R}.4.1.0`)).toBe('5')
  expect(await set('ietf', `${R}.7.2.0`, 'i', String(Number(lock) + 1), ...quick)).toBe('inconsistentValue')
  simulator.advance(8)
  expect(await get('ietf', `${R}.7.3.0`)).toBe('1')
  expect(await get('ietf', `${R}.7.1.0`)).toBe(`.${R}.7.7.4`)
})

test('UPS-MIB: a shutdown counts down, can be called off, and switches off', async () => {
  expect(await set('ietf-safe', `${R}.8.2.0`, 'i', '20')).toBe('ok')
  simulator.advance(5)
  expect(await get('ietf-safe', `${R}.8.2.0`)).toBe('15')
  expect(await set('ietf-safe', `${R}.8.2.0`, 'i', '-1')).toBe('ok')
  simulator.advance(30)
  expect(await get('ietf-safe', `${R}.4.1.0`)).toBe('3')
  expect(await set('ietf-safe', `${R}.8.4.0`, 'i', '30')).toBe('ok')
  simulator.advance(10)
  expect(await get('ietf-safe', `${R}.4.1.0`)).toBe('2')
  expect(await get('ietf-safe', `${R}.8.4.0`)).toBe('20')
  simulator.advance(25)
  expect(await get('ietf-safe', `${R}.4.1.0`)).toBe('3')
})

test('UPS-MIB: a cut shows in source, seconds, alarms and their table, and goes again', async () => {
  simulator.control.set('ietf-old', { mains: false })
  simulator.advance(12)
  const read = await runSnmp('snmpget', target('ietf-old'), [`${R}.4.1.0`, `${R}.2.2.0`, `${R}.6.1.0`])
  expect([...parseLines(read.out).values()]).toEqual(['5', '12', '2'])
  const rows = parseLines((await runSnmp('snmpwalk', target('ietf-old'), [`${R}.6.2.1.2`])).out)
  expect([...rows.values()].sort()).toEqual([`.${R}.6.3.2`, `.${R}.6.3.6`])
  simulator.control.set('ietf-old', { mains: true })
  simulator.advance(2)
  expect(await get('ietf-old', `${R}.6.1.0`)).toBe('0')
})

test('PowerNet: a self-test shows in result, output status and flags', async () => {
  expect(await set('apc-safe', `${U}.7.2.2.0`, 'i', '2')).toBe('ok')
  simulator.advance(3)
  const during = await runSnmp('snmpget', target('apc-safe'), [
    `${U}.7.2.3.0`,
    `${U}.4.1.1.0`,
    `${U}.11.1.1.0`,
    `${U}.7.2.2.0`,
  ])
  const [result, status, flags, idle] = [...parseLines(during.out).values()]
  expect([result, status, idle]).toEqual(['4', '15', '1'])
  expect(flags).toHaveLength(64)
  expect([flags?.[1], flags?.[3], flags?.[28]]).toEqual(['1', '0', '1'])
  simulator.advance(8)
  expect(await get('apc-safe', `${U}.7.2.3.0`)).toBe('1')
  expect(await get('apc-safe', `${U}.7.2.4.0`)).toBe('01/15/2026')
})

test('PowerNet: outlet groups switch, wait, and need their main group', async () => {
  const group = (index: number) => `${U}.12.3.2.1.3.${index}`
  expect(await set('apc', `${U}.12.2.2.1.4.2`, 'i', '10')).toBe('ok')
  expect(await set('apc', group(2), 'i', '5')).toBe('ok')
  expect(await get('apc', `${U}.12.1.2.1.4.2`)).toBe('1')
  expect(await set('apc', group(2), 'i', '7')).toBe('ok')
  simulator.advance(15)
  expect(await get('apc', group(2))).toBe('1')
  expect(await set('apc', group(2), 'i', '2')).toBe('ok')
  expect(await get('apc', group(2))).toBe('2')
  expect(simulator.control.find('apc')?.load).toBeLessThan(20)
  expect(await set('apc', group(1), 'i', '2')).toBe('ok')
  expect(await set('apc', group(2), 'i', '1')).toBe('inconsistentValue')
  expect(await set('apc', group(1), 'i', '1', group(2), 'i', '1')).toBe('ok')
  expect(await get('apc', group(2))).toBe('1')
})

test('PowerNet: off stays off, on starts, reboot comes back', async () => {
  expect(await set('apc-old', `${U}.6.2.1.0`, 'i', '2')).toBe('ok')
  expect(await get('apc-old', `${U}.4.1.1.0`)).toBe('7')
  simulator.advance(300)
  expect(await get('apc-old', `${U}.4.1.1.0`)).toBe('7')
  expect(await set('apc-old', `${U}.6.2.6.0`, 'i', '2')).toBe('ok')
  expect(await get('apc-old', `${U}.4.1.1.0`)).toBe('2')
  expect(await set('apc-old', `${U}.6.2.2.0`, 'i', '2')).toBe('ok')
  expect(await get('apc-old', `${U}.4.1.1.0`)).toBe('5')
  simulator.advance(60)
  expect(await get('apc-old', `${U}.4.1.1.0`)).toBe('2')
})

test('silent: nothing comes back, and the UPS is there again afterwards', async () => {
  simulator.control.set('ietf', { fault: 'silent' })
  const ran = await runSnmp('snmpget', target('ietf'), ['-t', '1', '-r', '0', `${R}.2.4.0`])
  expect(ran.error).toContain('Timeout')
  simulator.control.set('ietf', { fault: null })
  expect(await get('ietf', `${R}.2.4.0`)).toMatch(/^\d+$/)
})

test('garbage: answers come, some are no SNMP, and none of the others reads as the UPS does', async () => {
  simulator.control.set('ietf', { fault: 'garbage' })
  const [host, port] = target('ietf').address.split(':')
  const session = snmp.createSession(host, 'one', {
    port: Number(port),
    version: snmp.Version2c,
    timeout: 200,
    retries: 0,
  })
  // Without a listener net-snmp's session throws what it cannot decode at the whole process.
  let undecodable = 0
  session.on('error', () => {
    undecodable += 1
  })
  const heard: string[] = []
  for (let time = 0; time < 24; time += 1) {
    heard.push(
      await new Promise((resolve) => {
        session.get([`${R}.2.4.0`], (error, varbinds) => resolve(error ? error.name : String(varbinds?.[0]?.value)))
      }),
    )
  }
  session.close()
  simulator.control.set('ietf', { fault: null })
  expect(heard).not.toContain('100')
  expect(undecodable).toBeGreaterThan(0)
  expect(heard.filter((word) => !word.endsWith('Error')).length).toBeGreaterThan(6)
})

test('replace-battery: both MIBs say so, and a test fails', async () => {
  for (const name of ['ietf-safe', 'apc-safe']) simulator.control.set(name, { fault: 'replace-battery' })
  expect(await get('apc-safe', `${U}.2.2.4.0`)).toBe('2')
  const alarms = parseLines((await runSnmp('snmpwalk', target('ietf-safe'), [`${R}.6.2.1.2`])).out)
  expect([...alarms.values()]).toContain(`.${R}.6.3.1`)
  expect(await set('apc-safe', `${U}.7.2.2.0`, 'i', '2')).toBe('ok')
  simulator.advance(12)
  expect(await get('apc-safe', `${U}.7.2.3.0`)).toBe('2')
  for (const name of ['ietf-safe', 'apc-safe']) simulator.control.set(name, { fault: null })
})

test('bytes that are no SNMP do not disturb it', async () => {
  const socket = createSocket('udp4')
  const port = Number(target('apc').address.split(':')[1])
  const send = (bytes: Buffer) => new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve))
  let word = 1
  for (let count = 0; count < 500; count += 1) {
    word = (Math.imul(word, 1103515245) + 12345) >>> 0
    const bytes = Buffer.alloc(1 + (word % 90))
    for (let at = 0; at < bytes.length; at += 1) {
      word = (Math.imul(word, 1103515245) + 12345) >>> 0
      bytes[at] = word >>> 16
    }
    // Half of them begin as a message would.
    if (count % 2 === 0) bytes[0] = 0x30
    await send(bytes)
  }
  socket.close()
  await once(socket, 'close')
  expect(await get('apc', `${U}.2.2.1.0`)).toBe('100')
})
