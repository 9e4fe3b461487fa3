// Traps on the way from one client to the others (TRAPS.md): order, and readers that do not read.
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import packets from 'mqtt-packet'
import { expect, test } from 'vitest'
import { packetAt } from '../test/model/client.ts'
import { serveTests } from '../test/support/broker.ts'
import type { TestAgent } from '../test/support/world.ts'
import { connectPacket, connectPerson, connectRaw, startTestBroker, values } from './testing.ts'

const { served, keep, bare, world } = serveTests()

const stateOf = (deviceId: string) => deviceTopic(deviceId, 'state')
const stored = async (deviceId: string) =>
  (
    await served.database.db
      .selectFrom('sample')
      .select('seq')
      .where('device_id', '=', deviceId)
      .orderBy('seq')
      .execute()
  ).map(({ seq }) => seq)

const credentials = ({ agentId, token }: TestAgent) => ({ username: `agent:${agentId}`, password: Buffer.from(token) })
const message = (topic: string, payload: string, messageId?: number) =>
  packets.generate({
    ...{ cmd: 'publish', topic, payload, dup: false, retain: false },
    ...(messageId === undefined ? { qos: 0 } : { qos: 1, messageId }),
  })

/** An agent by a bare socket, and the packet identifiers that it was acknowledged, in their order. */
async function bareAgent(agent: TestAgent) {
  const raw = await connectRaw(served.broker)
  raw.write(connectPacket(credentials(agent)))
  await expect.poll(() => raw.bytes().length).toBe(4)
  return {
    write: (...all: readonly Buffer[]) => raw.write(Buffer.concat(all)),
    acknowledged: () => {
      const ids: number[] = []
      const bytes = raw.bytes()
      for (let packet = packetAt(bytes, 4); packet; packet = packetAt(bytes, packet.end)) {
        if (packet.type === 4) ids.push(packet.body.readUInt16BE())
      }
      return ids
    },
  }
}

test('T14: messages of one chunk arrive and are acknowledged in their order, whatever their QoS', async () => {
  const { ann, agent, rack } = await world()
  const live = deviceTopic(rack, 'live')
  const got: string[] = []
  const viewer = bare(({ topic, payload }) => topic === live && got.push(payload.toString()))
  await viewer.open({ clientId: 'viewer', username: 'ann', password: ann.token })
  await viewer.subscribe([[live, 1]])
  const sender = await bareAgent(agent)
  // a topic that is known goes the short way
  sender.write(message(live, '0', 100))
  await expect.poll(() => got).toEqual(['0'])
  sender.write(
    message(live, '1'),
    message(live, '2', 1),
    message(stateOf(rack), JSON.stringify(values(1)), 2),
    message(live, '3'),
    message(live, '4', 3),
    message(live, '5'),
    message(live, '6', 4),
  )
  await expect.poll(() => sender.acknowledged().length).toBe(5)
  expect(sender.acknowledged()).toEqual([100, 1, 2, 3, 4])
  await expect.poll(() => got.length).toBe(7)
  expect(got).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('T14: an older sequence never replaces a newer state, nor is it shown', async () => {
  const { ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(served.broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const sender = await bareAgent(agent)
  const sample = (seq: number) => JSON.stringify(values(seq))
  sender.write(...[1, 7, 6].map((seq) => message(stateOf(rack), sample(seq), seq)))
  await expect.poll(() => sender.acknowledged().length).toBe(3)
  sender.write(message(stateOf(rack), sample(5), 5), message(stateOf(rack), sample(8), 8))
  await viewer.next(({ text }) => text.includes('"seq":8,'))
  expect(viewer.received.map(({ text }) => JSON.parse(text).seq)).toEqual([1, 7, 8])
  expect(await stored(rack)).toEqual([1, 5, 6, 7, 8])
})

test('T8: a reader that stops reading is cut, and holds nobody up', async () => {
  const { ann, agent, rack } = await world()
  const live = deviceTopic(rack, 'live')
  const limits = { livePerSecondPerDevice: 1e9, bytesPerSecondPerAgent: 1e9 }
  const broker = await startTestBroker(served.database.url, { limits })
  try {
    const [got, published] = [[] as string[], 400]
    const healthy = bare(({ payload }) => got.push(payload.toString('latin1', 0, 8)), broker)
    const stalled = bare(() => {}, broker)
    const sender = bare(() => {}, broker)
    const { username, password } = credentials(agent)
    expect(await sender.open({ clientId: 'sender', username, password: password.toString() })).toBe(0)
    for (const [clientId, client] of Object.entries({ healthy, stalled })) {
      expect(await client.open({ clientId, username: 'ann', password: ann.token })).toBe(0)
      expect(await client.subscribe([[live, 1]])).toEqual([1])
    }
    stalled.socket.pause()
    const rest = 'x'.repeat(100_000)
    for (let seq = 1; seq <= published; seq += 1) {
      expect(await sender.publish(live, String(seq).padStart(8) + rest)).toBe(true)
    }
    expect(await healthy.ping()).toBe(true)
    expect(got.map(Number)).toEqual(Array.from({ length: published }, (_, index) => index + 1))
    expect(await broker.metric('connections_cut_total{reason="slow-receiver"}')).toBe(1)
    stalled.socket.resume()
    await stalled.closed
  } finally {
    await broker.stop()
  }
})
