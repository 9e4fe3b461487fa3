// MQTT over WebSocket at the broker's own ports: the same guarantees as over TCP, and what frames and upgrades may not do.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import fc from 'fast-check'
import packets from 'mqtt-packet'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Authority, makeAuthority, makeClientKey, testFolder } from '../test/support/certificates.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, revokeShare } from '../test/support/world.ts'
import { readBrokerConfig } from './config.ts'
import {
  connectAgent,
  connectClient,
  connectPacket,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  type TestBroker,
  values,
} from './testing.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

type Options = Parameters<typeof startTestBroker>[1]

async function plainBroker(more: Options = {}): Promise<TestBroker> {
  const broker = await startTestBroker(database.url, { wsPort: 0, ...more })
  onTestFinished(() => broker.stop())
  return broker
}

async function secureBroker(): Promise<{ broker: TestBroker; authority: Authority }> {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const broker = await plainBroker({ tls: { certPath, keyPath, mqttsPort: 0, wssPort: 0 } })
  return { broker, authority }
}

const over = (broker: TestBroker, scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss'): TestBroker => ({
  ...broker,
  mqttUrl: broker[`${scheme}Url`] ?? '',
})
const trusting = ({ ca }: Authority) => ({ ca: readFileSync(ca) })
const wsPortOf = ({ wsUrl }: TestBroker) => Number(new URL(wsUrl ?? '').port)

/** Bytes that come back are collected, as `connectRaw` does it for TCP. */
async function openSocket(broker: TestBroker, options: { headers?: Record<string, string> } = {}) {
  const socket = new WebSocket(broker.wsUrl ?? '', 'mqtt', options)
  onTestFinished(() => socket.terminate())
  const chunks: Buffer[] = []
  socket.on('message', (data) => chunks.push(data as Buffer))
  socket.on('error', () => {})
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await once(socket, 'open')
  return { socket, closed, bytes: () => Buffer.concat(chunks) }
}

test.each(['ws', 'wss'] as const)(
  'over %s agents publish and viewers get what they may see, until the share is revoked',
  async (scheme) => {
    const { db } = database
    const { broker, authority } = await secureBroker()
    const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
    const agent = await makeAgent(db)
    const [rack, hidden] = [await makeDevice(db, ann, agent, 'Rack'), await makeDevice(db, ann, agent, 'Hidden')]
    const share = await makeShare(db, ann, bob, [rack])
    const listener = await Listener.start(database.url, pino({ level: 'silent' }))
    onTestFinished(() => listener.stop())
    await waitForEdges(db, listener, share.version, systemClock)
    const sender = await connectAgent(over(broker, scheme), agent, trusting(authority))
    const viewer = await connectPerson(over(broker, scheme), bob, trusting(authority))
    const owner = await connectPerson(broker, ann)
    for (const each of [viewer, owner]) await each.subscribe('v1/devices/+/state')
    await publishState(sender, hidden, values(1))
    await publishState(sender, rack, values(1))
    await owner.next(({ topic }) => topic === deviceTopic(rack, 'state'))
    const [first] = [await viewer.next(() => true)]
    expect(first).toMatchObject({ topic: deviceTopic(rack, 'state'), qos: 1 })
    await waitForEdges(db, listener, await revokeShare(db, share, bob), systemClock)
    await publishState(sender, rack, values(2))
    await owner.next(({ text }) => JSON.parse(text).seq === 2)
    await viewer.subscribe('v1/errors')
    await viewer.publish('a/b', 'fence')
    await viewer.next(({ topic }) => topic === 'v1/errors')
    expect(viewer.received).toHaveLength(2)
    for (const client of [sender, viewer, owner]) await client.end()
  },
)

test.each(['mqtts', 'wss'] as const)('over %s an agent is known by the key of its certificate', async (scheme) => {
  const { broker, authority } = await secureBroker()
  const folder = testFolder()
  const [mine, theirs] = [makeClientKey(folder, 'mine'), makeClientKey(folder, 'theirs')]
  const username = `agent:${randomUUID()}`
  const byKey = ({ key, cert }: typeof mine, more = {}) =>
    connectClient(over(broker, scheme), { username, key, cert, ...trusting(authority), ...more })
  await (await byKey(mine)).end()
  await (await byKey(mine)).end()
  await expect(byKey(theirs)).rejects.toMatchObject({ code: 4 })
  await expect(connectClient(over(broker, scheme), { username, ...trusting(authority) })).rejects.toMatchObject({
    code: 4,
  })
})

