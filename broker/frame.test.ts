import fc from 'fast-check'
import packets, { type Packet } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { type Connect, type ConnectRefusal, readConnect } from './connect.ts'
import { encodePublish, type Frame, type FrameFault, FrameReader } from './frame.ts'
import { inspect, isTopicName } from './guard.ts'
import { connectPacket } from './testing.ts'

function framesOf(reader: FrameReader, chunks: readonly Buffer[]): (Buffer | FrameFault)[] {
  const out: (Buffer | FrameFault)[] = []
  for (const chunk of chunks) {
    reader.feed(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      out.push(typeof next === 'string' ? next : next.bytes)
      if (typeof next === 'string') return out
    }
  }
  return out
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

const arbPayload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(127, 128, 16_383, 16_384).map((size) => new Uint8Array(size)),
)
const arbPackets = fc.array(
  arbPayload.map((payload) =>
    packets.generate({
      cmd: 'publish',
      topic: 'v1/errors',
      payload: Buffer.from(payload),
      qos: 0,
      dup: false,
      retain: false,
    }),
  ),
  { minLength: 1, maxLength: 6 },
)

test('packets come out whole, however the bytes were cut, and earlier ones stay intact', () => {
  fc.assert(
    fc.property(
      arbPackets,
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 }),
      (sent, sizes) => {
        const reader = new FrameReader(256 * 1024)
        // bytes that were handed out are looked at after all the rest has come in
        expect(framesOf(reader, cut(Buffer.concat(sent), sizes))).toEqual(sent)
        expect(reader.held).toBe(0)
      },
    ),
    { numRuns: 300 },
  )
})

test('a packet is refused by its announced length, before its bytes are kept', () => {
  const reader = new FrameReader(16 * 1024)
  expect(framesOf(reader, [Buffer.from([0x10, 0x80, 0x80, 0x01])])).toEqual([])
  expect(framesOf(new FrameReader(16 * 1024), [Buffer.from([0x10, 0x81, 0x80, 0x01])])).toEqual(['packet-too-large'])
  expect(framesOf(new FrameReader(1 << 30), [Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff])])).toEqual([
    'length-malformed',
  ])
})

test('what we write is what an MQTT parser reads', () => {
  fc.assert(
    fc.property(
      arbPayload,
      fc.constantFrom(0 as const, 1 as const),
      fc.boolean(),
      fc.integer({ min: 1, max: 65_535 }),
      (payload, qos, retain, id) => {
        const frame = encodePublish('v1/errors', Buffer.from(payload), qos, retain)
        const parser = packets.parser()
        const seen: Packet[] = []
        parser.on('packet', (packet) => seen.push(packet))
        if (qos === 1) frame.bytes.writeUInt16BE(id, frame.idAt)
        expect(parser.parse(frame.bytes)).toBe(0)
        expect(seen).toMatchObject([
          { cmd: 'publish', topic: 'v1/errors', qos, retain, ...(qos === 1 ? { messageId: id } : {}) },
        ])
        expect(Buffer.compare((seen[0] as { payload: Buffer }).payload, Buffer.from(payload))).toBe(0)
      },
    ),
    { numRuns: 200 },
  )
})

function asFrame(bytes: Buffer): Frame {
  const reader = new FrameReader(256 * 1024)
  reader.feed(bytes)
  const frame = reader.next()
  if (frame === undefined || typeof frame === 'string') throw new Error('not one whole packet')
  return frame
}

const will = (topic: string, qos: 0 | 1 | 2 = 1, payload = '{}') => ({
  topic,
  payload: Buffer.from(payload),
  qos,
  retain: true,
})
const OWN = 'v1/agents/6f1c8c3e-0000-4000-8000-000000000001/status'

