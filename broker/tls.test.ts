// MQTT over TLS: who is believed, what is renewed without anybody noticing, and what a proxy may say.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Authority, makeAuthority, testFolder } from '../test/support/certificates.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../test/support/world.ts'
import { readBrokerConfig } from './config.ts'
import { trustedProxies } from './proxy.ts'
import {
  connectAgent,
  connectPacket,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  values,
} from './testing.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

async function secureBroker(more: { trustedProxies?: string[] } = {}) {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const broker = await startTestBroker(database.url, { tls: { certPath, keyPath, mqttsPort: 0 }, ...more })
  onTestFinished(() => broker.stop())
  return {
    authority,
    broker,
    secure: { ...broker, mqttUrl: broker.mqttsUrl ?? '', port: Number(new URL(broker.mqttsUrl ?? '').port) },
  }
}

const trusting = (authority: Authority) => ({ ca: readFileSync(authority.ca) })

async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

const shown = async (port: number, authority: Authority) => {
  const socket = await handshake(port, trusting(authority))
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

test('people and agents by token come by TLS as they do without; a client that trusts somebody else stays away', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const { authority, secure } = await secureBroker()
  const sender = await connectAgent(secure, agent, trusting(authority))
  const viewer = await connectPerson(secure, ann, trusting(authority))
  await viewer.subscribe('v1/devices/+/state')
  await publishState(sender, rack, values(1))
  await viewer.next(({ topic }) => topic === `v1/devices/${rack}/state`)
  const stranger = makeAuthority(testFolder(), 'stranger')
  await expect(connectPerson(secure, ann, trusting(stranger))).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  await expect(connectPerson(secure, ann)).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  for (const client of [sender, viewer]) await client.end()
})

test('TLS before 1.2 is refused', async () => {
  const { authority, secure } = await secureBroker()
  for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
    const old = { ...trusting(authority), minVersion: 'TLSv1' as const, maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }
    await expect(handshake(secure.port, old)).rejects.toThrow()
  }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake(secure.port, { ...trusting(authority), minVersion: version, maxVersion: version })
    expect(socket.getProtocol()).toBe(version)
  }
})

test('who asks for a protocol by name gets MQTT, or over WebSocket HTTP, and nothing else', async () => {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const broker = await startTestBroker(database.url, { tls: { certPath, keyPath, mqttsPort: 0, wssPort: 0 } })
  onTestFinished(() => broker.stop())
  for (const [url, name] of [
    [broker.mqttsUrl, 'mqtt'],
    [broker.wssUrl, 'http/1.1'],
  ] as const) {
    const port = Number(new URL(url ?? '').port)
    const asking = (...ALPNProtocols: string[]) => handshake(port, { ...trusting(authority), ALPNProtocols })
    expect((await asking('h2', name)).alpnProtocol).toBe(name)
    expect((await handshake(port, trusting(authority))).alpnProtocol).toBe(false)
    await expect(asking('h2')).rejects.toThrow(/no application protocol/i)
  }
})

test('a listed proxy names its client before TLS too', async () => {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const tls = { certPath, keyPath, mqttsPort: 0, wssPort: 0 }
  const broker = await startTestBroker(database.url, { tls, trustedProxies: ['127.0.0.1'] })
  onTestFinished(() => broker.stop())
  const nonsense = connectPacket({ username: 'a', password: Buffer.from('wrong') })
  const upgrade = `GET /mqtt HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`
  for (const [url, address, said, reason] of [
    [broker.mqttsUrl, '192.0.2.7', nonsense, 'credentials-wrong'],
    // a frame without a mask
    [
      broker.wssUrl,
      '192.0.2.8',
      Buffer.concat([Buffer.from(upgrade), Buffer.from([0x82, 0])]),
      'websocket-frame-malformed',
    ],
  ] as const) {
    const port = Number(new URL(url ?? '').port)
    // a proxy that speaks for itself says nothing, and TLS comes first
    await handshake(port, trusting(authority))
    const raw = await connectRaw({ ...broker, port })
    raw.socket.removeAllListeners('data')
    raw.write(`PROXY TCP4 ${address} 127.0.0.1 5000 8883\r\n`)
    const secure = connectTls({ socket: raw.socket, ...trusting(authority) })
    secure.resume()
    await once(secure, 'secureConnect')
    secure.write(said)
    await once(secure, 'close')
    expect(broker.logged.find((line) => line.reason === reason)?.address).toBe(address)
  }
})

