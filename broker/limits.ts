// What anybody may ask of the broker: one table of all limits, with what happens beyond each, and the bucket that rates are kept with.
import { MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS } from '@ridethrough/protocol/topic.ts'

/**
 * Whose share it is. `address`: of the client, an IPv6 one by its /64. `credential`: of a session, a token or an agent's
 * identity, with all its connections.
 */
export type LimitPer = 'address' | 'credential' | 'device' | 'connection' | 'broker'

export type Limit = {
  readonly per: LimitPer
  readonly default: number
  readonly unit: string
  readonly min: number
  readonly max: number
  /** What happens beyond it, for those who operate it. */
  readonly beyond: string
}

const KIB = 1024
const MIB = 1024 * KIB
/** As good as no limit: for measurements, and for installations that have limits in front. */
const ENDLESS = 1_000_000_000

const CLOSED = 'closed without a word'
const COME_BACK = 'CONNACK 3, come back later'
const CUT = 'the connection is ended'
const READ_LATER = 'reading waits until it is made up for'

export const LIMITS = {
  connections: limit('broker', 20_000, 'connections', 1, 1_000_000, CLOSED),
  connectionsPerAddress: limit('address', 2000, 'connections', 1, 1_000_000, CLOSED),
  connectionsPerCredential: limit('credential', 100, 'connections', 1, 1_000_000, COME_BACK),
  unsignedConnections: limit('broker', 12_000, 'connections before CONNACK', 1, 1_000_000, CLOSED),
  unsignedConnectionsPerAddress: limit('address', 1000, 'connections before CONNACK', 1, 1_000_000, CLOSED),
  unsignedBytes: limit('broker', 8 * MIB, 'bytes held before CONNACK', 16 * KIB, 1024 * MIB, CLOSED),
  unsignedBytesPerAddress: limit('address', 2 * MIB, 'bytes held before CONNACK', 16 * KIB, 1024 * MIB, CLOSED),
  handshakes: limit(
    'broker',
    2000,
    'PROXY, TLS or WebSocket handshakes',
    1,
    1_000_000,
    'the oldest is closed, or the new one',
  ),
  handshakesPerAddress: limit('address', 500, 'PROXY, TLS or WebSocket handshakes', 1, 1_000_000, CLOSED),
  handshakeMs: limit('connection', 10_000, 'ms until these are done', 100, 60_000, CLOSED),
  connectMs: limit('connection', 5000, 'ms until CONNECT is whole', 100, 60_000, CLOSED),
  connectsPerSecondPerAddress: limit('address', 50, 'CONNECT/s', 1, ENDLESS, COME_BACK),
  /** An office that has its power back: all of its agents at once, then at the rate above. */
  connectBurstPerAddress: limit('address', 1000, 'CONNECT', 1, ENDLESS, COME_BACK),
  /** Counted after the credential was found right: otherwise a stranger could lock an agent out by using up its share. */
  connectsPerSecondPerClient: limit('credential', 1, 'CONNECT/s of one client id', 0.01, ENDLESS, COME_BACK),
  /** A renewed identity, a second try with the next secret, a flapping line: each of these connects anew at once. */
  connectBurstPerClient: limit('credential', 10, 'CONNECT of one client id', 1, ENDLESS, COME_BACK),
  signIns: limit('broker', 256, 'sign-ins looked at together', 1, 10_000, 'waits for its turn'),
  signInsWaiting: limit(
    'broker',
    12_000,
    'sign-ins of agents that wait for their turn, and as many of persons',
    0,
    1_000_000,
    COME_BACK,
  ),
  signInWaitMs: limit('connection', 4000, 'ms until its turn to sign in', 100, 60_000, COME_BACK),
  enrolmentsPerMinutePerAddress: limit('address', 20, 'new agents/min', 0, ENDLESS, 'CONNACK 5'),
  unclaimedAgents: limit('broker', 1000, 'agents without a claimed device', 0, ENDLESS, 'CONNACK 5 for new ones'),
  keepaliveMinS: limit('connection', 5, 's', 1, 60, 'CONNACK 5 below it'),
  keepaliveMaxS: limit('connection', 300, 's', 60, 3600, 'CONNACK 5 above it, and for 0'),
  publishesPerSecondPerCredential: limit(
    'credential',
    100,
    'PUBLISH/s of a person',
    1,
    ENDLESS,
    'dropped, named on `v1/errors`',
  ),
  bytesPerSecondPerCredential: limit('credential', 512 * KIB, 'bytes/s of a person', 1024, ENDLESS, READ_LATER),
  publishesPerSecondPerAgent: limit('credential', 5000, 'PUBLISH/s of an agent', 1, ENDLESS, READ_LATER),
  bytesPerSecondPerAgent: limit('credential', 8 * MIB, 'bytes/s of an agent', 1024, ENDLESS, READ_LATER),
  livePerSecondPerDevice: limit('device', 200, 'messages/s on `live`', 1, ENDLESS, READ_LATER),
  unansweredPublishes: limit('connection', 256, 'PUBLISH that wait for the store', 1, 65_535, READ_LATER),
  subscriptionsPerConnection: limit('connection', 50, 'filters', 1, 10_000, 'SUBACK 0x80'),
  filtersPerSubscribe: limit('connection', 8, 'filters in one packet', 1, 50, 'SUBACK 0x80 for all of them'),
  packetBytesBeforeConnack: limit('connection', 16 * KIB, 'bytes of a packet', 1024, 64 * KIB, CLOSED),
  packetBytesAfterConnack: limit('connection', 256 * KIB, 'bytes of a packet', 16 * KIB, 16 * MIB, CUT),
  payloadBytes: limit('connection', 128 * KIB, 'bytes of a payload, inventories aside', 1024, 16 * MIB, CUT),
  topicLevels: limit('connection', MAX_TOPIC_LEVELS, 'levels of a topic', 5, MAX_TOPIC_LEVELS, CUT),
  topicBytes: limit('connection', MAX_TOPIC_BYTES, 'bytes of a topic', 128, MAX_TOPIC_BYTES, CUT),
  backlogBytesQos0: limit(
    'connection',
    256 * KIB,
    'bytes not taken by a receiver',
    KIB,
    1024 * MIB,
    'QoS 0 is dropped',
  ),
  backlogBytes: limit('connection', MIB, 'bytes not taken by a receiver', 64 * KIB, 1024 * MIB, CUT),
  unacknowledgedDeliveries: limit('connection', 16_384, 'deliveries without a PUBACK', 1, 65_000, CUT),
  closesPerSecond: limit('broker', 2500, 'connections/s when it stops', 1, ENDLESS, 'closed a moment later'),
  logLinesPerReason: limit('broker', 20, 'log lines of one kind in 10 s', 1, ENDLESS, 'counted in one line'),
} as const satisfies Readonly<Record<string, Limit>>

