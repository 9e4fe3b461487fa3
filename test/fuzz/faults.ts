// Packets that end a connection, each wrong in one thing, and some of which nobody need say what they get.
import type { Random } from '../model/random.ts'
import * as mqtt from './bytes.ts'
import { agentTopic, anyId, deviceTopic, fineFlags, someFilters } from './fine.ts'
import { randomBytes } from './mutate.ts'
import { BAD_UTF8, backlog, bent, inventory, ODD_TEXT, sample, status } from './payload.ts'
import type { Actor } from './world.ts'

/** `fatal`: the connection must end. `either`: answered or ended, as the broker likes. */
export type Fate = 'fine' | 'fatal' | 'either'
export type Made = { readonly bytes: Buffer; readonly fate: Fate }
type Maker = (random: Random, actor: Actor) => Buffer

const ownTopic = (actor: Actor) =>
  actor.kind === 'agent' ? agentTopic(actor.id, 'replies') : deviceTopic(actor.deviceIds[0] ?? '', 'requests/load.off')

const FATAL: Readonly<Record<string, Maker>> = {
  'a type that nobody knows': (random) =>
    mqtt.packet(random.pick([0x00, 0xf0, 0x01, 0xff]), randomBytes(random, random.below(4))),
  'what only servers send': (random) =>
    mqtt.packet(random.pick([0x20, 0x90, 0xb0, 0xd0]), randomBytes(random, random.below(4))),
  "QoS 2's packets": (random) => mqtt.packet(random.pick([0x50, 0x62, 0x70]), mqtt.u16(anyId(random))),
  'a second CONNECT': () => mqtt.connect({ clientId: 'again', username: 'x', password: 'y' }),
  'a publish at QoS 2': (random, actor) => mqtt.publish(ownTopic(actor), '{}', { flags: 4, id: anyId(random) }),
  'a publish at QoS 3': (random, actor) => mqtt.publish(ownTopic(actor), '{}', { flags: 6, id: anyId(random) }),
  'a repeat at QoS 0': (_, actor) => mqtt.publish(ownTopic(actor), '{}', { flags: 8 }),
  'a publish with packet identifier 0': (_, actor) => mqtt.publish(ownTopic(actor), '{}', { flags: 2, id: 0 }),
  'a publish without its identifier': (_, actor) => mqtt.packet(0x32, mqtt.field(ownTopic(actor))),
  'a topic longer than its packet': (random) =>
    mqtt.packet(0x30, Buffer.concat([mqtt.u16(random.pick([5, 300, 65_535])), Buffer.from('v1/a')])),
  'no topic at all': (random) => mqtt.packet(0x30 | fineFlags(random), randomBytes(random, random.below(2))),
  'an empty topic': (random) => mqtt.publish('', '{}', { flags: fineFlags(random) }),
  'a topic that is not UTF-8': (random) =>
    mqtt.publish(Buffer.concat([Buffer.from('v1/'), random.pick(BAD_UTF8)]), '{}', { flags: fineFlags(random) }),
  'a topic with NUL': (random) => mqtt.publish('v1/\0/a', '{}', { flags: fineFlags(random) }),
  'a topic of odd characters': (random) =>
    mqtt.publish(`v1/${random.pick(ODD_TEXT)}/a`, '{}', { flags: fineFlags(random) }),
  'wildcards in a topic': (random) => mqtt.publish(random.pick(['v1/+/a', '#', 'v1/#', '+', 'a+b']), '{}'),
  "the broker's own topics": (random) => mqtt.publish(random.pick(['$SYS/a/new/clients', '$', '$share/a/b']), '{}'),
  'empty levels': (random) => mqtt.publish(random.pick(['/', 'v1//a', '/v1', 'v1/', '////////']), '{}'),
  'too many levels': (random) =>
    mqtt.publish(
      Array(9 + random.below(100))
        .fill('a')
        .join('/'),
      '{}',
    ),
  'a topic too long': (random) => mqtt.publish('a'.repeat(257 + random.below(2000)), '{}'),
  'a subscription with packet identifier 0': (random, actor) =>
    mqtt.subscribe(0, [[someFilters(random, actor, 1)[0] ?? '', 0]]),
  'a subscription to nothing': (random) => mqtt.subscribe(anyId(random), []),
  'a subscription with a QoS beyond 2': (random) =>
    mqtt.subscribe(anyId(random), [['v1/errors', random.pick([3, 4, 0x80, 0xff])]]),
  'a subscription with wrong flags': (random) =>
    mqtt.subscribe(anyId(random), [['v1/errors', 0]], random.pick([0x80, 0x81, 0x83, 0x8f])),
  'a filter that is not UTF-8': (random) => mqtt.subscribe(anyId(random), [[random.pick(BAD_UTF8), 0]]),
  'a filter cut short': (random) =>
    mqtt.packet(0x82, Buffer.concat([mqtt.u16(anyId(random)), mqtt.u16(40), Buffer.from('v1/e')])),
  'fifty-one filters': (random) => mqtt.subscribe(anyId(random), Array(51).fill(['a', 0])),
  'a thousand filters': (random) => mqtt.subscribe(anyId(random), Array(1000).fill(['v1/errors', 1])),
  'an unsubscription with packet identifier 0': () => mqtt.unsubscribe(0, ['a']),
  'an unsubscription from nothing': (random) => mqtt.unsubscribe(anyId(random), []),
  'an unsubscription with wrong flags': (random) =>
    mqtt.unsubscribe(anyId(random), ['a'], random.pick([0xa0, 0xa1, 0xa3, 0xaf])),
  'an unsubscription that is not UTF-8': (random) => mqtt.unsubscribe(anyId(random), [random.pick(BAD_UTF8)]),
  'an unsubscription from a thousand': (random) => mqtt.unsubscribe(anyId(random), Array(1000).fill('a')),
  'an acknowledgement of another length': (random) =>
    mqtt.packet(0x40, randomBytes(random, random.pick([0, 1, 3, 200]))),
  'an acknowledgement with flags': (random) => mqtt.packet(0x41 + random.below(15), mqtt.u16(anyId(random))),
  'a ping with a body': (random) => mqtt.packet(0xc0, randomBytes(random, 1 + random.below(200))),
  'a ping with flags': (random) => mqtt.packet(0xc1 + random.below(15), Buffer.alloc(0)),
  'a DISCONNECT with a body': (random) => mqtt.packet(0xe0, randomBytes(random, 1 + random.below(200))),
  'a length beyond all bounds': (random) =>
    mqtt.packet(random.pick([0x30, 0x82, 0x10, 0x40]), randomBytes(random, random.below(200)), {
      claimed: random.pick([262_145, 1_048_576, 16_777_216, 268_435_455]),
    }),
  'a length of five bytes': (random) =>
    Buffer.concat([
      Buffer.from([0x30, 0x80 | random.below(128), 0xff, 0x80, 0x80 | random.below(128)]),
      randomBytes(random, 1 + random.below(9)),
    ]),
}

