// Traps that lie in the bytes of a packet (TRAPS.md): what is refused before anybody acts on it, and how much of it is taken.
import { agentTopic, deviceTopic } from '@ridethrough/protocol/topic.ts'
import packets, { type IPublishPacket } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { serveTests } from '../test/support/broker.ts'
import {
  connectAgent,
  connectPacket,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  statusOf,
  statusTopic,
  type TestBroker,
  values,
} from './testing.ts'

const { served, keep, bare, world } = serveTests()

const stateOf = (deviceId: string) => deviceTopic(deviceId, 'state')
const publishing = (topic: string, options: Partial<IPublishPacket> = {}) =>
  packets.generate({ cmd: 'publish', topic, payload: 'x', qos: 0, dup: false, retain: false, ...options })

let count = 0

/** A client that is signed in by a token, or as an agent. */
async function signedIn(password: string, username = 'any', broker: TestBroker = served.broker) {
  const client = bare(() => {}, broker)
  count += 1
  expect(await client.open({ clientId: `bare-${count}`, username, password })).toBe(0)
  return client
}

test('T5: a publish at QoS 2 ends the connection, is neither stored nor acknowledged, and leaves no trace', async () => {
  const { db, ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(served.broker, ann))
  expect(await viewer.subscribe('v1/devices/+/state', 2)).toEqual([1])
  const sample = JSON.stringify(values(1))
  const client = await signedIn(agent.token, `agent:${agent.agentId}`)
  client.socket.write(publishing(stateOf(rack), { qos: 2, messageId: 1, payload: sample }))
  expect(await client.ping()).toBe(false)
  expect(await db.selectFrom('sample').select('seq').where('device_id', '=', rack).execute()).toEqual([])
  // the repeat, as it should be
  const again = await keep(connectAgent(served.broker, agent))
  await again.publish(stateOf(rack), sample)
  await viewer.next(({ text }) => text.includes('"seq":1,'))
  expect(viewer.received).toHaveLength(1)
})

test('T6: who publishes to $SYS is shown the door, and nobody else', async () => {
  const { ann, bob } = await world()
  const victim = await signedIn(ann.token)
  for (const topic of ['$SYS/x/new/clients', '$SYS/+/new/clients', '$share/a/b', '$']) {
    const client = await signedIn(bob.token)
    client.socket.write(publishing(topic, { payload: 'bare' }))
    expect([topic, await client.ping()]).toEqual([topic, false])
  }
  expect(await victim.ping()).toBe(true)
})

/** The answer to CONNECT, or nothing where the connection ended without one. */
async function answerTo(connect: Buffer): Promise<number | undefined> {
  const raw = await connectRaw(served.broker)
  raw.write(connect)
  await expect.poll(() => raw.bytes().length > 0 || raw.socket.closed).toBe(true)
  raw.socket.destroy()
  return raw.bytes()[3]
}

test('T6, T16: a will to $SYS, to a wildcard, at QoS 2 or 3, or with nonsense in it lets nobody in', async () => {
  const { ann, agent } = await world()
  const reader = await keep(connectPerson(served.broker, ann))
  await reader.subscribe('#')
  const connect = (topic: string, payload: string, qos: 0 | 1 | 2 = 1) =>
    connectPacket({
      will: { topic, payload: Buffer.from(payload), qos, retain: true },
      ...{ username: `agent:${agent.agentId}`, password: Buffer.from(agent.token) },
    })
  const own = statusTopic(agent)
  const third = connect(own, statusOf(false))
  // behind the name of the protocol and its version
  const flagsAt = third.indexOf('MQTT') + 5
  third[flagsAt] = (third[flagsAt] ?? 0) | 0x18
  const answers = [
    await answerTo(connect('$SYS/x/new/clients', statusOf(false))),
    await answerTo(connect('v1/agents/+/status', statusOf(false))),
    await answerTo(connect('#', statusOf(false))),
    await answerTo(connect(own, statusOf(false), 2)),
    await answerTo(third),
    await answerTo(connect(own, 'nonsense')),
    await answerTo(connect(own, statusOf(true))),
  ]
  expect(answers).toEqual([5, 5, 5, 5, 5, 5, 5])
  expect(await answerTo(connect(own, statusOf(false)))).toBe(0)
  // whoever reads everything is still there, and was told none of it
  await reader.publish('a/b', 'fence')
  await reader.next(({ topic }) => topic === 'v1/errors')
  expect(reader.received).toHaveLength(1)
})

