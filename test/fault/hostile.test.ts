// What bad clients get: the protocol's own answer where it has one, the end otherwise, counted by reason and logged at a
// limited rate; and another tenant's agent and viewer beside them, who must not notice.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openWire, type Wire } from '../bench/wire.ts'
import * as mqtt from '../fuzz/bytes.ts'
import { deviceTopic } from '../fuzz/fine.ts'
import { openPeer, signIn } from '../fuzz/peer.ts'
import { type Counters, startWatchedBroker, type WatchedBroker } from '../fuzz/watched.ts'
import { type Actor, actorOf, type FuzzWorld, makeFuzzWorld } from '../fuzz/world.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

/** Small, so that a test meets them soon. */
const LIMITS = {
  LIMIT_CONNECT_MS: '500',
  LIMIT_KEEPALIVE_MIN_S: '1',
  LIMIT_UNSIGNED_CONNECTIONS_PER_ADDRESS: '20',
  LIMIT_BACKLOG_BYTES: '65536',
  LIMIT_LOG_LINES_PER_REASON: '5',
  // What one client sends is to be looked at, not to be waited for.
  LIMIT_PUBLISHES_PER_SECOND_PER_AGENT: '1000000000',
  LIMIT_BYTES_PER_SECOND_PER_AGENT: '1000000000',
  LIMIT_BYTES_PER_SECOND_PER_CREDENTIAL: '1000000000',
  LIMIT_LIVE_PER_SECOND_PER_DEVICE: '1000000000',
} as const
/** As many lines as there may be for one kind of event, and for what else happens meanwhile. */
const MOST_LINES = 25

let database: TestDatabase
let world: FuzzWorld
let broker: WatchedBroker
let beside: Beside
let before: Counters
let linesBefore: number

beforeAll(async () => {
  database = await testDatabase()
  world = await makeFuzzWorld(database.db)
  broker = await startWatchedBroker(database.url, [], LIMITS)
  beside = await startBeside(broker.mqttPort, world)
})

beforeEach(async () => {
  before = await broker.counters()
  linesBefore = broker.log.lines()
})

afterEach(async () => {
  expect(await beside.fence()).toEqual([])
  expect(broker.log.lines() - linesBefore).toBeLessThanOrEqual(MOST_LINES)
  expect(broker.log.errors).toEqual([])
})

afterAll(async () => {
  beside?.stop()
  await broker?.part.stop()
  await database?.stop()
})

/** How much a counter has risen in this test. */
async function risen(name: string): Promise<number> {
  return ((await broker.counters()).get(name) ?? 0) - (before.get(name) ?? 0)
}

const refused = (reason: string) => `packets_refused_total{reason="${reason}"}`
const connects = (outcome: string) => `connects_total{outcome="${outcome}"}`
const cut = (reason: string) => `connections_cut_total{reason="${reason}"}`
const limited = (name: string) => `limit_hits_total{name="${name}"}`

/** Agents by even numbers, persons by odd ones; each used in one test only. */
const actor = (number: number): Actor => actorOf(world, number)
const agent = (number: number) => actor(2 * number)
const person = (number: number) => actor(2 * number + 1)

const HALF = mqtt.connect({ clientId: 'half', username: 'x', password: 'y' }).subarray(0, 9)

