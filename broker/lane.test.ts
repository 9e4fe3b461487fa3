// Live messages: as the bytes they are, to whoever may have them now, in their order, never stored.
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import packets, { type Packet } from 'mqtt-packet'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, revokeShare, type TestAgent } from '../test/support/world.ts'
import type { Limits } from './limits.ts'
import {
  connectAgent,
  connectPacket,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  type TestBroker,
  values,
} from './testing.ts'

let database: TestDatabase
let broker: TestBroker
let listener: Listener

beforeAll(async () => {
  database = await testDatabase()
  listener = await Listener.start(database.url, pino({ level: 'silent' }))
  // who sends more than that is tested below
  broker = await startTestBroker(database.url, { limits: { livePerSecondPerDevice: 1_000_000 } })
})

afterAll(async () => {
  await broker?.stop()
  await listener?.stop()
  await database?.stop()
})

async function scene() {
  const { db } = database
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const [rack, plug] = [await makeDevice(db, ann, agent, 'Rack'), await makeDevice(db, ann, agent, 'Plug')]
  return { db, ann, bob, agent, rack, plug, live: (id: string) => deviceTopic(id, 'live') }
}

/** An agent that writes packets as bytes, in whatever pieces. */
async function rawAgent(at: TestBroker, agent: TestAgent) {
  const raw = await connectRaw(at)
  const came: Packet[] = []
  const parser = packets.parser()
  parser.on('packet', (packet) => came.push(packet))
  raw.socket.on('data', (chunk) => parser.parse(chunk))
  raw.write(connectPacket({ username: `agent:${agent.agentId}`, password: Buffer.from(agent.token) }))
  await expect.poll(() => came.map(({ cmd }) => cmd)).toEqual(['connack'])
  return { ...raw, acknowledged: () => came.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId] : [])) }
}

function publishPacket(topic: string, payload: string, messageId = 0): Buffer {
  const more = messageId > 0 ? { qos: 1 as const, messageId } : { qos: 0 as const }
  return packets.generate({ cmd: 'publish', topic, payload, dup: false, retain: false, ...more })
}

test('what an agent shows reaches who may monitor the device, at the lower QoS of the two, and is kept for nobody [R70]', async () => {
  const { ann, bob, agent, rack, live } = await scene()
  const sender = await connectAgent(broker, agent)
  const [low, high] = [await connectPerson(broker, ann), await connectPerson(broker, ann)]
  const stranger = await connectPerson(broker, bob)
  await low.subscribe('v1/devices/+/live', 0)
  await high.subscribe(live(rack), 1)
  expect(await stranger.subscribe([live(rack), '#'])).toEqual([128, 1])
  for (const qos of [0, 1, 0, 1] as const) await sender.publish(live(rack), `{"qos":${qos}}`, { qos })
  await publishState(sender, rack, values(1))
  await high.subscribe(deviceTopic(rack, 'state'))
  // the state of another device of theirs is the fence for those who must have got nothing
  const other = await makeDevice(database.db, bob, agent, 'Other')
  await waitForEdges(database.db, listener, await newestVersion(), systemClock)
  await publishState(sender, other, values(1))
  await stranger.next(({ topic }) => topic === deviceTopic(other, 'state'))
  await expect.poll(() => high.received.filter(({ topic }) => topic === live(rack)).length).toBe(4)
  await expect.poll(() => low.received.length).toBe(4)
  const seen = (received: readonly { text: string; qos: number; retain: boolean }[]) =>
    received.map(({ text, qos, retain }) => [text, qos, retain])
  expect(seen(high.received.filter(({ topic }) => topic === live(rack)))).toEqual([
    ['{"qos":0}', 0, false],
    ['{"qos":1}', 1, false],
    ['{"qos":0}', 0, false],
    ['{"qos":1}', 1, false],
  ])
  expect(low.received.map(({ qos }) => qos)).toEqual([0, 0, 0, 0])
  expect(stranger.received.filter(({ topic }) => topic === live(rack))).toEqual([])
  const late = await connectPerson(broker, ann)
  await late.subscribe(['v1/devices/+/live', deviceTopic(rack, 'state')])
  await late.next(({ topic }) => topic === deviceTopic(rack, 'state'))
  expect(late.received.map(({ topic }) => topic)).toEqual([deviceTopic(rack, 'state')])
  expect(await database.db.selectFrom('sample').select('seq').where('device_id', '=', rack).execute()).toHaveLength(1)
  for (const client of [sender, low, high, stranger, late]) await client.end()
})