test('T7: no filter shows who else is there', async () => {
  const { ann, bob, agent, rack } = await world()
  const [owner, guest] = [await keep(connectPerson(served.broker, ann)), await keep(connectPerson(served.broker, bob))]
  for (const client of [owner, guest]) {
    expect(await client.subscribe(['$SYS/#', '$SYS/+/new/clients', '$SYS/+/disconnect/clients'])).toEqual(
      Array(3).fill(0x80),
    )
    expect(await client.subscribe(['#', '+/#'])).toEqual([1, 1])
  }
  // comings, goings, subscriptions and messages of others
  const other = await world()
  const stranger = await keep(connectPerson(served.broker, other.ann))
  await stranger.subscribe('v1/devices/+/state')
  const theirs = await keep(connectAgent(served.broker, other.agent))
  await publishState(theirs, other.rack, values(1))
  await stranger.next(({ topic }) => topic === stateOf(other.rack))
  await stranger.end()
  const sender = await keep(connectAgent(served.broker, agent))
  await publishState(sender, rack, values(1))
  for (const client of [owner, guest]) {
    await client.next(({ topic }) => topic === stateOf(rack))
    expect(client.received).toHaveLength(1)
  }
})

test('T9: a packet that is too long is refused by its first bytes, before and after CONNACK', async () => {
  const { ann } = await world()
  const reasons = () => served.broker.metric('packets_refused_total{reason="packet-too-large"}')
  const before = await reasons()
  // one byte more than 16 KiB, announced by CONNECT
  const raw = await connectRaw(served.broker)
  raw.write(Buffer.from([0x10, 0x81, 0x80, 0x01]))
  await raw.closed
  expect(await reasons()).toBe(before + 1)
  const client = await signedIn(ann.token)
  // one byte more than 256 KiB
  client.socket.write(Buffer.from([0x30, 0x81, 0x80, 0x10]))
  expect(await client.ping()).toBe(false)
  expect(await reasons()).toBe(before + 2)
})

const ODD = [
  'home/*',
  'v1/devices/a b/state',
  'v1/dévices/a',
  'a?',
  'a[b]',
  'a\\b',
  'a:b',
  'a\u0007',
  'a\n',
  '+',
  'a/#',
]

test('T15: a topic or filter with anything but letters, digits and _.- in a level is refused', async () => {
  const { ann } = await world()
  for (const topic of ODD) {
    const client = await signedIn(ann.token)
    client.socket.write(publishing(topic))
    expect([topic, await client.ping()]).toEqual([topic, false])
  }
  await expectMalformed(ann.token, ['home/*', 'v1/devices/*/state', 'v1/devices/a b/state', 'v1/devices/ä/state'])
})

test('T26: a topic or filter with an empty level is refused', async () => {
  const { ann } = await world()
  for (const topic of ['', '/', '/v1', 'v1/', 'v1//state', 'v1/devices//state']) {
    const client = await signedIn(ann.token)
    client.socket.write(publishing(topic))
    expect([topic, await client.ping()]).toEqual([topic, false])
  }
  await expectMalformed(ann.token, ['/', '/v1', 'v1/', 'v1//state', 'v1/devices//state', '/+/+/+', '+//#'])
})

async function expectMalformed(token: string, filters: readonly string[]): Promise<void> {
  const count = () => served.broker.metric('subscriptions_total{answer="filter-malformed"}')
  const before = await count()
  const client = await signedIn(token)
  for (const filter of filters) expect([filter, await client.subscribe([[filter, 0]])]).toEqual([filter, [0x80]])
  expect((await count()) - before).toBe(filters.length)
}

async function limited(
  limits: Parameters<typeof startTestBroker>[1] & object,
  use: (broker: TestBroker) => Promise<void>,
) {
  const broker = await startTestBroker(served.database.url, limits)
  try {
    await use(broker)
  } finally {
    await broker.stop()
  }
}

