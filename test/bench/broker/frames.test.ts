// What the load sends is what any MQTT parser reads, and the reader finds every frame however the stream is cut.
import packets from 'mqtt-packet'
import { expect, test } from 'vitest'
import { layoutOf, NUMBER_AT, packetIdOf, Ring, SENDER_AT } from './frames.ts'
import type { LoadSocket } from './socket.ts'
import { incomingView } from './socket.ts'
import { Times, Viewer } from './viewer.ts'

const TOPICS = ['v1/devices/aaaa/live', 'v1/devices/bbbb/live', 'v1/devices/cccc/live']
const PAYLOAD = 200

const ringOf = (qos: 0 | 1, sender = 5) => {
  const layout = layoutOf(20, PAYLOAD, qos)
  return { layout, ring: new Ring(TOPICS, layout, { payloadBytes: PAYLOAD, sender, least: 7 }) }
}

test.each([0, 1] as const)('frames at QoS %i are PUBLISH packets with topics by turns', (qos) => {
  const { ring } = ringOf(qos)
  const parser = packets.parser()
  const found: packets.IPublishPacket[] = []
  parser.on('packet', (packet) => found.push(packet as packets.IPublishPacket))
  parser.parse(ring.take(4, 1, 12.5))
  expect(found.map(({ topic }) => topic)).toEqual([...TOPICS, TOPICS[0]])
  for (const [index, packet] of found.entries()) {
    const payload = packet.payload as Buffer
    expect(packet).toMatchObject({ qos, retain: false, dup: false })
    if (qos === 1) expect(packet.messageId).toBe(index + 1)
    expect(payload).toHaveLength(PAYLOAD)
    expect(payload.readDoubleBE(0)).toBe(12.5)
    expect(payload.readUInt32BE(SENDER_AT)).toBe(5)
    expect(payload.readUInt32BE(NUMBER_AT)).toBe(index + 1)
  }
})

test('a ring hands out fewer at its end, and begins again', () => {
  const { ring } = ringOf(0)
  expect(ring.frames).toBe(9)
  expect(ring.framesIn(ring.take(7, 1, 0))).toBe(7)
  expect(ring.framesIn(ring.take(7, 8, 0))).toBe(2)
  expect(ring.framesIn(ring.take(7, 10, 0))).toBe(7)
})

test('packet identifiers are never 0', () => {
  expect([1, 65_535, 65_536].map(packetIdOf)).toEqual([1, 65_535, 1])
})

test.each([0, 1] as const)('a viewer finds every frame at QoS %i, wherever the stream is cut', (qos) => {
  const { ring, layout } = ringOf(qos, 0)
  const bytes = Buffer.concat([ring.take(3, 1, 0), ring.take(3, 4, 0)])
  const times = new Times(1)
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const acks: Buffer[] = []
    const socket = { write: (one: Buffer) => acks.push(Buffer.from(one)) } as unknown as LoadSocket['socket']
    const client: LoadSocket = { socket, onBytes: () => {} }
    const viewer = new Viewer(client, layout, 1, times)
    for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      const incoming = Buffer.from(incomingView.buffer, incomingView.byteOffset, incomingView.byteLength)
      part.copy(incoming)
      client.onBytes(incoming, part.length)
    }
    expect([viewer.fault, viewer.received, viewer.outOfOrder, viewer.seen[0]]).toEqual([undefined, 6, 0, 6])
    const wanted = Array.from({ length: 6 }, (_, index) => `4002000${index + 1}`).join('')
    expect(Buffer.concat(acks).toString('hex')).toBe(qos === 1 ? wanted : '')
  }
})

test('a viewer says so when something else comes', () => {
  const { ring, layout } = ringOf(0)
  const client: LoadSocket = { socket: {} as LoadSocket['socket'], onBytes: () => {} }
  const viewer = new Viewer(client, layout, 9, new Times(1))
  const frames = Buffer.from(ring.take(1, 1, 0))
  frames[0] = 0x31
  const incoming = Buffer.from(incomingView.buffer, incomingView.byteOffset, incomingView.byteLength)
  frames.copy(incoming)
  client.onBytes(incoming, frames.length)
  expect(viewer.fault?.message).toContain('31')
})
