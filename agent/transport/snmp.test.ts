import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { testFolder } from '../support/folder.ts'
import { startPeer } from '../support/snmp-peer.ts'
import { type SnmpAccess, SnmpError, SnmpSession, type SnmpTarget } from './snmp.ts'

const SNMPD = '/usr/sbin/snmpd'
const hasSnmpd = existsSync(SNMPD)
if (!hasSnmpd) console.log('snmpd is not installed: 6 checks against Net-SNMP were left out')

const SYS_DESCR = '1.3.6.1.2.1.1.1.0'
const SYS_LOCATION = '1.3.6.1.2.1.1.6.0'
/** Five numbers that snmpd serves from its configuration, in a place that nobody else uses. */
const BASE = '1.3.6.1.4.1.8072.9999.77'
const ABSENT = `${BASE}.9.0`

/** A real Net-SNMP agent with a community and a USM user. */
async function startSnmpd(): Promise<number> {
  const folder = testFolder()
  const port = await freeUdpPort()
  const overrides = [1, 2, 3, 4, 5].map((n) => `override ${BASE}.${n}.0 integer ${n * 10}`)
  const config = [
    `agentaddress udp:127.0.0.1:${port}`,
    'rocommunity public 127.0.0.1',
    'rouser monitor priv',
    'createUser monitor SHA-256 "long enough" AES "also long enough"',
    'sysDescr A card of ours',
    'sysLocation Keller süd',
    ...overrides,
  ]
  writeFileSync(join(folder, 'snmpd.conf'), config.join('\n'))
  const env = { ...process.env, SNMP_PERSISTENT_DIR: folder }
  const child: ChildProcess = spawn(
    SNMPD,
    ['-f', '-C', '-c', join(folder, 'snmpd.conf'), '-Lf', join(folder, 'log'), '-I', '-smux'],
    {
      env,
      stdio: 'ignore',
    },
  )
  onTestFinished(async () => {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  const probe = open(port, { version: '2c', community: 'public' }, { timeoutMs: 100, retries: 0 })
  while (!(await probe.get([SYS_DESCR]).catch(() => undefined))) await delay(20)
  return port
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

function open(port: number, access: SnmpAccess, rest: Partial<SnmpTarget> = {}): SnmpSession {
  const session = new SnmpSession({ host: '127.0.0.1', port, timeoutMs: 1000, retries: 1, access, ...rest })
  onTestFinished(() => session.stop())
  return session
}

const user = {
  user: 'monitor',
  level: 'authPriv',
  authProtocol: 'sha256',
  authKey: 'long enough',
  privProtocol: 'aes',
  privKey: 'also long enough',
} as const

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof SnmpError ? error.failure : String(error)),
  )

test.runIf(hasSnmpd).each<[version: string, access: SnmpAccess]>([
  ['1', { version: '1', community: 'public' }],
  ['2c', { version: '2c', community: 'public' }],
  ['3', { version: '3', user }],
])('Net-SNMP answers version %s: many objects at once, absent ones left out, tables walked', async (_, access) => {
  const session = open(await startSnmpd(), access)
  const many = [1, 2, 3, 4, 5].map((n) => `${BASE}.${n}.0`)
  const values = await session.get([SYS_DESCR, ...many, ABSENT, `${ABSENT}.1`, SYS_LOCATION])
  expect(values.get(SYS_DESCR)).toBe('A card of ours')
  expect(values.get(SYS_LOCATION)).toBe('Keller süd')
  expect(many.map((oid) => values.get(oid))).toEqual([10, 20, 30, 40, 50])
  expect(values.size).toBe(7)
  // sysORID: a column of OIDs, as long as this build has modules.
  const column = await session.column('1.3.6.1.2.1.1.9.1.2')
  expect(column.size).toBeGreaterThan(3)
  expect([...column.values()].every((oid) => String(oid).startsWith('1.3.6.1.'))).toBe(true)
  expect((await session.column(`${BASE}.8`)).size).toBe(0)
})

test.runIf(hasSnmpd)('more objects than fit in one packet all come', async () => {
  const session = open(await startSnmpd(), { version: '1', community: 'public' })
  const oids = Array.from({ length: 60 }, (_, index) => `${BASE}.${index + 1}.0`)
  expect([...(await session.get(oids)).values()]).toEqual([10, 20, 30, 40, 50])
})

test.runIf(hasSnmpd)('a wrong key is told as refused, a wrong community as silence', async () => {
  const port = await startSnmpd()
  const wrongKey = open(port, { version: '3', user: { ...user, authKey: 'wrong all along' } })
  expect(await failureOf(wrongKey.get([SYS_DESCR]))).toBe('refused')
  const nobody = open(port, { version: '3', user: { ...user, user: 'nobody' } })
  expect(await failureOf(nobody.get([SYS_DESCR]))).toBe('refused')
  const wrongCommunity = open(port, { version: '2c', community: 'wrong' }, { timeoutMs: 100, retries: 0 })
  expect(await failureOf(wrongCommunity.get([SYS_DESCR]))).toBe('no-answer')
})

test.runIf(hasSnmpd)('an agent that starts anew, its clock at zero, is heard again', async () => {
  const session = open(await startSnmpd(), { version: '3', user })
  expect((await session.get([SYS_DESCR])).size).toBe(1)
  session.stop()
  expect(await failureOf(session.get([SYS_DESCR]))).toBe('no-answer')
})

test('a host that has no such name, and one that is closed, are silence', async () => {
  const access = { version: '2c', community: 'public' } as const
  const nowhere = open(161, access, { host: 'no-such-host.invalid', timeoutMs: 50, retries: 0 })
  expect(await failureOf(nowhere.get([SYS_DESCR]))).toBe('no-answer')
  const closed = open(await freeUdpPort(), access, { timeoutMs: 50, retries: 0 })
  expect(await failureOf(closed.get([SYS_DESCR]))).toBe('no-answer')
})

test('a table without an end ends with an error instead of never', async () => {
  const peer = await startPeer({ '1.3.6.1.4.1.5.1': 1, '1.3.6.1.4.1.5.2': 2 })
  peer.spoil = (answer) => {
    // The last number of the OID in the answer: always the same row again.
    const at = answer.lastIndexOf(Buffer.from([0x2b, 6, 1, 4, 1, 5]))
    const spoilt = Buffer.from(answer)
    if (at > 0) spoilt[at + 6] = 1
    return spoilt
  }
  const session = new SnmpSession(peer.target)
  onTestFinished(() => session.stop())
  expect(await failureOf(session.column('1.3.6.1.4.1.5'))).toBe('nonsense')
})

test('an answer to another question is nonsense', async () => {
  const peer = await startPeer({ [SYS_DESCR]: 'x' })
  peer.spoil = (answer) => {
    const spoilt = Buffer.from(answer)
    const at = spoilt.lastIndexOf(Buffer.from([0x2b, 6, 1, 2, 1, 1, 1, 0]))
    spoilt[at + 6] = 4
    return spoilt
  }
  const session = new SnmpSession(peer.target)
  onTestFinished(() => session.stop())
  expect(await failureOf(session.get([SYS_DESCR]))).toBe('nonsense')
})