test.each<[string, Buffer, Partial<ConnectRefusal> | Partial<Connect>]>([
  ['a plain one', connectPacket(), { clientId: 'raw', keepalive: 60 }],
  [
    'an agent with its will',
    connectPacket({ will: will(OWN), username: 'agent:x', password: Buffer.from('p') }),
    { username: 'agent:x' },
  ],
  ['version 3.1', connectPacket({ protocolId: 'MQIsdp', protocolVersion: 3 }), { reason: 'protocol-version', code: 1 }],
  ['version 5', connectPacket({ protocolVersion: 5 }), { reason: 'protocol-version', code: 1 }],
  ['no client id', connectPacket({ clientId: '' }), { reason: 'client-id-invalid', code: 2 }],
  ['a client id of 64', connectPacket({ clientId: 'a'.repeat(64) }), { clientId: 'a'.repeat(64) }],
  ['a client id of 65', connectPacket({ clientId: 'a'.repeat(65) }), { reason: 'client-id-invalid', code: 2 }],
  ['a client id with #', connectPacket({ clientId: 'a#' }), { reason: 'client-id-invalid', code: 2 }],
  ['a client id with NUL', connectPacket({ clientId: 'a\0b' }), { reason: 'connect-malformed' }],
  ['a user name with a line break', connectPacket({ username: 'a\nb' }), { reason: 'connect-malformed' }],
  ['a user name with what is no character', connectPacket({ username: 'a\uffff' }), { reason: 'connect-malformed' }],
  ['a user name with what people write', connectPacket({ username: 'Zoë 😀' }), { username: 'Zoë 😀' }],
  ['keepalive 0', connectPacket({ keepalive: 0 }), { reason: 'keepalive-out-of-range', code: 5 }],
  ['keepalive 4', connectPacket({ keepalive: 4 }), { reason: 'keepalive-out-of-range', code: 5 }],
  ['keepalive 300', connectPacket({ keepalive: 300 }), { keepalive: 300 }],
  ['keepalive 301', connectPacket({ keepalive: 301 }), { reason: 'keepalive-out-of-range', code: 5 }],
  ['a will with QoS 2', connectPacket({ will: will(OWN, 2) }), { reason: 'will-invalid', code: 5 }],
  ['a will on a wildcard', connectPacket({ will: will('v1/agents/+/status') }), { reason: 'will-invalid', code: 5 }],
  ['a will on $SYS', connectPacket({ will: will('$SYS/x/new/clients') }), { reason: 'will-invalid', code: 5 }],
  ['a will on a device', connectPacket({ will: will('v1/devices/a/state') }), { reason: 'will-invalid', code: 5 }],
  ['an endless will', connectPacket({ will: will(OWN, 1, 'x'.repeat(5000)) }), { reason: 'will-invalid', code: 5 }],
  [
    'bytes behind it',
    Buffer.concat([Buffer.from([0x10, 0x0f]), connectPacket({ clientId: '' }).subarray(2), Buffer.from('abc')]),
    { reason: 'connect-malformed' },
  ],
])('CONNECT: %s', (_, bytes, expected) => {
  expect(readConnect(asFrame(bytes))).toMatchObject(expected)
})

test.each<[string, (flags: number) => number]>([
  ['the reserved bit', (flags) => flags | 0x01],
  ['a will QoS without a will', (flags) => flags | 0x08],
  ['a will retained without a will', (flags) => flags | 0x20],
  ['a password without a user name', (flags) => flags | 0x40],
  ['a user name that is not there', (flags) => flags | 0x80],
])('CONNECT with %s is malformed', (_, change) => {
  const bytes = connectPacket()
  bytes[9] = change(bytes[9] ?? 0)
  expect(readConnect(asFrame(bytes))).toEqual({ reason: 'connect-malformed' })
})

test('a will with QoS 3 is refused', () => {
  const bytes = connectPacket({ will: will(OWN, 1) })
  bytes[9] = (bytes[9] ?? 0) | 0x18
  expect(readConnect(asFrame(bytes))).toMatchObject({ reason: 'will-invalid' })
})

test('a session that should be kept becomes a clean one', () => {
  const frame = asFrame(connectPacket({ clean: false }))
  expect(readConnect(frame)).toMatchObject({ clientId: 'raw' })
  // and its keepalive is watched by us
  expect(frame.bytes).toEqual(connectPacket({ clean: true, keepalive: 0 }))
})

const publish = (topic: string, options: { qos?: 0 | 1 | 2; id?: number } = {}) =>
  packets.generate({
    cmd: 'publish',
    topic,
    payload: 'x',
    qos: options.qos ?? 0,
    dup: false,
    retain: false,
    messageId: options.id ?? 1,
  })
const subscribe = (filters: readonly string[], qos: 0 | 1 | 2 = 1) =>
  packets.generate({ cmd: 'subscribe', messageId: 7, subscriptions: filters.map((topic) => ({ topic, qos })) })
const unsubscribe = (filter: string) =>
  packets.generate({ cmd: 'unsubscribe', messageId: 7, unsubscriptions: [filter] })