test('handshakes are bounded for each address, and half of one is ended in time', async () => {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const broker = await startTestBroker(database.url, {
    tls: { certPath, keyPath, mqttsPort: 0 },
    limits: { handshakesPerAddress: 3, handshakeMs: 1000 },
  })
  onTestFinished(() => broker.stop())
  const port = Number(new URL(broker.mqttsUrl ?? '').port)
  const half = await Promise.all([1, 2, 3].map(() => connectRaw({ ...broker, port })))
  for (const { write } of half) write(Buffer.from([0x16, 0x03, 0x01]))
  await expect.poll(() => broker.metric('handshakes')).toBe(3)
  await expect(handshake(port, trusting(authority))).rejects.toThrow()
  expect(await broker.metric('limit_hits_total{name="handshakes_per_address"}')).toBe(1)
  // the plain port has none, and is open to everybody
  await connectRaw(broker)
  await Promise.all(half.map(({ closed }) => closed))
  await expect.poll(() => broker.metric('handshakes')).toBe(0)
  await handshake(port, trusting(authority))
})

test('a session is never resumed, so that each connection proves its key itself', async () => {
  const { authority, secure } = await secureBroker()
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await handshake(secure.port, { ...trusting(authority), maxVersion })
    let session = first.getSession()
    // from TLS 1.3 on it comes after the handshake
    first.on('session', (later) => {
      session = later
    })
    first.write(connectPacket({ username: 'a', password: Buffer.from('wrong') }))
    first.on('data', () => {})
    await once(first, 'close')
    const again = await handshake(secure.port, { ...trusting(authority), maxVersion, session })
    expect(again.isSessionReused()).toBe(false)
  }
})

test('a renewed certificate is shown to those who come, and those who are there notice nothing', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const { authority, broker, secure } = await secureBroker()
  const viewer = await connectPerson(secure, ann, trusting(authority))
  await viewer.subscribe('v1/errors')
  const before = await shown(secure.port, authority)
  authority.issue()
  await expect.poll(() => shown(secure.port, authority), { timeout: 10_000 }).not.toBe(before)
  expect(broker.logged.map(({ msg }) => msg)).toContain('serving a new TLS certificate')
  await viewer.publish('a/b', 'fence')
  await viewer.next(({ topic }) => topic === 'v1/errors')
  await viewer.end()
})

test('files that are written anew with what they held change nothing', async () => {
  const { authority, broker, secure } = await secureBroker()
  const before = await shown(secure.port, authority)
  for (let round = 0; round < 3; round++) {
    writeFileSync(authority.certPath, readFileSync(authority.certPath))
    // longer than the broker waits for the second file of a pair
    await new Promise((resolve) => setTimeout(resolve, 600))
  }
  authority.issue()
  await expect.poll(() => shown(secure.port, authority), { timeout: 10_000 }).not.toBe(before)
  expect(broker.logged.filter(({ msg }) => msg === 'serving a new TLS certificate')).toHaveLength(1)
})

test('a certificate that a link is turned to is found', async () => {
  const folder = testFolder()
  const [one, two] = [makeAuthority(folder, 'one'), makeAuthority(folder, 'two')]
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const turnTo = ({ certPath: cert, keyPath: key }: Authority) => {
    execFileSync('ln', ['-sfn', key, keyPath])
    execFileSync('ln', ['-sfn', cert, certPath])
  }
  turnTo(one)
  const broker = await startTestBroker(database.url, { tls: { certPath, keyPath, mqttsPort: 0 } })
  onTestFinished(() => broker.stop())
  const port = Number(new URL(broker.mqttsUrl ?? '').port)
  await shown(port, one)
  turnTo(two)
  await expect.poll(() => shown(port, two).catch(() => 'not yet'), { timeout: 10_000 }).not.toBe('not yet')
})

