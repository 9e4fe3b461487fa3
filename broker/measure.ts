// What is read off the broker's parts when somebody asks for metrics: none of it is kept count of on the way.
import { readdir } from 'node:fs/promises'
import type { Edge } from '@ridethrough/db/edge.ts'
import { findAccessLag } from '@ridethrough/db/query/access-lag.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import type { Connection } from './connection.ts'
import { HOLD } from './connection.ts'
import type { Delivery } from './deliver.ts'
import { type Metrics, PREFIX } from './metrics.ts'
import pkg from './package.json' with { type: 'json' }
import { HELD } from './reasons.ts'
import type { RetainedStates } from './retained.ts'
import type { Router } from './router.ts'
import type { Sessions } from './sessions.ts'

export type Measured = {
  readonly broker: { readonly connections: ReadonlySet<Connection> }
  readonly edge: Edge
  readonly sessions: Sessions
  readonly router: Router
  readonly delivery: Delivery
  readonly retained: RetainedStates
  readonly db: Db
}

/** A database that does not answer must not keep the metrics that say so. */
const PATIENCE_MS = 500

export function measure({ registry }: Pick<Metrics, 'registry'>, parts: Measured): void {
  const { broker, edge, sessions, router, delivery, retained } = parts
  const read = (name: string, help: string, value: () => number | Promise<number>) =>
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers: [registry],
      async collect() {
        this.set(await value())
      },
    })
  read('serving', '1 while rights are confirmed and persons are served, else 0', () => (edge.isServing() ? 1 : 0))
  read('lease_seconds', 'Time until nobody is served unless the lease is renewed', () => edge.leaseLeftMs / 1000)
  read('access_version', 'Change of access that was applied last', () => edge.appliedVersion)
  const lag = accessLag(parts)
  read('access_changes_behind', 'Changes of access in the database that are not applied here', async () => {
    return (await lag()).changes
  })
  read('access_lag_seconds', 'Age of the oldest of them; NaN while the database does not answer', async () => {
    return (await lag()).seconds
  })
  read('subscriptions_held', 'Filters of all clients', () => sum(sessions.all(), (one) => one.subscriptions.size))
  read('routes', 'Topics whose receivers are remembered', () => router.size)
  read('retained_states', 'Devices whose newest state is kept', () => retained.size)
  read('lease_held_messages', 'Messages that wait until the lease is settled', () => delivery.held.messages)
  read('lease_held_bytes', 'Bytes of messages that wait until the lease is settled', () => delivery.held.bytes)
  read('backlog_bytes', 'Bytes that receivers have not taken, of all connections', () =>
    sum(broker.connections, (one) => one.backlog),
  )
  read('backlog_most_bytes', 'Bytes that a receiver has not taken, the most of any connection', () => {
    let most = 0
    for (const { backlog } of broker.connections) most = Math.max(most, backlog)
    return most
  })
  measureHolds(registry, broker)
  measureProcess(registry)
}

function measureHolds(registry: Registry, broker: Measured['broker']): void {
  const reasons = Object.keys(HELD) as (keyof typeof HELD)[]
  new Gauge({
    name: `${PREFIX}connections_held`,
    help: 'Connections that are not read from at this moment, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      const counts = { turn: 0, unanswered: 0, rate: 0, engine: 0, store: 0 }
      for (const { holds } of broker.connections) {
        if (holds !== 0) for (const reason of reasons) if ((holds & HOLD[reason]) !== 0) counts[reason] += 1
      }
      for (const reason of reasons) this.set({ reason }, counts[reason])
    },
  })
}

/** With 10,000 connections these take 20 to 50 ms each; what they tell is told here by better names, or below. */
const TOO_SLOW = [
  'process_open_fds',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
] as const

function measureProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of TOO_SLOW) registry.removeSingleMetric(name)
  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'What runs here; always 1',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: pkg.version, node: process.versions.node }, 1)
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      // listed by another thread; there is no such folder outside Linux
      const names = await readdir('/proc/self/fd').catch(() => undefined)
      if (names) this.set(names.length)
    },
  })
}

type Lag = Awaited<ReturnType<typeof findAccessLag>>

const UNKNOWN: Lag = { changes: Number.NaN, seconds: Number.NaN }

/** Asks once for all who ask meanwhile, however long the database takes. */
function accessLag({ db, edge }: Pick<Measured, 'db' | 'edge'>): () => Promise<Lag> {
  let asked: Promise<Lag> | undefined
  return () => {
    asked ??= findAccessLag(db, edge.appliedVersion)
      .catch(() => UNKNOWN)
      .finally(() => {
        asked = undefined
      })
    return within(PATIENCE_MS, asked)
  }
}

async function within(ms: number, lag: Promise<Lag>): Promise<Lag> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Lag>((resolve) => {
    timer = setTimeout(() => resolve(UNKNOWN), ms)
  })
  const answer = await Promise.race([lag, late])
  clearTimeout(timer)
  return answer
}

function sum<T>(all: Iterable<T>, of: (one: T) => number): number {
  let result = 0
  for (const one of all) result += of(one)
  return result
}