test('a page of another site may come, but not with the certificate that the browser shows by itself', async () => {
  const { broker, authority } = await secureBroker()
  const ann = await makePerson(database.db, 'Ann')
  const { key, cert } = makeClientKey(testFolder(), 'mine')
  const from = (origin: string) => ({ ...trusting(authority), key, cert, wsOptions: { headers: { origin } } })
  const username = `agent:${randomUUID()}`
  await (await connectClient(over(broker, 'wss'), { username, ...from('https://127.0.0.1') })).end()
  for (const origin of ['https://example.org', 'null']) {
    await expect(connectClient(over(broker, 'wss'), { username, ...from(origin) })).rejects.toMatchObject({ code: 4 })
    await (await connectPerson(over(broker, 'wss'), ann, from(origin))).end()
  }
})

test('a text frame ends its connection, and nobody else’s [MQTT-6.0.0-1]', async () => {
  const broker = await plainBroker()
  const ann = await makePerson(database.db, 'Ann')
  const viewer = await connectPerson(over(broker, 'ws'), ann)
  await viewer.subscribe('v1/errors')
  for (const before of [[], [connectPacket({ username: 'a', password: Buffer.from(ann.token) })]]) {
    const { socket, closed } = await openSocket(broker)
    for (const bytes of before) socket.send(bytes)
    socket.send('hello')
    expect(await closed).toBe(1003)
  }
  expect(await broker.metric('packets_refused_total{reason="websocket-frame-text"}')).toBe(2)
  await viewer.publish('a/b', 'fence')
  await viewer.next(({ topic }) => topic === 'v1/errors')
})

test('frames that break their own rules are answered as RFC 6455 says', async () => {
  const broker = await plainBroker()
  for (const [bytes, code] of [
    // no mask; reserved bits; an unknown opcode; a message longer than any packet may be
    [[0x82, 0x01, 0x10], 1002],
    [[0xf2, 0x81, 1, 2, 3, 4, 5], 1002],
    [[0x83, 0x81, 1, 2, 3, 4, 5], 1002],
    [[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4], 1009],
  ] as const) {
    const raw = await upgraded(broker)
    raw.write(Buffer.from(bytes))
    await raw.closed
    expect(raw.bytes().subarray(-2).readUInt16BE()).toBe(code)
  }
  expect(await broker.metric('packets_refused_total{reason="websocket-frame-malformed"}')).toBe(4)
})

/** A bare socket whose upgrade was granted. */
async function upgraded(broker: TestBroker) {
  const raw = await connectRaw({ ...broker, port: wsPortOf(broker) })
  raw.write(upgrade())
  await expect.poll(() => raw.bytes().toString()).toContain('\r\n\r\n')
  expect(raw.bytes().toString()).toMatch(/^HTTP\/1.1 101 /)
  return raw
}