export type LimitName = keyof typeof LIMITS
export type Limits = { readonly [Name in LimitName]: number }

export const LIMIT_NAMES = Object.keys(LIMITS) as readonly LimitName[]
const LABELS = Object.fromEntries(
  LIMIT_NAMES.map((name) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]),
) as Readonly<Record<LimitName, string>>
export const DEFAULT_LIMITS = limitsWith({})

/** The defaults, with some of them replaced. */
export function limitsWith(some: Partial<Limits>): Limits {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, some[name] ?? LIMITS[name].default])) as Limits
}

/** `connectionsPerAddress` is set by LIMIT_CONNECTIONS_PER_ADDRESS. */
export function variableOf(name: LimitName): string {
  return `LIMIT_${labelOf(name).toUpperCase()}`
}

/** As it stands in /metrics: `connections_per_address`. */
export function labelOf(name: LimitName): string {
  return LABELS[name]
}

/**
 * A rate with a burst. Takes while at least one whole unit is there, and then as much as is asked: the amount may be
 * larger than what is left, and is made up for before anything else is taken.
 */
export class Bucket {
  readonly #perMs: number
  readonly #burst: number
  #level: number
  #at: number

  /** Full at first. `now` is monotonic, in ms. */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000
    this.#burst = Math.max(1, burst)
    this.#level = this.#burst
    this.#at = now
  }

  /** 0 when taken; otherwise nothing was, and so many ms (at least 1) are to pass until something can be. */
  take(amount: number, now: number): number {
    this.#fill(now)
    // what rounding has lost must not cost another round
    if (this.#level < 1 - 1e-6) return Math.max(1, Math.ceil((1 - this.#level) / this.#perMs))
    this.#level -= amount
    return 0
  }

  /** Nothing is owed and nothing used: whoever keeps buckets may forget it. */
  isFull(now: number): boolean {
    this.#fill(now)
    return this.#level >= this.#burst
  }

  #fill(now: number): void {
    if (now <= this.#at) return
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}

function limit(per: LimitPer, byDefault: number, unit: string, min: number, max: number, beyond: string): Limit {
  return { per, default: byDefault, unit, min, max, beyond }
}
