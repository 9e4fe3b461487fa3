// What is read off the broker's parts when somebody asks for metrics: none of it is kept count of on the way.
import { readdir, stat } from 'node:fs/promises'
import type { Edge } from '@ridethrough/db/edge.ts'
import { findAccessLag } from '@ridethrough/db/query/access-lag.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import { type Connection, HOLD } from './connection.ts'
import type { Delivery } from './deliver.ts'
import { type Metrics, PREFIX } from './metrics.ts'
import pkg from './package.json' with { type: 'json' }
import { HELD } from './reasons.ts'
import type { RetainedStates } from './retained.ts'
import type { Router } from './router.ts'

export type Measured = {
  readonly broker: { readonly connections: ReadonlySet<Connection> }
  readonly edge: Edge
  readonly router: Router
  readonly delivery: Delivery
  readonly retained: RetainedStates
  readonly db: Db
}

/** A database that does not answer must not keep the metrics that say so. */
const PATIENCE_MS = 500

export function measure({ registry }: Pick<Metrics, 'registry'>, parts: Measured): void {
  const { broker, edge, router, delivery, retained } = parts
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
  read('subscriptions_held', 'Filters of all clients', () => router.subscriptions)
  read('routes', 'Topics whose receivers are remembered', () => router.size)
  read('retained_states', 'Devices whose newest state is kept', () => retained.size)
  read('lease_held_messages', 'Messages that wait until the lease is settled', () => delivery.held.messages)
  read('lease_held_bytes', 'Bytes of messages that wait until the lease is settled', () => delivery.held.bytes)
  const look = oncePerTurn(() => lookAt(broker.connections))
  read('backlog_bytes', 'Bytes that receivers have not taken, of all connections', () => look().backlog)
  read('backlog_most_bytes', 'Bytes that a receiver has not taken, the most of any connection', () => look().most)
  new Gauge({
    name: `${PREFIX}connections_held`,
    help: 'Connections that are not read from at this moment, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      for (const [reason, count] of Object.entries(look().held)) this.set({ reason }, count)
    },
  })
  measureProcess(registry)
}

type Hold = keyof typeof HOLD
type Look = { backlog: number; most: number; readonly held: Record<Hold, number> }

const HOLDS = Object.keys(HELD) as readonly Hold[]
const NONE_HELD: Readonly<Record<Hold, number>> = { turn: 0, unanswered: 0, rate: 0, engine: 0, store: 0, stopping: 0 }

function lookAt(connections: Iterable<Connection>): Look {
  const look: Look = { backlog: 0, most: 0, held: { ...NONE_HELD } }
  for (const { backlog, holds } of connections) {
    look.backlog += backlog
    if (backlog > look.most) look.most = backlog
    if (holds !== 0) for (const hold of HOLDS) if ((holds & HOLD[hold]) !== 0) look.held[hold] += 1
  }
  return look
}

/** Ten thousand connections are walked over once, for all who ask in the same turn. */
function oncePerTurn<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined
  return () => {
    if (!known) {
      known = { value: read() }
      setImmediate(() => {
        known = undefined
      })
    }
    return known.value
  }
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
      const open = await countOpenFiles()
      if (open !== undefined) this.set(open)
    },
  })
}

/** Linux says it as the folder's size since 6.2; before that the names have to be listed, which another thread does. */
async function countOpenFiles(): Promise<number | undefined> {
  try {
    const { size } = await stat('/proc/self/fd')
    return size > 0 ? size : (await readdir('/proc/self/fd')).length
  } catch {
    // another system: there is no such folder
    return undefined
  }
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