async function newestVersion(): Promise<number> {
  const { version } = await database.db.selectFrom('access_clock').select('version').executeTakeFirstOrThrow()
  return version
}

test('however the bytes are cut, each message comes whole, once, in its order, and acknowledgements in theirs', async () => {
  const { ann, agent, rack, plug, live } = await scene()
  const reader = await connectPerson(broker, ann)
  await reader.subscribe('v1/devices/+/live')
  const raw = await rawAgent(broker, agent)
  const [wanted, ids]: [string[], number[]] = [[], []]
  const parts: Buffer[] = []
  for (let index = 0; index < 600; index += 1) {
    const topic = live(index % 7 < 5 ? rack : plug)
    const text = `${index}:${'x'.repeat((index * 37) % 300)}`
    const isSure = index % 5 === 0
    if (isSure) ids.push(index + 1)
    parts.push(publishPacket(topic, text, isSure ? index + 1 : 0))
    wanted.push(`${topic} ${text}`)
  }
  const bytes = Buffer.concat(parts)
  let at = 0
  for (const size of [1, 2, 3, 60, 61, 62, 500, 4096, 20_000, bytes.length]) {
    raw.write(bytes.subarray(at, at + size))
    at += size
    await new Promise((resolve) => setImmediate(resolve))
  }
  await expect.poll(() => reader.received.length, { timeout: 10_000 }).toBe(wanted.length)
  expect(reader.received.map(({ topic, text }) => `${topic} ${text}`)).toEqual(wanted)
  await expect.poll(() => raw.acknowledged()).toEqual(ids)
  raw.socket.destroy()
  await reader.end()
})

test('acknowledgements of what is stored and of what is only shown leave in the order of the publishes', async () => {
  const { agent, rack, live } = await scene()
  const raw = await rawAgent(broker, agent)
  const state = (seq: number) => JSON.stringify(values(seq))
  raw.write(
    Buffer.concat([
      publishPacket(deviceTopic(rack, 'state'), state(1), 11),
      publishPacket(live(rack), 'a', 12),
      publishPacket(deviceTopic(rack, 'state'), state(2), 13),
      publishPacket(live(rack), 'b', 14),
    ]),
  )
  await expect.poll(() => raw.acknowledged()).toEqual([11, 12, 13, 14])
  raw.socket.destroy()
})

