// MQTT topic names and filters under the root `v1`: build, parse, match. A name is published to, a filter is subscribed with.

declare const nameBrand: unique symbol
declare const filterBrand: unique symbol
/** Checked text that may be published to. */
export type TopicName = string & { readonly [nameBrand]: true }
/** Checked text that may be subscribed with: `+` for one level, a last `#` for the rest. */
export type TopicFilter = string & { readonly [filterBrand]: true }

export const ROOT = 'v1'
export const AGENT_SUFFIXES = ['status', 'inventory', 'commands', 'replies'] as const
/** `live`: what an agent shows between its samples. Handed on as it is, at QoS 0 or 1, and never stored. */
export const DEVICE_SUFFIXES = ['state', 'backlog', 'live', 'events', 'commands'] as const
export type AgentSuffix = (typeof AGENT_SUFFIXES)[number]
export type DeviceSuffix = (typeof DEVICE_SUFFIXES)[number]

const LEVEL = /^[A-Za-z0-9_.-]+$/

/** Limits from AWS IoT's quotas: enough for every topic of ours, too small to be used against the broker. */
export const MAX_TOPIC_LEVELS = 8
export const MAX_TOPIC_BYTES = 256

export type Topic =
  | { readonly kind: 'agent'; readonly agentId: string; readonly suffix: AgentSuffix }
  | { readonly kind: 'device'; readonly deviceId: string; readonly suffix: DeviceSuffix }
  | { readonly kind: 'request'; readonly deviceId: string; readonly command: string }
  | { readonly kind: 'errors' }

export const agentTopic = (agentId: string, suffix: AgentSuffix): TopicName =>
  named(`${ROOT}/agents/${agentId}/${suffix}`)
export const deviceTopic = (deviceId: string, suffix: DeviceSuffix): TopicName =>
  named(`${ROOT}/devices/${deviceId}/${suffix}`)
export const requestTopic = (deviceId: string, command: string): TopicName =>
  named(`${ROOT}/devices/${deviceId}/requests/${command}`)
export const ERRORS_TOPIC: TopicName = named(`${ROOT}/errors`)

/** What a topic name is about, or `undefined` when it is none of ours (nothing else may be published or delivered). */
export function parseTopic(name: string): Topic | undefined {
  const levels = name.split('/')
  if (levels[0] !== ROOT || !levels.every(isLevel)) return undefined
  if (levels.length === 2 && levels[1] === 'errors') return { kind: 'errors' }
  const [, group, id, suffix, command] = levels
  if (id === undefined || suffix === undefined) return undefined
  if (levels.length === 5 && group === 'devices' && suffix === 'requests' && command !== undefined) {
    return { kind: 'request', deviceId: id, command }
  }
  if (levels.length !== 4) return undefined
  if (group === 'agents' && includes(AGENT_SUFFIXES, suffix)) return { kind: 'agent', agentId: id, suffix }
  if (group === 'devices' && includes(DEVICE_SUFFIXES, suffix)) return { kind: 'device', deviceId: id, suffix }
  return undefined
}

/** The filter, or `undefined` when it is not one: wildcards misplaced, empty or too many levels, `$`, characters outside `[A-Za-z0-9_.-]`. */
export function parseFilter(text: string): TopicFilter | undefined {
  if (text.length === 0 || text.length > MAX_TOPIC_BYTES) return undefined
  const levels = text.split('/')
  if (levels.length > MAX_TOPIC_LEVELS) return undefined
  const last = levels.length - 1
  const isFine = levels.every((level, index) => level === '+' || (level === '#' && index === last) || isLevel(level))
  return isFine ? (text as TopicFilter) : undefined
}

/** Whether the name falls under the filter [MQTT-4.7.1]; `#` covers the parent level too [MQTT-4.7.1-2]. */
export function matches(filter: string, name: string): boolean {
  const wanted = filter.split('/')
  const given = name.split('/')
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true
    if (index >= given.length) return false
    if (level !== '+' && level !== given[index]) return false
  }
  return wanted.length === given.length
}

/** One level of a topic, or an id or command that is to become one. */
export function isLevel(text: string): boolean {
  return text.length <= MAX_TOPIC_BYTES && LEVEL.test(text)
}

function named(text: string): TopicName {
  if (!parseTopic(text)) throw new RangeError(`not a topic of ours: ${JSON.stringify(text)}`)
  return text as TopicName
}

function includes<T extends string>(list: readonly T[], text: string): text is T {
  return (list as readonly string[]).includes(text)
}