test.each<[string, (authority: Authority) => void, string]>([
  ['a certificate that is none', ({ certPath }) => writeFileSync(certPath, 'hello'), 'server.pem holds no certificate'],
  ['a key that is none', ({ keyPath }) => writeFileSync(keyPath, 'hello'), 'server.key holds no key'],
  [
    'a key of another certificate',
    ({ keyPath, ca }) => writeFileSync(keyPath, readFileSync(ca.replace('.pem', '.key'))),
    'server.key is not the one of the certificate',
  ],
  ['a file that is gone', ({ certPath }) => rmSync(certPath), 'server.pem cannot be read'],
])('%s keeps the old one in use and is told of by name, once', async (_, spoil, words) => {
  const { authority, broker, secure } = await secureBroker()
  const before = await shown(secure.port, authority)
  spoil(authority)
  const told = () => broker.logged.filter(({ msg }) => msg.startsWith('the new TLS files cannot be used'))
  await expect.poll(() => told().length, { timeout: 10_000 }).toBe(1)
  expect(JSON.stringify(told())).toContain(words)
  expect(JSON.stringify(told())).not.toContain('PRIVATE KEY')
  expect(await shown(secure.port, authority)).toBe(before)
  authority.issue()
  await expect.poll(() => shown(secure.port, authority), { timeout: 10_000 }).not.toBe(before)
})

test('a broker whose files are wrong does not start, and says which', async () => {
  const authority = makeAuthority(testFolder())
  writeFileSync(authority.keyPath, 'hello')
  const tls = { certPath: authority.certPath, keyPath: authority.keyPath, mqttsPort: 0 }
  await expect(startTestBroker(database.url, { tls })).rejects.toThrow('server.key holds no key')
})

test("the end of the certificate's life is counted", async () => {
  const { broker } = await secureBroker()
  const days = ((await broker.metric('tls_certificate_expiry_seconds')) - Date.now() / 1000) / 86_400
  expect(days).toBeGreaterThan(19)
  expect(days).toBeLessThan(20.1)
})

test('half a handshake does not hold up the end', async () => {
  const { broker, secure } = await secureBroker({ trustedProxies: ['127.0.0.1'] })
  const [tls, plain] = [await connectRaw(secure), await connectRaw(broker)]
  tls.write(Buffer.from([0x16, 0x03, 0x01]))
  plain.write('PROX')
  await broker.stop()
  await Promise.all([tls.closed, plain.closed])
})

const loggedAddress = (logged: readonly { readonly [key: string]: unknown }[]) =>
  logged.filter(({ reason }) => reason === 'credentials-wrong').map(({ address }) => address)