test('after a revoke is answered nothing of the device comes, however many messages are on their way [R71]', async () => {
  const { db, ann, bob, agent, rack, plug, live } = await scene()
  const share = await makeShare(db, ann, bob, [rack, plug])
  await waitForEdges(db, listener, share.version, systemClock)
  const guest = await connectPerson(broker, bob)
  await guest.subscribe(['v1/devices/+/live', 'v1/errors'], 0)
  const raw = await rawAgent(broker, agent)
  let count = 0
  let isRevoked = false
  const flood = (async () => {
    while (!isRevoked) {
      raw.write(Buffer.concat(Array.from({ length: 50 }, () => publishPacket(live(rack), `${++count}`))))
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  await guest.next(({ topic }) => topic === live(rack))
  await waitForEdges(db, listener, await revokeShare(db, share, bob), systemClock)
  const last = count
  isRevoked = true
  await flood
  raw.write(publishPacket(live(rack), 'too late', 1))
  await expect.poll(() => raw.acknowledged(), { timeout: 10_000 }).toEqual([1])
  await guest.publish('a/b', 'fence')
  await guest.next(({ topic }) => topic === 'v1/errors')
  const numbers = guest.received.filter(({ topic }) => topic === live(rack)).map(({ text }) => Number(text))
  expect(Math.max(...numbers)).toBeLessThanOrEqual(last)
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1))
  raw.socket.destroy()
  await guest.end()
})

test.each<[string, (ids: { rack: string; foreign: string }) => Buffer]>([
  ['of another agent', ({ foreign }) => publishPacket(deviceTopic(foreign, 'live'), 'x')],
  [
    'retained',
    ({ rack }) =>
      packets.generate({
        cmd: 'publish',
        topic: deviceTopic(rack, 'live'),
        payload: 'x',
        qos: 0,
        dup: false,
        retain: true,
      }),
  ],
  ['too long', ({ rack }) => publishPacket(deviceTopic(rack, 'live'), 'x'.repeat(129 * 1024))],
  [
    'with the identifier 0',
    ({ rack }) => Buffer.from([0x32, 0x38, ...lengthPrefixed(deviceTopic(rack, 'live')), 0, 0]),
  ],
])('a live message %s ends the connection, also after many that were right', async (_, packet) => {
  const { db, ann, agent, rack, live } = await scene()
  const foreign = await makeDevice(db, ann, await makeAgent(db), 'Foreign')
  const reader = await connectPerson(broker, ann)
  await reader.subscribe('v1/devices/+/live', 0)
  const raw = await rawAgent(broker, agent)
  raw.write(
    Buffer.concat([...Array.from({ length: 20 }, () => publishPacket(live(rack), 'fine')), packet({ rack, foreign })]),
  )
  await raw.closed
  await expect.poll(() => reader.received.length).toBe(20)
  expect(reader.received.every(({ text }) => text === 'fine')).toBe(true)
  await reader.end()
})

function lengthPrefixed(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
}

test.each<[string, Partial<Limits>, string]>([
  ['live messages of a device', { livePerSecondPerDevice: 10 }, 'live_per_second_per_device'],
  ['publishes of an agent', { publishesPerSecondPerAgent: 10 }, 'publishes_per_second_per_agent'],
  ['bytes of an agent', { bytesPerSecondPerAgent: 1024 }, 'bytes_per_second_per_agent'],
])('too many %s are read later, and none is lost', async (_, limits, name) => {
  const { ann, agent, rack, live } = await scene()
  const slow = await startTestBroker(database.url, { limits })
  const reader = await connectPerson(slow, ann)
  await reader.subscribe('v1/devices/+/live', 0)
  const raw = await rawAgent(slow, agent)
  for (let index = 0; index < 4; index += 1) {
    raw.write(Buffer.concat(Array.from({ length: 8 }, (_, at) => publishPacket(live(rack), `${index * 8 + at}`))))
    await expect.poll(() => reader.received.length, { timeout: 20_000 }).toBe(index * 8 + 8)
  }
  expect(reader.received.map(({ text }) => Number(text))).toEqual(Array.from({ length: 32 }, (_, index) => index))
  expect(await slow.metric(`limit_hits_total{name="${name}"}`)).toBeGreaterThan(0)
  raw.socket.destroy()
  await reader.end()
  await slow.stop()
})

test('an agent that publishes faster than samples are stored is read from later; all are stored and acknowledged', async () => {
  const { agent, rack } = await scene()
  const narrow = await startTestBroker(database.url, { limits: { unansweredPublishes: 2 } })
  const raw = await rawAgent(narrow, agent)
  const ids = Array.from({ length: 40 }, (_, index) => index + 1)
  raw.write(Buffer.concat(ids.map((id) => publishPacket(deviceTopic(rack, 'state'), JSON.stringify(values(id)), id))))
  await expect.poll(() => raw.acknowledged(), { timeout: 20_000 }).toEqual(ids)
  expect(await narrow.metric('limit_hits_total{name="unanswered_publishes"}')).toBeGreaterThan(0)
  raw.socket.destroy()
  await narrow.stop()
})
