// May this client publish here, may it subscribe to that? The topic table of the design, as decisions in memory.
import { findCommand } from '@ridethrough/protocol/command.ts'
import type { FaultCode } from '@ridethrough/protocol/fault.ts'
import { holdsOn, mayOn } from '@ridethrough/protocol/rights.ts'
import { agentTopic, parseFilter, type Topic } from '@ridethrough/protocol/topic.ts'
import type { Limits } from './limits.ts'
import type { Session } from './sessions.ts'

/** What a client may write: `forget` what was rightful until a moment ago, `refuse` a person, `foreign` ends an agent's connection. */
export type PublishDecision =
  | { readonly do: 'status' | 'inventory' | 'replies' }
  | { readonly do: 'state' | 'backlog' | 'live'; readonly deviceId: string }
  | { readonly do: 'forget' }
  | { readonly do: 'refuse'; readonly code: PersonRefusal; readonly message: string }
  | { readonly do: 'foreign'; readonly reason: ForeignReason }

export type PersonRefusal = Extract<FaultCode, 'not-found' | 'right-missing' | 'method-unknown' | 'too-many-tries'>

export type ForeignReason =
  | 'topic-unknown'
  | 'topic-of-another-agent'
  | 'topic-of-the-cloud'
  | 'topic-of-persons'
  | 'retain-refused'
  | 'device-not-registered'

/** `parsed`: what the topic is about; `undefined` when it is none of ours. */
export type Published = { readonly topic: string; readonly parsed: Topic | undefined; readonly retain: boolean }

export function decidePublish(session: Session, packet: Published, now: number): PublishDecision {
  const topic = packet.parsed
  if (session.principal.kind === 'agent') return decideAgent(session, topic, packet.retain)
  return decidePerson(session, topic, packet.retain, now)
}

function decideAgent(session: Session, topic: Topic | undefined, retain: boolean): PublishDecision {
  const foreign = (reason: ForeignReason): PublishDecision => ({ do: 'foreign', reason })
  if (!topic) return foreign('topic-unknown')
  if (topic.kind === 'agent') {
    if (topic.agentId !== session.principal.id) return foreign('topic-of-another-agent')
    if (topic.suffix === 'commands') return foreign('topic-of-the-cloud')
    return retain && topic.suffix !== 'status' ? foreign('retain-refused') : { do: topic.suffix }
  }
  if (topic.kind !== 'device') return foreign('topic-of-persons')
  if (topic.suffix === 'events' || topic.suffix === 'commands') return foreign('topic-of-the-cloud')
  if (retain && topic.suffix !== 'state') return foreign('retain-refused')
  const { deviceId } = topic
  if (session.principal.devices.has(deviceId)) return { do: topic.suffix, deviceId }
  return session.formerDevices.has(deviceId) ? { do: 'forget' } : foreign('device-not-registered')
}

function decidePerson(session: Session, topic: Topic | undefined, retain: boolean, now: number): PublishDecision {
  const refuse = (code: PersonRefusal, message: string): PublishDecision => ({ do: 'refuse', code, message })
  if (topic?.kind !== 'request') return refuse('right-missing', 'Only requests of a device may be published to.')
  if (retain) return refuse('right-missing', 'A request is never retained.')
  const { rights } = session.principal
  // To somebody who may not see it, "not yours" and "not there" are the same.
  if (!mayOn(rights, 'monitor', topic.deviceId, now)) return refuse('not-found', 'There is no such device.')
  const command = findCommand(topic.command)
  if (!command) return refuse('not-found', 'There is no such command.')
  if (!mayOn(rights, command.privilege, topic.deviceId, now)) {
    return refuse('right-missing', `This needs the privilege "${command.privilege}" on the device.`)
  }
  return refuse('method-unknown', 'Commands are not taken here yet.')
}

export type SubscribeRefusal = 'filter-malformed' | 'too-many-subscriptions' | 'foreign-topic' | 'device-not-visible'

/**
 * `undefined`: granted. A wildcard is granted where it can match anything readable, a single device also outside its weekly
 * window and before its period: each delivery is checked anyway, and who connects at night is served in the morning.
 */
export function refuseSubscribe(
  session: Session,
  filter: string,
  now: number,
  limits: Limits,
): SubscribeRefusal | undefined {
  if (parseFilter(filter) === undefined) return 'filter-malformed'
  if (!session.subscriptions.has(filter) && session.subscriptions.size >= limits.subscriptionsPerConnection) {
    return 'too-many-subscriptions'
  }
  const { principal } = session
  if (principal.kind === 'agent') return filter === agentTopic(principal.id, 'commands') ? undefined : 'foreign-topic'
  if (!READABLE.some((pattern) => mayMeet(filter.split('/'), pattern))) return 'foreign-topic'
  const deviceId = exactDeviceOf(filter)
  return deviceId === undefined || holdsOn(principal.rights, 'monitor', deviceId, now)
    ? undefined
    : 'device-not-visible'
}

/** The one device that a filter of a person is about, or `undefined` when it is about several or none. */
export function exactDeviceOf(filter: string): string | undefined {
  const id = filter.split('/')[2]
  return id === undefined || id === '+' || id === '#' ? undefined : id
}

/** Topics that persons may read; `null` stands for any one level. */
const READABLE: readonly (readonly (string | null)[])[] = [
  ['v1', 'devices', null, 'state'],
  ['v1', 'devices', null, 'live'],
  ['v1', 'devices', null, 'events'],
  ['v1', 'devices', null, 'commands'],
  ['v1', 'errors'],
]

function mayMeet(filter: readonly string[], pattern: readonly (string | null)[]): boolean {
  for (const [index, level] of filter.entries()) {
    if (level === '#') return index <= pattern.length
    const wanted = pattern[index]
    if (wanted === undefined) return false
    if (level !== '+' && wanted !== null && level !== wanted) return false
  }
  return filter.length === pattern.length
}
