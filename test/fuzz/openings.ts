// What may come instead of a good CONNECT: other protocols, junk, and CONNECTs with one thing wrong.
import type { Random } from '../model/random.ts'
import * as mqtt from './bytes.ts'
import { agentTopic, finePacket } from './fine.ts'
import { mutated, randomBytes } from './mutate.ts'
import { BAD_UTF8, bent, status } from './payload.ts'
import type { Actor } from './world.ts'

/** What is to come: this code in a CONNACK and then the end, the end, or one of the two at the broker's choice. */
export type Refusal = number | 'end' | 'any'
export type Opening = { readonly name: string; readonly bytes: Buffer; readonly refusal: Refusal }
type Maker = (random: Random, actor: Actor) => { readonly bytes: Buffer; readonly refusal: Refusal }

export function goodConnect(random: Random, actor: Actor, connection: number, keepalive = 60): Buffer {
  return mqtt.connect({ ...loginOf(actor, connection), keepalive, ...maybeWill(random, actor) })
}

function loginOf(actor: Actor, connection: number) {
  const username = actor.kind === 'agent' ? `agent:${actor.id}` : 'anybody'
  return { clientId: `fuzz-${connection}`, username, password: actor.token }
}

function maybeWill(random: Random, actor: Actor) {
  if (actor.kind !== 'agent' || random.chance(0.5)) return {}
  const payload = JSON.stringify({ online: false, version: '1.2.3', interval: 5, at: Date.now() })
  return { will: { topic: agentTopic(actor.id, 'status'), payload, bits: random.pick([0, 0x08, 0x20, 0x28]) } }
}

const CODE = { version: 1, identifier: 2, credentials: 4, notAuthorized: 5 } as const

const closing = (bytes: Buffer) => ({ bytes, refusal: 'end' as const })

