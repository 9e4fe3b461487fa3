// What the broker counts. What is read off its parts when somebody asks is in measure.ts.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { LIMIT_NAMES, type LimitName, type Limits, labelOf } from './limits.ts'
import { CONNECTS, CUT, DROPPED, ENROLMENTS, KINDS, PUBLISHES, REFUSED, SUBSCRIPTIONS } from './reasons.ts'
import { Tally } from './tally.ts'

export type Metrics = ReturnType<typeof createMetrics>

export const PREFIX = 'ridethrough_broker_'

const keys = <Key extends string>(table: Readonly<Record<Key, unknown>>) => Object.keys(table) as Key[]

/** A registry of its own: two brokers in one process (tests) must not count together. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = (name: string, help: string) => new Counter({ name: `${PREFIX}${name}`, help, registers })
  const gauge = (name: string, help: string) => new Gauge({ name: `${PREFIX}${name}`, help, registers })
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `${PREFIX}${name}`, help, buckets, registers })
  /** One label, with these values. */
  const tally = <L extends string, V extends string>(name: string, help: string, label: L, values: readonly V[]) =>
    new Tally({ name: `${PREFIX}${name}`, help, registers }, label, values)
  const gauges = <L extends string>(name: string, help: string, label: L, values: readonly string[]) => {
    const made = new Gauge({ name: `${PREFIX}${name}`, help, labelNames: [label], registers })
    for (const value of values) made.set({ [label]: value } as Record<L, string>, 0)
    return made
  }
  /** Counted on every message. Read when somebody asks. */
  const counts = { deliveries: 0, live: 0, bytesIn: 0, bytesOut: 0 }
  const counted = (name: string, help: string, field: keyof typeof counts) =>
    new Counter({
      name: `${PREFIX}${name}`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(counts[field])
      },
    })
  return {
    registry,
    counts,
    connections: gauges('connections', 'Clients that are signed in', 'kind', keys(KINDS)),
    connects: tally('connects_total', 'CONNECT packets by their outcome', 'outcome', keys(CONNECTS)),
    packetsRefused: tally('packets_refused_total', 'Packets that were refused, by reason', 'reason', keys(REFUSED)),
    connectionsCut: tally('connections_cut_total', 'Connections that the broker ended, by reason', 'reason', keys(CUT)),
    publishes: tally(
      'publishes_total',
      'Messages that clients published, live ones aside, by what became of them',
      'outcome',
      keys(PUBLISHES),
    ),
    subscriptions: tally('subscriptions_total', 'Filters asked for, by answer', 'answer', keys(SUBSCRIPTIONS)),
    deliveries: counted('deliveries_total', 'Messages written to clients', 'deliveries'),
    live: counted('live_total', 'Live messages that agents published', 'live'),
    bytesIn: counted('received_bytes_total', 'Bytes that clients sent', 'bytesIn'),
    bytesOut: counted('sent_bytes_total', 'Bytes that were handed to the sockets of clients', 'bytesOut'),
    deliveriesDropped: tally(
      'deliveries_dropped_total',
      'Messages not written although subscribed, by reason',
      'reason',
      keys(DROPPED),
    ),
    samplesStored: counter('samples_stored_total', 'Samples that were committed'),
    commitSeconds: histogram(
      'commit_seconds',
      'Time from a flush to its commit',
      [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    ),
    storeFailures: counter('store_failures_total', 'Statements that failed because the database did not answer'),
    enrolments: tally('enrolments_total', 'Agents seen for the first time, by outcome', 'outcome', keys(ENROLMENTS)),
    handshakes: gauge('handshakes', 'Connections about their PROXY line, TLS handshake or upgrade'),
    certificateExpiry: gauge(
      'tls_certificate_expiry_seconds',
      'End of the TLS certificate, in seconds since 1970; 0 without one',
    ),
    cuts: tally('access_cuts_total', 'What changes of access cut off', 'what', ['subscriptions', 'connections']),
    limits: gauges('limit', 'Limits as they are set', 'name', []),
    limitHits: tally(
      'limit_hits_total',
      'What was refused, dropped or made to wait by a limit',
      'name',
      LIMIT_NAMES.map(labelOf),
    ),
    unsigned: gauge('unsigned_connections', 'Connections that have not been answered by CONNACK'),
    unsignedBytes: gauge('unsigned_bytes', 'Bytes held for connections before CONNACK'),
    signIns: gauges('sign_ins', 'Sign-ins that are looked at', 'kind', keys(KINDS)),
    signInsWaiting: gauges('sign_ins_waiting', 'Sign-ins that wait for their turn', 'kind', keys(KINDS)),
    eventLoopDelay: histogram(
      'event_loop_delay_seconds',
      'How much later than wanted the event loop comes round, looked at 50 times a second',
      [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10],
    ),
  }
}

/** Something went beyond this limit. */
export function hit(metrics: Metrics, name: LimitName): void {
  metrics.limitHits.inc({ name: labelOf(name) })
}

export function showLimits(metrics: Metrics, limits: Limits): void {
  for (const name of LIMIT_NAMES) metrics.limits.set({ name: labelOf(name) }, limits[name])
}