test.each<[what: string, bytes: Buffer, reason: string]>([
  ['junk', Buffer.from('\x05\x01\x00junk'), 'connect-missing'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 'connect-missing'],
  ['a TLS handshake on the plain port', Buffer.from('16030100c8010000c40303', 'hex'), 'connect-missing'],
  ['a length of 268,435,455 bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), 'packet-too-large'],
  ['a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]), 'length-malformed'],
  ['half a CONNECT for ever', HALF, 'connect-too-late'],
  ['nothing at all', Buffer.alloc(0), 'connect-too-late'],
])('instead of CONNECT, %s: closed without a word', async (_, bytes, reason) => {
  const peer = await openPeer(broker.mqttPort)
  peer.write(bytes)
  await peer.closed
  expect(peer.answers.connack).toBeUndefined()
  expect(await risen(refused(reason))).toBe(1)
})

const will = (topic: string, payload: string, bits = 0) =>
  mqtt.connect({ clientId: 'w', username: 'anybody', password: 'x', will: { topic, payload, bits } })

test.each<[what: string, bytes: Buffer, code: number, outcome: string]>([
  ['a will with QoS 3', will('v1/agents/x/status', '{}', 0x18), 5, 'will-invalid'],
  ['a will with wildcards', will('v1/#', '{}'), 5, 'will-invalid'],
  ["a will on the broker's own topics", will('$SYS/x/new/clients', '{}'), 5, 'will-invalid'],
  ['a will of 5,000 bytes', will('v1/agents/x/status', 'x'.repeat(5000)), 5, 'will-invalid'],
  ['a keepalive of 0', mqtt.connect({ clientId: 'k', keepalive: 0 }), 5, 'keepalive-out-of-range'],
  ['a client identifier of 65 characters', mqtt.connect({ clientId: 'a'.repeat(65) }), 2, 'client-id-invalid'],
  ['MQTT 5', mqtt.connect({ clientId: 'v', level: 5 }), 1, 'protocol-version'],
  ['no credentials', mqtt.connect({ clientId: 'n' }), 4, 'credentials-missing'],
])('a CONNECT with %s: told so, then closed', async (_, bytes, code, outcome) => {
  const peer = await openPeer(broker.mqttPort)
  peer.write(bytes)
  await peer.closed
  expect(peer.answers.connack).toBe(code)
  expect(await risen(connects(outcome))).toBe(1)
})

test("a will that is not the agent's own status: told so, then closed", async () => {
  const peer = await openPeer(broker.mqttPort)
  const me = agent(1)
  if (me.kind !== 'agent') throw new Error('no agent')
  peer.write(
    mqtt.connect({
      clientId: 'w',
      username: `agent:${me.id}`,
      password: me.token,
      will: { topic: `v1/agents/${me.id}/status`, payload: '{"online":true}' },
    }),
  )
  await peer.closed
  expect(peer.answers.connack).toBe(5)
  expect(await risen(connects('will-invalid'))).toBe(1)
})

test('two hundred connections that say nothing: those beyond the limit are closed at once, the others by their deadline', async () => {
  // All from one address, which is not that of anybody else here.
  const peers = await Promise.all(
    Array.from({ length: 200 }, () => openPeer(broker.mqttPort, { localAddress: '127.1.0.1' })),
  )
  await Promise.all(peers.map(({ closed }) => closed))
  expect(await risen(limited('unsigned_connections_per_address'))).toBe(180)
  expect(await risen(refused('connect-too-late'))).toBe(20)
})

test('three hundred wrong tokens: each is told so, and few lines are logged', async () => {
  for (let round = 0; round < 15; round += 1) {
    const peers = await Promise.all(
      Array.from({ length: 20 }, () => openPeer(broker.mqttPort, { localAddress: '127.1.0.2' })),
    )
    for (const peer of peers) peer.write(mqtt.connect({ clientId: 'x', username: 'anybody', password: 'rt_wrong' }))
    await Promise.all(peers.map(({ closed }) => closed))
    expect(peers.map(({ answers }) => answers.connack)).toEqual(Array(20).fill(4))
  }
  expect(await risen(connects('credentials-wrong'))).toBe(300)
})

test.each<[what: string, bytes: Buffer, reason: string]>([
  ['half a PUBLISH for ever', Buffer.from([0x30, 100, 0, 4, 0x61]), 'keepalive-missed'],
  ['a length of 268,435,455 bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1]), 'packet-too-large'],
  ['a second CONNECT', mqtt.connect({ clientId: 'again' }), 'type-unexpected'],
  ['a PUBLISH at QoS 2', mqtt.publish('v1/errors', '{}', { flags: 4 }), 'qos-2'],
  ['a filter that is none', mqtt.subscribe(1, [['a#', 0]]), 'filter-malformed'],
  ['a thousand filters in one SUBSCRIBE', mqtt.subscribe(1, Array(1000).fill(['a', 0])), 'too-many-filters'],
])('after CONNACK, %s: closed', async (_, bytes, reason) => {
  const peer = await signIn(broker.mqttPort, person(1), { keepalive: 1, clientId: 'after' })
  peer.write(bytes)
  await peer.closed
  expect(await risen(refused(reason))).toBe(1)
})

test('nine filters in one SUBSCRIBE: all refused in the SUBACK, and the connection goes on', async () => {
  const peer = await signIn(broker.mqttPort, person(2))
  peer.write(Buffer.concat([mqtt.subscribe(7, Array(9).fill(['v1/errors', 1])), mqtt.PINGREQ]))
  expect(await peer.until(({ pings }) => pings === 1)).toBe('answered')
  expect(peer.answers.granted).toEqual(Array(9).fill(0x80))
  expect(await risen(refused('too-many-filters'))).toBe(1)
  peer.end()
})

test('a hundred thousand subscriptions in packets of eight: fifty are granted, and everyone is answered', async () => {
  const me = person(3)
  const peer = await signIn(broker.mqttPort, me)
  const packets = Array.from({ length: 12_500 }, (_, index) =>
    mqtt.subscribe(
      1 + (index % 65_535),
      Array.from({ length: 8 }, (_, at): [string, number] => [filterAt(me.deviceIds, index * 8 + at), 1]),
    ),
  )
  peer.write(Buffer.concat([...packets, mqtt.PINGREQ]))
  expect(await peer.until(({ pings, granted }) => pings === 1 && granted.length >= 100_000)).toBe('answered')
  const { granted } = peer.answers
  expect(granted).toHaveLength(100_000)
  expect(granted.filter((code) => code < 0x80)).toHaveLength(50)
  expect(await risen('subscriptions_total{answer="too-many-subscriptions"}')).toBeGreaterThan(90_000)
  peer.end()
})

const SUFFIXES = ['state', 'events', 'commands', 'live', '+', '#'] as const

/** No two are the same. The first 60 could be granted one by one: wildcards in every form, and the person's own devices. */
function filterAt(deviceIds: readonly string[], index: number): string {
  const own = index - 48
  if (index < 48) {
    const levels = ['v1', 'devices', deviceIds[0] ?? ''].map((level, at) => ((index >> at) & 1 ? '+' : level))
    return [...levels, SUFFIXES[index >> 3] ?? ''].join('/')
  }
  if (own < 12) return deviceTopic(deviceIds[1 + (own >> 2)] ?? '', SUFFIXES[own & 3] ?? '')
  return deviceTopic(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`, 'state')
}

test('a hundred thousand PUBLISHes in one write: every one is acknowledged, in one piece', async () => {
  const me = agent(4)
  const peer = await signIn(broker.mqttPort, me)
  const topic = deviceTopic(me.deviceIds[0] ?? '', 'live')
  const packets = Array.from({ length: 100_000 }, (_, index) =>
    mqtt.publish(topic, 'x', { flags: 2, id: 1 + (index % 65_535) }),
  )
  peer.write(Buffer.concat([...packets, mqtt.PINGREQ]))
  expect(await peer.until(({ pings, pubacks }) => pings === 1 && pubacks === 100_000)).toBe('answered')
  peer.end()
})

test('a hundred thousand requests of a person in one write: a hundred a second are looked at, none ends the connection', async () => {
  const me = person(5)
  const peer = await signIn(broker.mqttPort, me)
  const topic = `v1/devices/${me.deviceIds[0] ?? ''}/requests/load.off`
  const packets = Array.from({ length: 100_000 }, () => mqtt.publish(topic, '{}'))
  peer.write(Buffer.concat([...packets, mqtt.PINGREQ]))
  expect(await peer.until(({ pings }) => pings === 1)).toBe('answered')
  expect(await risen(refused('too-many-tries'))).toBeGreaterThan(90_000)
  peer.end()
})

test('ten thousand times SUBSCRIBE and UNSUBSCRIBE: each is answered, and nothing of it is left', async () => {
  const [me, source] = [person(6), agentOf(6)]
  const peer = await signIn(broker.mqttPort, me)
  const publisher = await signIn(broker.mqttPort, source)
  const [deviceId = ''] = source.deviceIds
  const [flapping, steady] = [deviceTopic(deviceId, 'live'), deviceTopic(deviceId, 'state')]
  const pair = Buffer.concat([mqtt.subscribe(1, [[flapping, 0]]), mqtt.unsubscribe(2, [flapping])])
  peer.write(Buffer.concat([mqtt.subscribe(3, [[steady, 0]]), ...Array<Buffer>(10_000).fill(pair), mqtt.PINGREQ]))
  expect(await peer.until(({ pings }) => pings === 1)).toBe('answered')
  expect(peer.answers.granted).toEqual(Array(10_001).fill(0))
  expect(peer.answers.unsubacks).toBe(10_000)
  const had = peer.answers.received
  // The second is the fence: what was subscribed once would come before it.
  publisher.write(mqtt.publish(flapping, '{}'))
  publisher.write(mqtt.publish(steady, sample(1), { flags: 2 }))
  await peer.until(({ received }) => received > had)
  expect(peer.answers.received).toBe(had + 1)
  peer.end()
  publisher.end()
})

test('a client that never reads is cut, and whoever reads the same device gets everything', async () => {
  const [me, source] = [person(7), agentOf(7)]
  const [deviceId = ''] = source.deviceIds
  const subscription = mqtt.subscribe(1, [[deviceTopic(deviceId, 'live'), 1]])
  const [stalled, reader] = [
    await signIn(broker.mqttPort, me, { clientId: 'stalled' }),
    await signIn(broker.mqttPort, me, { clientId: 'reader' }),
  ]
  for (const peer of [stalled, reader]) {
    peer.write(subscription)
    await peer.until(({ granted }) => granted.length === 1)
  }
  stalled.socket.pause()
  const publisher = await signIn(broker.mqttPort, source)
  const packet = mqtt.publish(deviceTopic(deviceId, 'live'), Buffer.alloc(30_000, 0x61), { flags: 2 })
  // What the kernel holds for the stalled one is some megabytes; the reader is waited for, so that only the other one lags.
  let sent = 0
  while ((await risen(cut('slow-receiver'))) === 0 && sent < 5000) {
    publisher.write(packet)
    sent += 1
    await reader.until(({ received }) => received >= sent)
  }
  expect(await risen(cut('slow-receiver'))).toBe(1)
  expect(reader.answers.received).toBe(sent)
  for (const peer of [stalled, reader, publisher]) peer.end()
})

/** The agent of that person's first device. */
function agentOf(number: number): Actor {
  const [deviceId = ''] = person(number).deviceIds
  const one = world.agents.find(({ deviceIds }) => deviceIds.includes(deviceId))
  if (!one) throw new Error('a device without an agent')
  return { kind: 'agent', id: one.agentId, token: one.token, deviceIds: one.deviceIds }
}

function sample(seq: number): string {
  return JSON.stringify({ kind: 'values', seq, at: Date.now(), status: 'OL', variables: {} })
}

type Beside = {
  /** Publishes one more of each kind and waits for it; what was wrong since the last time. */
  fence(): Promise<string[]>
  stop(): void
}

const BESIDE_EVERY_MS = 20

/** Another tenant's agent and viewer: numbered messages, stored and live, all the time. */
async function startBeside(port: number, { canary }: FuzzWorld): Promise<Beside> {
  const [deviceId = ''] = canary.agent.deviceIds
  const sent = new Map([
    [deviceTopic(deviceId, 'state'), 0],
    [deviceTopic(deviceId, 'live'), 0],
  ])
  const got = new Map<string, number>()
  let wrong: string[] = []
  let whenMore = () => {}
  const viewer = await openWire(
    port,
    { clientId: 'beside', username: 'beside', password: canary.viewer.token },
    (bytes, topicFrom, payloadFrom, end) => {
      const topic = bytes.toString('latin1', topicFrom, topicFrom + bytes.readUInt16BE(topicFrom - 2))
      const seq = Number(/"seq":(\d+)/.exec(bytes.toString('latin1', payloadFrom, end))?.[1])
      if (seq !== (got.get(topic) ?? 0) + 1) wrong.push(`${seq} after ${got.get(topic)} on ${topic}`)
      got.set(topic, seq)
      whenMore()
    },
  )
  await viewer.subscribe('v1/devices/#', 1)
  const source = await openWire(port, {
    clientId: 'source',
    username: `agent:${canary.agent.agentId}`,
    password: canary.agent.token,
  })
  const wires: readonly Wire[] = [viewer, source]
  for (const { socket } of wires) socket.on('close', () => wrong.push('closed'))
  const publish = () => {
    for (const [topic, seq] of sent) {
      sent.set(topic, seq + 1)
      source.publish(topic, sample(seq + 1))
    }
  }
  const timer = setInterval(publish, BESIDE_EVERY_MS)
  return {
    fence: async () => {
      publish()
      const upTo = [...sent]
      await new Promise<void>((resolve) => {
        whenMore = () => {
          if (upTo.every(([topic, seq]) => (got.get(topic) ?? 0) >= seq) || wrong.length > 0) resolve()
        }
        whenMore()
      })
      whenMore = () => {}
      const seen = wrong
      wrong = []
      return seen
    },
    stop: () => {
      clearInterval(timer)
      for (const wire of wires) wire.end()
    },
  }
}