const OPENINGS: Readonly<Record<string, Maker>> = {
  junk: (random) => {
    const bytes = randomBytes(random, 1 + random.below(random.chance(0.1) ? 20_000 : 200))
    return { bytes, refusal: bytes[0] === 0x10 ? 'any' : 'end' }
  },
  'a TLS ClientHello': (random) =>
    closing(Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), randomBytes(random, 500)])),
  HTTP: (random) => closing(Buffer.from(`${random.pick(['GET', 'POST', 'PRI'])} / HTTP/1.1\r\nHost: a\r\n\r\n`)),
  'a PROXY line that nobody asked for': () => closing(Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')),
  'another packet first': (random, actor) => closing(finePacket(random, actor)),
  'a length beyond all bounds': (random) =>
    closing(mqtt.packet(0x10, randomBytes(random, random.below(100)), { claimed: random.pick([16_385, 268_435_455]) })),
  'a length of five bytes': () => closing(Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 4])),
  'a CONNECT with flags': (random, actor) => {
    const bytes = goodConnect(random, actor, 0)
    bytes[0] = 0x11 + random.below(15)
    return closing(bytes)
  },
  'an empty CONNECT': () => closing(Buffer.from([0x10, 0])),
  'another protocol': (random) =>
    closing(
      mqtt.connect({ clientId: 'a', protocol: random.pick(['HTTP', '', 'mqtt', 'MQTT ', random.pick(BAD_UTF8)]) }),
    ),
  'another level': (random) => ({
    bytes: mqtt.connect({ clientId: 'a', level: random.pick([0, 1, 2, 3, 5, 6, 0x84, 255]) }),
    refusal: CODE.version,
  }),
  'MQTT 3.1': () => ({ bytes: mqtt.connect({ clientId: 'a', protocol: 'MQIsdp', level: 3 }), refusal: CODE.version }),
  'flags that contradict themselves': (random) =>
    closing(mqtt.connect({ clientId: 'a', flags: random.pick([1, 3, 0x0a, 0x22, 0x42, 0x82, 0xc2, 0xff, 0x06]) })),
  'a client identifier that is none': (random, actor) => ({
    bytes: mqtt.connect({
      ...loginOf(actor, 0),
      clientId: random.pick(['', '#', 'a/b', 'ä', 'a'.repeat(65), ' ', '+']),
    }),
    refusal: CODE.identifier,
  }),
  'a client identifier that is no text': (random, actor) =>
    closing(mqtt.connect({ ...loginOf(actor, 0), clientId: random.pick([...BAD_UTF8, '\0', 'a\0']) })),
  'a client identifier of 60,000 bytes': (_, actor) =>
    closing(mqtt.connect({ ...loginOf(actor, 0), clientId: 'a'.repeat(60_000) })),
  'a keepalive out of range': (random, actor) => ({
    bytes: mqtt.connect({ ...loginOf(actor, 0), keepalive: random.pick([0, 1, 4, 301, 65_535]) }),
    refusal: CODE.notAuthorized,
  }),
  'a will on a topic that is not its own': (random, actor) => ({
    bytes: mqtt.connect({
      ...loginOf(actor, 0),
      will: {
        topic: random.pick(['#', '$SYS/a', 'v1/+/b', '', 'a', 'v1/errors', agentTopic('x', 'status')]),
        payload: '{}',
      },
    }),
    refusal: CODE.notAuthorized,
  }),
  'a will with QoS 2 or 3': (random, actor) => ({
    bytes: mqtt.connect({
      ...loginOf(actor, 0),
      will: {
        topic: agentTopic(actor.kind === 'agent' ? actor.id : 'x', 'status'),
        payload: '{}',
        bits: random.pick([0x10, 0x18]),
      },
    }),
    refusal: CODE.notAuthorized,
  }),
  'a will that says nonsense': (random, actor) => ({
    bytes: mqtt.connect({
      ...loginOf(actor, 0),
      will: {
        topic: agentTopic(actor.kind === 'agent' ? actor.id : 'x', 'status'),
        payload: bent(random, status(random)).subarray(0, 9000),
      },
    }),
    refusal: 'any',
  }),
  'a will without its payload': () => closing(mqtt.connect({ clientId: 'a', flags: 0x06, tail: mqtt.field('v1/a') })),
  'bytes behind the last field': (random, actor) =>
    closing(mqtt.connect({ ...loginOf(actor, 0), tail: randomBytes(random, 1 + random.below(50)) })),
  'no credentials': (random) => ({
    bytes: mqtt.connect({ clientId: 'a', ...(random.chance(0.5) ? { username: 'anybody' } : {}) }),
    refusal: CODE.credentials,
  }),
  'a wrong token': (random) => ({
    bytes: mqtt.connect({ clientId: 'a', username: 'anybody', password: random.token() }),
    refusal: CODE.credentials,
  }),
  'a password of bytes': (random) => ({
    bytes: mqtt.connect({ clientId: 'a', username: 'anybody', password: randomBytes(random, random.below(4000)) }),
    refusal: CODE.credentials,
  }),
  'a wrong token of an agent': (random, actor) => ({
    bytes: mqtt.connect({
      clientId: 'a',
      username: `agent:${actor.kind === 'agent' ? actor.id : random.pick(['', 'x', '../..', '#', 'constructor'])}`,
      password: random.token(),
    }),
    refusal: CODE.credentials,
  }),
  'a user name that is no text': (random) =>
    closing(mqtt.connect({ clientId: 'a', username: random.pick([...BAD_UTF8, 'a\0b']), password: 'x' })),
  'half a CONNECT': (random, actor) => {
    const bytes = goodConnect(random, actor, 0)
    return { bytes: bytes.subarray(0, 1 + random.below(bytes.length - 1)), refusal: 'any' }
  },
  'a CONNECT with one change': (random, actor) => ({
    bytes: mutated(random, goodConnect(random, actor, 0), finePacket(random, actor)),
    refusal: 'any',
  }),
}

const NAMES = Object.keys(OPENINGS)

export function badOpening(random: Random, actor: Actor): Opening {
  // The last one has more faults in it than all others.
  const name = random.chance(0.4) ? 'a CONNECT with one change' : random.pick(NAMES)
  const make = OPENINGS[name] as Maker
  return { name, ...make(random, actor) }
}