test('a listed proxy names the address of its client; what follows its line is taken whole', async () => {
  const { broker } = await secureBroker({ trustedProxies: ['127.0.0.0/8'] })
  const connect = connectPacket({ username: 'a', password: Buffer.from('wrong') })
  for (const line of ['PROXY TCP4 192.0.2.7 127.0.0.1 5000 1883\r\n', 'PROXY TCP6 2001:db8::7 ::1 5000 1883\r\n', '']) {
    const bytes = Buffer.concat([Buffer.from(line), connect])
    for (const cut of [0, 3, line.length, line.length + 5]) {
      const raw = await connectRaw(broker)
      raw.write(bytes.subarray(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      raw.write(bytes.subarray(cut))
      await raw.closed
      expect(raw.bytes()).toEqual(Buffer.from([0x20, 2, 0, 4]))
    }
  }
  const expected = ['192.0.2.7', '2001:db8::7', '127.0.0.1'].flatMap((address) =>
    Array.from({ length: 4 }, () => address),
  )
  expect(loggedAddress(broker.logged)).toEqual(expected)
})

test.each([
  'PROXY TCP4 somewhere 127.0.0.1 1 2\r\n',
  'PROXY UNKNOWN\n\r\n',
  `PROXY ${'x'.repeat(200)}`,
  'PROXY TCP4 192.0.2.7\n',
])('a proxy that says %j is cut off', async (line) => {
  const { broker } = await secureBroker({ trustedProxies: ['127.0.0.1'] })
  const raw = await connectRaw(broker)
  raw.write(Buffer.concat([Buffer.from(line), connectPacket(), Buffer.alloc(200)]))
  await raw.closed
  expect(raw.bytes()).toHaveLength(0)
})

test('a proxy speaks for itself, or in binary; half a header for ever is closed in time, and counted', async () => {
  const { broker } = await secureBroker({ trustedProxies: ['127.0.0.1'] })
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  const headers: [Buffer, string][] = [
    [Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1'],
    [Buffer.concat([signature, Buffer.from('20000000', 'hex')]), '127.0.0.1'],
    [Buffer.concat([signature, Buffer.from('2111000cc0000207c6336407d431075b', 'hex')]), '192.0.2.7'],
  ]
  const half = await connectRaw(broker)
  half.write(signature)
  for (const [header, address] of headers) {
    const raw = await connectRaw(broker)
    raw.write(Buffer.concat([header, connectPacket({ username: 'a', password: Buffer.from('wrong') })]))
    await raw.closed
    expect(raw.bytes()).toEqual(Buffer.from([0x20, 2, 0, 4]))
    expect(loggedAddress(broker.logged).at(-1)).toBe(address)
  }
  await half.closed
  expect(half.bytes()).toHaveLength(0)
  expect(await broker.metric('packets_refused_total{reason="proxy-header-too-late"}')).toBe(1)
})

test('nobody else is believed: a line from a peer that is not listed ends its connection', async () => {
  const { broker } = await secureBroker({ trustedProxies: ['192.0.2.1', '2001:db8::/32'] })
  const raw = await connectRaw(broker)
  raw.write(Buffer.concat([Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 5000 1883\r\n'), connectPacket()]))
  await raw.closed
  expect(raw.bytes()).toHaveLength(0)
  expect(broker.logged.some(({ address, reason }) => address === '127.0.0.1' && reason === 'connect-missing')).toBe(
    true,
  )
})

test('networks are told from what is none', () => {
  const { trusts } = trustedProxies(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(trusts(address)).toBe(address.startsWith('10.') || address === '192.0.2.1')
    }),
  )
  expect(trusts('2001:db8:1::1')).toBe(true)
  expect(trusts('::ffff:10.1.2.3')).toBe(true)
  for (const none of ['localhost', '10.0.0.0/33', '10.0.0.0/x', '', '10.0.0.0/']) {
    expect(() => trustedProxies([none])).toThrow('neither an address nor a network')
  }
})

test('a certificate without its key, and a proxy that is none, are mistakes that are named', () => {
  const base = { DATABASE_URL: 'postgres://x' }
  expect(() => readBrokerConfig({ ...base, TLS_CERT: '/a' })).toThrow('TLS_CERT and TLS_KEY go together')
  expect(() => readBrokerConfig({ ...base, TRUSTED_PROXIES: 'localhost' })).toThrow('TRUSTED_PROXIES')
  expect(readBrokerConfig({ ...base, TLS_CERT: '', TLS_KEY: '' }).tls).toBeUndefined()
  expect(readBrokerConfig({ ...base, TLS_CERT: '/a', TLS_KEY: '/b', TRUSTED_PROXIES: '10.0.0.1, ::1' })).toMatchObject({
    tls: { certPath: '/a', keyPath: '/b', mqttsPort: 8883 },
    trustedProxies: ['10.0.0.1', '::1'],
  })
})