test('T20: subscriptions are bounded, of a connection and in one packet', async () => {
  const { ann } = await world()
  await limited({ limits: { subscriptionsPerConnection: 3, filtersPerSubscribe: 2 } }, async (broker) => {
    const client = await signedIn(ann.token, 'any', broker)
    const ask = (...filters: string[]) => client.subscribe(filters.map((filter) => [filter, 0]))
    expect(await ask('#', '+/#', 'v1/#')).toEqual([0x80, 0x80, 0x80])
    expect(await ask('#', '+/#')).toEqual([0, 0])
    expect(await ask('v1/#', '+/+/#')).toEqual([0, 0x80])
    // what is there already may be asked for again, and what is given up makes room
    expect(await ask('#')).toEqual([0])
    await client.unsubscribe(['#'])
    expect(await ask('+/+/#')).toEqual([0])
  })
})

test('T20: connections of a credential are bounded, and how often a client may come', async () => {
  const { ann, bob } = await world()
  const limits = { connectionsPerCredential: 2, connectBurstPerClient: 2, connectsPerSecondPerClient: 0.01 }
  await limited({ limits }, async (broker) => {
    const come = async (clientId: string, password: string) => {
      const client = bare(() => {}, broker)
      return { client, code: await client.open({ clientId, username: 'any', password }) }
    }
    expect((await come('a', ann.token)).code).toBe(0)
    expect((await come('b', ann.token)).code).toBe(0)
    expect((await come('c', ann.token)).code).toBe(3)
    expect((await come('b', ann.token)).code).toBe(0)
    expect((await come('b', ann.token)).code).toBe(3)
    expect((await come('b', bob.token)).code).toBe(0)
  })
})

test('T20: messages of a person, payloads and topics are bounded', async () => {
  const { ann } = await world()
  const limits = { publishesPerSecondPerCredential: 5, payloadBytes: 1024 }
  await limited({ limits }, async (broker) => {
    const codes: string[] = []
    const client = bare(({ payload }) => codes.push(JSON.parse(payload.toString()).code), broker)
    await client.open({ clientId: 'bare', username: 'any', password: ann.token })
    await client.subscribe([['v1/errors', 1]])
    for (let count = 0; count < 20; count += 1) client.publishOnce('a/b', 'x')
    expect(await client.ping()).toBe(true)
    await expect.poll(() => codes.length).toBe(20)
    expect(codes.filter((code) => code === 'too-many-tries').length).toBeGreaterThanOrEqual(10)
    for (const bytes of [
      publishing('a/b', { payload: 'x'.repeat(1025) }),
      publishing(Array(9).fill('a').join('/')),
      publishing('a'.repeat(257)),
    ]) {
      const one = await signedIn(ann.token, 'any', broker)
      one.socket.write(bytes)
      expect(await one.ping()).toBe(false)
    }
  })
})

test('T20: what a person retains is kept nowhere, and an agent retains states of its own devices only', async () => {
  const { ann, agent, rack } = await world()
  const owner = await keep(connectPerson(served.broker, ann))
  for (const topic of ['a/b', stateOf(rack), 'v1/errors']) await owner.publish(topic, 'x', { retain: true })
  const client = await signedIn(agent.token, `agent:${agent.agentId}`)
  client.socket.write(publishing(agentTopic(agent.agentId, 'inventory'), { retain: true, payload: '{"devices":[]}' }))
  expect(await client.ping()).toBe(false)
  const late = await keep(connectPerson(served.broker, ann))
  await late.subscribe(['#', 'v1/errors'])
  await late.publish('a/b', 'fence')
  await late.next(({ topic }) => topic === 'v1/errors')
  expect(late.received).toHaveLength(1)
})

test('T24: keepalive 0, and what is shorter than 5 s or longer than 300 s, is refused', async () => {
  const { ann } = await world()
  const answers: (number | undefined)[] = []
  for (const keepalive of [0, 1, 4, 5, 300, 301, 65_535]) {
    answers.push(await answerTo(connectPacket({ keepalive, username: 'any', password: Buffer.from(ann.token) })))
  }
  expect(answers).toEqual([5, 5, 5, 0, 0, 5, 5])
})