/** What ends an agent's connection: a person is told on `v1/errors`. */
const FATAL_FOR_AGENTS: Readonly<Record<string, Maker>> = {
  "a device of somebody else's": (random) =>
    mqtt.publish(deviceTopic('00000000-0000-4000-8000-000000000000', random.pick(['state', 'backlog', 'live'])), '{}'),
  "another agent's topic": (random) =>
    mqtt.publish(agentTopic('00000000-0000-4000-8000-000000000000', random.pick(['status', 'replies'])), '{}'),
  "the cloud's topics": (random, actor) =>
    mqtt.publish(
      random.pick([
        ...['events', 'commands', 'requests/load.off'].map((suffix) => deviceTopic(actor.deviceIds[0] ?? '', suffix)),
        'v1/errors',
      ]),
      '{}',
    ),
  'a topic that is none': (random) =>
    mqtt.publish(random.pick(['a', 'v1', 'v2/devices/a/state', 'v1/devices/a']), '{}'),
  'a state that is no JSON': (_, actor) => mqtt.publish(deviceTopic(actor.deviceIds[0] ?? '', 'state'), '{"kind":'),
}

/** [MQTT-4.7.1-2, -3]: wildcards where none may stand. */
const NO_FILTERS = ['a#', 'a/#/b', '+a', 'a+/b', '#/a', '##', '++', '']

const EITHER: Readonly<Record<string, Maker>> = {
  'a bent payload': (random, actor) => {
    const [deviceId = ''] = actor.deviceIds
    const [topic, value] = random.pick([
      [deviceTopic(deviceId, 'state'), sample(random)],
      [deviceTopic(deviceId, 'backlog'), backlog(random)],
      ...(actor.kind === 'agent'
        ? ([
            [agentTopic(actor.id, 'status'), status(random)],
            [agentTopic(actor.id, 'inventory'), inventory(random, actor.deviceIds)],
          ] as const)
        : []),
    ] as const)
    return mqtt.publish(topic, bent(random, value), { flags: fineFlags(random), id: anyId(random) })
  },
  'a length written longer than it need be': (random, actor) =>
    mqtt.publish(ownTopic(actor), '{}', { flags: fineFlags(random), size: 2 + random.below(3) }),
  'an acknowledgement of nothing': () => mqtt.puback(0),
  'a retained publish': (random, actor) => mqtt.publish(ownTopic(actor), '{}', { flags: 1 | fineFlags(random) }),
  'an empty payload': (random, actor) => mqtt.publish(ownTopic(actor), '', { flags: fineFlags(random) }),
  'a large payload': (random, actor) =>
    mqtt.publish(ownTopic(actor), Buffer.alloc(random.pick([4096, 65_536, 131_072, 200_000]), 0x20), {
      flags: fineFlags(random),
    }),
  'a filter that is none': (random) => mqtt.subscribe(anyId(random), [[random.pick(NO_FILTERS), 1]]),
  'the end of a filter that is none': (random) => mqtt.unsubscribe(anyId(random), [random.pick(NO_FILTERS)]),
  'filters at the limit': (random, actor) =>
    mqtt.subscribe(
      anyId(random),
      someFilters(random, actor, 8).map((filter) => [filter, 1]),
    ),
}

const tableFor = (fatal: Readonly<Record<string, Maker>>, fate: Fate) =>
  Object.entries(fatal).map(([name, make]) => ({ name, make, fate }))
const ALWAYS = [...tableFor(FATAL, 'fatal'), ...tableFor(EITHER, 'either')]
const BENT = tableFor({ 'a bent payload': EITHER['a bent payload'] as Maker }, 'either')
const FAULTS = {
  person: ALWAYS,
  agent: [...ALWAYS, ...tableFor(FATAL_FOR_AGENTS, 'fatal'), ...Array(8).fill(BENT).flat()],
}

export function faultyPacket(random: Random, actor: Actor): Made & { readonly name: string } {
  const { name, make, fate } = random.pick<(typeof ALWAYS)[number]>(FAULTS[actor.kind])
  return { name, bytes: make(random, actor), fate }
}