test.each<[string, Buffer, unknown]>([
  ['a publish', publish('v1/devices/a/state', { qos: 1 }), { do: 'pass' }],
  ['QoS 2', publish('v1/devices/a/state', { qos: 2 }), { do: 'close', reason: 'qos-2' }],
  ['QoS 3', Buffer.from([0x36, 6, 0, 1, 0x61, 0, 1, 0x78]), { do: 'close', reason: 'flags-malformed' }],
  ['a repeat of QoS 0', Buffer.from([0x38, 4, 0, 1, 0x61, 0x78]), { do: 'close', reason: 'flags-malformed' }],
  ['packet identifier 0', Buffer.from([0x32, 6, 0, 1, 0x61, 0, 0, 0x78]), { do: 'close', reason: 'packet-malformed' }],
  [
    'a topic longer than its packet',
    Buffer.from([0x30, 4, 0, 9, 0x61, 0x78]),
    { do: 'close', reason: 'packet-malformed' },
  ],
  ['a topic that is not UTF-8', Buffer.from([0x30, 4, 0, 1, 0xff, 0x78]), { do: 'close', reason: 'packet-malformed' }],
  ['an empty topic', Buffer.from([0x30, 3, 0, 0, 0x78]), { do: 'close', reason: 'topic-malformed' }],
  ['$SYS', publish('$SYS/a/new/clients'), { do: 'close', reason: 'topic-malformed' }],
  ['an empty level', publish('v1//a'), { do: 'close', reason: 'topic-malformed' }],
  ['a star', publish('home/*'), { do: 'close', reason: 'topic-malformed' }],
  ['nine levels', publish('a/b/c/d/e/f/g/h/i'), { do: 'close', reason: 'topic-malformed' }],
  ['a topic of 257 bytes', publish('a'.repeat(257)), { do: 'close', reason: 'topic-malformed' }],
  ['eight filters', subscribe(Array(8).fill('a')), { do: 'pass' }],
  [
    'nine filters',
    subscribe(Array(9).fill('a')),
    { do: 'answer', reason: 'too-many-filters', bytes: Buffer.from([0x90, 11, 0, 7, ...Array(9).fill(0x80)]) },
  ],
  ['fifty-one filters', subscribe(Array(51).fill('a')), { do: 'close', reason: 'too-many-filters' }],
  ['a subscription to nothing', Buffer.from([0x82, 2, 0, 1]), { do: 'close', reason: 'packet-malformed' }],
  [
    'a subscription with QoS 3',
    Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 3]),
    { do: 'close', reason: 'packet-malformed' },
  ],
  [
    'a subscription with wrong flags',
    Buffer.from([0x80, 6, 0, 1, 0, 1, 0x61, 1]),
    { do: 'close', reason: 'flags-malformed' },
  ],
  ...['', 'a#', '+a', 'a/#/b', '##', 'a/+b'].flatMap((filter): [string, Buffer, unknown][] => [
    [`a subscription to “${filter}”`, subscribe([filter]), { do: 'close', reason: 'filter-malformed' }],
    [`an unsubscription from “${filter}”`, unsubscribe(filter), { do: 'close', reason: 'filter-malformed' }],
  ]),
  ...['#', '+', '/', 'a//+/#', '$SYS/#', 'ä b'].map((filter): [string, Buffer, unknown] => [
    `a subscription to “${filter}”`,
    subscribe([filter]),
    { do: 'pass' },
  ]),
  ['an acknowledgement', Buffer.from([0x40, 2, 0, 1]), { do: 'pass' }],
  ['an acknowledgement of one byte', Buffer.from([0x40, 1, 0]), { do: 'close', reason: 'packet-malformed' }],
  ['a ping', Buffer.from([0xc0, 0]), { do: 'pass' }],
  ['a ping with a body', Buffer.from([0xc0, 1, 0]), { do: 'close', reason: 'packet-malformed' }],
  ['PUBREC', Buffer.from([0x50, 2, 0, 1]), { do: 'close', reason: 'type-unexpected' }],
  ['PUBREL', Buffer.from([0x62, 2, 0, 1]), { do: 'close', reason: 'type-unexpected' }],
  ['a second CONNECT', connectPacket(), { do: 'close', reason: 'type-unexpected' }],
  ['CONNACK from a client', Buffer.from([0x20, 2, 0, 0]), { do: 'close', reason: 'type-unexpected' }],
  ['type 0', Buffer.from([0x00, 0]), { do: 'close', reason: 'type-unexpected' }],
  ['type 15', Buffer.from([0xf0, 0]), { do: 'close', reason: 'type-unexpected' }],
])('%s', (_, bytes, expected) => {
  expect(inspect(asFrame(bytes))).toEqual(expected)
})

test('a subscription at QoS 2 is granted 1', () => {
  const frame = asFrame(subscribe(['a', 'b'], 2))
  expect(inspect(frame)).toEqual({ do: 'pass' })
  expect(frame.bytes).toEqual(subscribe(['a', 'b'], 1))
})

test('no bytes make the guard throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const reader = new FrameReader(128)
      reader.feed(Buffer.from(bytes))
      for (let next = reader.next(); next !== undefined && typeof next !== 'string'; next = reader.next()) {
        if (next.type === 1) readConnect(next)
        inspect(next)
      }
    }),
    { numRuns: 2000 },
  )
})

test('topic names are what the protocol says they are', () => {
  expect(['v1/errors', 'a', 'a/B/0_.-'].every(isTopicName)).toBe(true)
  expect(['', '/a', 'a/', 'a//b', 'a+', '#', 'a b', 'ä', '$a', 'a\n'].some(isTopicName)).toBe(false)
})
