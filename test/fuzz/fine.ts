// Packets that a client may send after CONNACK: each is answered or taken, and none ends the connection.
import type { Random } from '../model/random.ts'
import * as mqtt from './bytes.ts'
import { randomBytes } from './mutate.ts'
import { backlog, bent, inventory, sample, status } from './payload.ts'
import type { Actor } from './world.ts'

const REQUESTS = ['beeper.mute', 'test.battery.start.quick', 'load.off', 'no.such.command', 'constructor'] as const

export function anyId(random: Random): number {
  return random.chance(0.5) ? 1 + random.below(8) : random.pick([1, 255, 256, 65_535, 1 + random.below(65_535)])
}

export const deviceTopic = (id: string, suffix: string) => `v1/devices/${id}/${suffix}`
export const agentTopic = (id: string, suffix: string) => `v1/agents/${id}/${suffix}`

const QOS_1 = 2
const DUP = 8

/** QoS 0 or 1, and at QoS 1 now and then said to be a repeat. */
export function fineFlags(random: Random): number {
  if (random.chance(0.5)) return 0
  return QOS_1 | (random.chance(0.2) ? DUP : 0)
}

export function finePacket(random: Random, actor: Actor): Buffer {
  const one = random.below(100)
  if (one < 8) return mqtt.PINGREQ
  if (one < 16) return mqtt.puback(anyId(random))
  if (one < 20) return mqtt.unsubscribe(anyId(random), someFilters(random, actor, 1 + random.below(5)))
  if (one < 24) return subscription(random, actor)
  return actor.kind === 'agent' ? ofAgent(random, actor) : ofPerson(random, actor)
}

function ofAgent(random: Random, actor: Actor & { kind: 'agent' }): Buffer {
  const [deviceId = ''] = actor.deviceIds
  const options = { flags: fineFlags(random), id: anyId(random) }
  const one = random.below(100)
  if (one < 8) return mqtt.publish(deviceTopic(deviceId, 'state'), JSON.stringify(sample(random)), options)
  if (one < 10) return mqtt.publish(deviceTopic(deviceId, 'backlog'), JSON.stringify(backlog(random)), options)
  if (one < 11) return mqtt.publish(agentTopic(actor.id, 'status'), JSON.stringify(status(random)), options)
  if (random.chance(0.002)) {
    return mqtt.publish(agentTopic(actor.id, 'inventory'), JSON.stringify(inventory(random, actor.deviceIds)), options)
  }
  const payload = random.chance(0.5) ? randomBytes(random, random.below(40)) : JSON.stringify(sample(random))
  const topic = random.chance(0.8) ? deviceTopic(deviceId, 'live') : agentTopic(actor.id, 'replies')
  return mqtt.publish(topic, payload, options)
}

// A person's publish is refused on `v1/errors`, whatever is in it.
function ofPerson(random: Random, actor: Actor): Buffer {
  if (random.chance(0.7)) return random.chance(0.5) ? mqtt.PINGREQ : mqtt.puback(anyId(random))
  const options = { flags: fineFlags(random), id: anyId(random) }
  const topic = random.chance(0.7)
    ? `v1/devices/${random.pick(actor.deviceIds)}/requests/${random.pick(REQUESTS)}`
    : random.pick(['v1/errors', 'a', 'v1/devices/x/state', 'v1/agents/x/commands', 'v1/devices/x/y/z/u/v'])
  const payload = random.chance(0.5) ? bent(random, sample(random)) : Buffer.from('{}')
  return mqtt.publish(topic, payload.subarray(0, 1000), options)
}

/** What may be asked for, what is refused with 0x80, and what is no filter. */
const FILTERS = [
  ...['v1/devices/+/state', 'v1/devices/+/live', 'v1/errors', 'v1/#', '#', '+', '+/+/+/+', 'v1/devices/#', '$SYS/#'],
  ...['$share/a/v1/#', 'v1//state', '/', 'v1/devices/+/backlog', 'v1/agents/#', 'ä', ' ', '*'],
  ...['a/b/c/d/e/f/g/h/i', 'a'.repeat(256), 'a'.repeat(257), 'v1/devices/constructor/state', '__proto__'],
  'a'.repeat(5000),
]

export function someFilters(random: Random, actor: Actor, count: number): string[] {
  const own = [
    deviceTopic(random.pick(actor.deviceIds), 'state'),
    actor.kind === 'agent' ? agentTopic(actor.id, 'commands') : 'v1/devices/+/state',
  ]
  return Array.from({ length: count }, () => random.pick(random.chance(0.3) ? own : FILTERS))
}

function subscription(random: Random, actor: Actor): Buffer {
  // From nine on all are refused at once.
  const count = random.chance(0.8) ? 1 + random.below(4) : random.pick([1, 8, 9, 20, 50])
  const short = someFilters(random, actor, count).map((filter) => (count > 8 ? filter.slice(0, 60) : filter))
  return mqtt.subscribe(
    anyId(random),
    short.map((filter) => [filter, random.below(3)]),
  )
}