const upgrade = (more = '', path = '/mqtt', protocol = 'mqtt') =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocol && `Sec-WebSocket-Protocol: ${protocol}\r\n`}${more}\r\n`

test.each([
  ['another subprotocol', upgrade('', '/mqtt', 'mqttv3.1'), 400],
  ['no subprotocol', upgrade('', '/mqtt', ''), 400],
  ['another path', upgrade('', '/else'), 404],
  ['another version', upgrade().replace('Version: 13', 'Version: 7'), 400],
  ['a key that is none', upgrade().replace('dGhl', '!!'), 400],
  ['another upgrade', upgrade().replace('Upgrade: websocket', 'Upgrade: h2c'), 426],
  ['no upgrade', 'GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n', 426],
  ['a body', 'POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello', 426],
  ['another page', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['a header without end', `GET /mqtt HTTP/1.1\r\nX: ${'x'.repeat(10_000)}`, 431],
  ['no HTTP', Buffer.from([0x10, 0x0e, 0, 4, 0x4d, 0x51, 0x54, 0x54]), 400],
])('%s is refused in words', async (_, request, status) => {
  const broker = await plainBroker()
  const raw = await connectRaw({ ...broker, port: wsPortOf(broker) })
  raw.write(request)
  await raw.closed
  const [head = '', body = ''] = raw.bytes().toString().split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(head).toContain('application/problem+json')
  if (status === 426) expect(head).toContain('Upgrade: websocket')
  expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String) })
  expect(await broker.metric('packets_refused_total{reason="websocket-upgrade"}')).toBe(1)
})

test('of several subprotocols the right one is chosen [MQTT-6.0.0-4]', async () => {
  const broker = await plainBroker()
  const socket = new WebSocket(broker.wsUrl ?? '', ['mqttv3.1', 'mqtt'])
  await once(socket, 'open')
  expect(socket.protocol).toBe('mqtt')
  expect(socket.extensions).toBe('')
  socket.terminate()
})

test('packets may begin and end anywhere in frames [MQTT-6.0.0-2]', async () => {
  const broker = await plainBroker({ limits: { connectBurstPerClient: 1000 } })
  const ann = await makePerson(database.db, 'Ann')
  const filters = ['v1/errors', 'v1/devices/+/state']
  const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }))
  const sent = Buffer.concat([
    connectPacket({ username: 'a', password: Buffer.from(ann.token) }),
    packets.generate({ cmd: 'subscribe', messageId: 7, subscriptions }),
    packets.generate({ cmd: 'pingreq' }),
    packets.generate({ cmd: 'pingreq' }),
  ])
  const answer = Buffer.from([0x20, 2, 0, 0, 0x90, 4, 0, 7, 1, 1, 0xd0, 0, 0xd0, 0])
  const cuts = fc.array(fc.tuple(fc.nat(sent.length), fc.boolean()), { maxLength: 6 })
  const talk = async (places: readonly (readonly [number, boolean])[]) => {
    const { socket, bytes } = await openSocket(broker)
    const ends = [...places].sort(([a], [b]) => a - b)
    let start = 0
    // some pieces are whole messages, others only fragments of one
    for (const [end, fin] of [...ends, [sent.length, true] as const]) {
      socket.send(sent.subarray(start, end), { fin })
      start = end
    }
    await expect.poll(() => bytes().length).toBe(answer.length)
    expect(bytes()).toEqual(answer)
    socket.terminate()
  }
  await fc.assert(fc.asyncProperty(cuts, talk), { numRuns: 25 })
  await talk(Array.from({ length: sent.length }, (_, at) => [at, true]))
})

test('what has not become a packet is not held beyond the size of a CONNECT', async () => {
  const broker = await plainBroker()
  const { socket, closed } = await openSocket(broker)
  // one message, never finished
  for (let sent = 0; sent < 40; sent++) socket.send(Buffer.alloc(1024, 0x10), { fin: false })
  expect(await closed).toBe(1009)
  expect(await broker.metric('packets_refused_total{reason="packet-too-large"}')).toBe(1)
})

test('who sends a large packet right behind its CONNECT is not mistaken for one who never ends it', async () => {
  const broker = await plainBroker()
  const agent = await makeAgent(database.db)
  const { socket, bytes } = await openSocket(broker)
  socket.send(connectPacket({ username: `agent:${agent.agentId}`, password: Buffer.from(agent.token) }))
  const payload = JSON.stringify({ devices: [] }).padEnd(100_000)
  socket.send(
    packets.generate({
      cmd: 'publish',
      topic: `v1/agents/${agent.agentId}/inventory`,
      payload,
      qos: 1,
      messageId: 9,
      dup: false,
      retain: false,
    }),
  )
  await expect.poll(() => bytes().toString('hex'), { timeout: 5000 }).toBe('20020000' + '40020009')
})

test('who pings without end and never reads is ended', async () => {
  const broker = await plainBroker()
  const { socket, closed } = await openSocket(broker)
  socket.pause()
  const flood = setInterval(() => {
    for (let round = 0; round < 5000 && socket.bufferedAmount < 8e6; round++) socket.ping(Buffer.alloc(125))
  }, 1)
  onTestFinished(() => clearInterval(flood))
  // its own end does not read that it was ended, but can write no more
  socket.on('error', () => socket.terminate())
  await closed
})

test.each(['ws', 'mqtt'] as const)(
  'beside a viewer over %s, one over WebSocket that stops reading is cut, and nothing else happens',
  async (scheme) => {
    const broker = await plainBroker({ limits: { livePerSecondPerDevice: 1e6, bytesPerSecondPerAgent: 1e9 } })
    const ann = await makePerson(database.db, 'Ann')
    const agent = await makeAgent(database.db)
    const rack = await makeDevice(database.db, ann, agent, 'Rack')
    const sender = await connectAgent(broker, agent)
    const viewer = await connectPerson(over(broker, scheme), ann)
    const topic = deviceTopic(rack, 'live')
    await viewer.subscribe(topic)
    const { socket, closed, bytes } = await openSocket(broker)
    socket.send(connectPacket({ username: 'a', password: Buffer.from(ann.token) }))
    socket.send(packets.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }))
    await expect.poll(() => bytes().length).toBe(4 + 5)
    socket.pause()
    const isCut = () => broker.logged.some(({ msg }) => msg === 'a receiver was too slow')
    let sent = 0
    // the kernels between them may take some MiB before anybody has to wait
    for (; !isCut() && sent < 1000; sent++) await sender.publish(topic, JSON.stringify({ sent }).padEnd(100_000))
    expect(isCut()).toBe(true)
    expect(await broker.metric('connections_cut_total{reason="slow-receiver"}')).toBe(1)
    await viewer.next(({ text }) => JSON.parse(text).sent === sent - 1)
    expect(viewer.received).toHaveLength(sent)
    socket.resume()
    expect(await closed).toBe(1006)
    for (const client of [sender, viewer]) await client.end()
  },
)

test('a listed proxy names its client, in X-Forwarded-For or in a PROXY line; nobody else does', async () => {
  const named = async (trustedProxies: string[], forwarded: string | undefined, line = '') => {
    const broker = await plainBroker({ trustedProxies })
    const raw = await connectRaw({ ...broker, port: wsPortOf(broker) })
    raw.write(line)
    await new Promise((resolve) => setImmediate(resolve))
    raw.write(upgrade(forwarded === undefined ? '' : `X-Forwarded-For: ${forwarded}\r\n`))
    await expect.poll(() => raw.bytes().toString()).toContain('101 Switching')
    // an unmasked frame: it is refused, and the log says whose it was
    raw.write(Buffer.from([0x82, 0]))
    await raw.closed
    return broker.logged.find(({ reason }) => reason === 'websocket-frame-malformed')?.address
  }
  const us = ['127.0.0.1']
  expect(await named(us, '192.0.2.7')).toBe('192.0.2.7')
  expect(await named(us, '203.0.113.9, 192.0.2.7')).toBe('192.0.2.7')
  expect(await named([...us, '192.0.2.0/24'], '203.0.113.9, 192.0.2.7')).toBe('203.0.113.9')
  expect(await named(us, 'unknown, 2001:db8::1')).toBe('2001:db8::1')
  expect(await named(us, 'unknown')).toBe('127.0.0.1')
  expect(await named(us, undefined)).toBe('127.0.0.1')
  expect(await named([], '192.0.2.7')).toBe('127.0.0.1')
  const line = 'PROXY TCP4 192.0.2.8 127.0.0.1 5000 80\r\n'
  expect(await named(us, undefined, line)).toBe('192.0.2.8')
  expect(await named(us, '192.0.2.7', line)).toBe('192.0.2.8')
  expect(await named([...us, '192.0.2.8'], '192.0.2.7', line)).toBe('192.0.2.7')
})

test('a flood of junk leaves nothing behind', async () => {
  const broker = await plainBroker()
  const ann = await makePerson(database.db, 'Ann')
  const junk = [upgrade('', '/else'), upgrade('', '/mqtt', ''), 'GET / HTTP/1.1\r\n\r\n', '\0\0\0\0', upgrade()]
  const flood = Array.from({ length: 400 }, async (_, round) => {
    const socket = connectTcp(wsPortOf(broker), '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.end(junk[round % junk.length] ?? '')
    await once(socket, 'close')
  })
  const viewer = await connectPerson(over(broker, 'ws'), ann)
  await Promise.all(flood)
  await expect.poll(() => broker.metric('handshakes')).toBe(0)
  await expect.poll(() => broker.metric('unsigned_connections')).toBe(0)
  expect(await broker.metric('packets_refused_total{reason="websocket-upgrade"}')).toBe(320)
  await viewer.end()
})

test('stopping ends everybody, also who is half in or does not answer', async () => {
  const { broker, authority } = await secureBroker()
  const ann = await makePerson(database.db, 'Ann')
  const viewers = [
    await connectPerson(over(broker, 'ws'), ann),
    await connectPerson(over(broker, 'wss'), ann, trusting(authority)),
  ]
  const silent = await upgraded(broker)
  const refused = await upgraded(broker)
  // asked to close, it does not answer
  refused.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))
  const half = await connectRaw({ ...broker, port: wsPortOf(broker) })
  half.write('GET /mq')
  const halfTls = await connectRaw({ ...broker, port: Number(new URL(broker.wssUrl ?? '').port) })
  halfTls.write(Buffer.from([0x16, 0x03, 0x01]))
  await expect.poll(() => broker.metric('handshakes')).toBe(2)
  await broker.stop()
  await Promise.all([...viewers, silent, refused, half, halfTls].map(({ closed }) => closed))
})

test('the ports are off unless asked for, and the secure one needs a certificate', () => {
  const base = { DATABASE_URL: 'postgres://x' }
  expect(readBrokerConfig({ ...base, MQTT_WS_PORT: '' }).wsPort).toBeUndefined()
  expect(readBrokerConfig({ ...base, MQTT_WS_PORT: '8083' }).wsPort).toBe(8083)
  expect(() => readBrokerConfig({ ...base, MQTT_WSS_PORT: '8084' })).toThrow('MQTT_WSS_PORT: needs TLS_CERT')
  const tls = { TLS_CERT: '/a', TLS_KEY: '/b' }
  expect(readBrokerConfig({ ...base, ...tls, MQTT_WSS_PORT: '0' }).tls).toMatchObject({ wssPort: 0, mqttsPort: 8883 })
  expect(readBrokerConfig({ ...base, ...tls }).tls?.wssPort).toBeUndefined()
})
