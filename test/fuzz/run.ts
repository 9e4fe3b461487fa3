// Many connections at once against a real broker, until enough packets are sent; then what was seen is held against what must hold.
import { openDb } from '@ridethrough/db/pool.ts'
import { FAULTS } from '@ridethrough/protocol/fault.ts'
import { pino } from 'pino'
import { type Spread, spreadOf } from '../bench/figures.ts'
import { type Outcome, play } from './player.ts'
import { scriptOf } from './script.ts'
import { byLabel, startWatchedBroker, startWatcher, type WatchedBroker } from './watched.ts'
import { type FuzzWorld, makeFuzzWorld } from './world.ts'

export type FuzzOptions = {
  /** Of a migrated, empty database. */
  readonly databaseUrl: string
  readonly seed: number
  /** Ends with what comes first. */
  readonly packets: number
  readonly seconds: number
  /** Only this connection of the seed, once: to see a failure again. */
  readonly only?: number | undefined
  /** Above it, /healthz was too slow. */
  readonly healthMs: number
  readonly onProgress?: (line: string) => void
  /** On a machine that others use too, the broker's lease may run out: then people are cut off, as they should be. */
  readonly mayLapse?: boolean
  /** The other processes are there. */
  readonly onStarted?: () => void
}

export type FuzzReport = {
  readonly seed: number
  readonly seconds: number
  /** Read by the broker: answered, or up to the one that it ended the connection for. */
  readonly packets: number
  /** Of them, those with a fault in them. */
  readonly faults: number
  readonly connections: number
  readonly opened: Readonly<Record<Outcome['opened'], number>>
  readonly endedByBroker: number
  readonly received: number
  readonly refused: ReadonlyMap<string, number>
  readonly cut: ReadonlyMap<string, number>
  readonly connects: ReadonlyMap<string, number>
  readonly limits: ReadonlyMap<string, number>
  readonly health: Spread
  readonly canary: {
    readonly published: number
    readonly delivered: number
    readonly stored: Spread
    readonly live: Spread
  }
  readonly memoryMb: { readonly before: number; readonly early: number; readonly late: number; readonly peak: number }
  readonly logLines: number
  /** Empty when all is well. */
  readonly violations: readonly string[]
}

const AT_ONCE = 64
/** Of this machine: the loopback network is ours from end to end. */
const ADDRESSES = 240
/** How much larger the process may be late in the run than early in it, when its caches are filled. */
const GROWTH_MB = 96
/** A shorter run ends before its caches are filled: there only the peak counts. */
const LONG_S = 180
const PEAK_MB = 768
const MOST_VIOLATIONS = 20

export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const db = openDb(options.databaseUrl, pino({ level: 'warn' }))
  const world = await makeFuzzWorld(db).finally(() => db.destroy())
  const secrets = [...world.agents, ...world.persons, world.canary.agent, world.canary.viewer].map(({ token }) => token)
  const broker = await startWatchedBroker(options.databaseUrl, secrets)
  try {
    return await fuzz(options, world, broker)
  } finally {
    await broker.part.stop()
  }
}

async function fuzz(options: FuzzOptions, world: FuzzWorld, broker: WatchedBroker): Promise<FuzzReport> {
  const { seed, only } = options
  const began = performance.now()
  const before = broker.residentMb()
  const watcher = startWatcher(broker, world)
  options.onStarted?.()
  const state = newState()
  void broker.died.then((how) => {
    if (!state.isDone) state.violations.push(`${how}; on the way were connections ${[...state.onTheWay].join(', ')}`)
    state.isDead = !state.isDone
  })
  const memory: number[] = []
  const looking = setInterval(() => {
    if (state.isDead) return
    memory.push(broker.residentMb())
    options.onProgress?.(lineOf(state, began, memory.at(-1) ?? 0))
  }, 1000)
  const isEnough = () =>
    state.packets >= options.packets ||
    performance.now() - began >= options.seconds * 1000 ||
    state.isDead ||
    state.violations.length >= MOST_VIOLATIONS
  if (only !== undefined) await one(only, state, { seed, world, broker })
  else {
    const slots = Array.from({ length: AT_ONCE }, async () => {
      while (!isEnough()) await one(state.next++, state, { seed, world, broker })
    })
    await Promise.all(slots)
  }
  clearInterval(looking)
  const seconds = (performance.now() - began) / 1000
  return conclude(options, state, { broker, watcher, before, memory, seconds })
}

function newState() {
  return {
    next: 0,
    packets: 0,
    faults: 0,
    connections: 0,
    received: 0,
    endedByBroker: 0,
    opened: { in: 0, refused: 0, closed: 0 },
    onTheWay: new Set<number>(),
    violations: [] as string[],
    isDone: false,
    isDead: false,
  }
}

type State = ReturnType<typeof newState>
type Surroundings = { readonly seed: number; readonly world: FuzzWorld; readonly broker: WatchedBroker }

async function one(connection: number, state: State, { seed, world, broker }: Surroundings): Promise<void> {
  const script = scriptOf(seed, connection, world)
  state.onTheWay.add(connection)
  const outcome = await play(script, {
    port: broker.mqttPort,
    localAddress: `127.1.${Math.floor(connection / 16) % 4}.${1 + (connection % ADDRESSES)}`,
    isOwnTopic: (topic) => isOwn(topic, script.actor.deviceIds, script.actor.kind === 'agent' ? script.actor.id : ''),
  })
  state.onTheWay.delete(connection)
  state.connections += 1
  state.packets += outcome.packets
  state.faults += outcome.faults
  state.received += outcome.received
  state.opened[outcome.opened] += 1
  if (outcome.isEndedByBroker) state.endedByBroker += 1
  const { violation } = outcome
  if (!violation || state.isDead) return
  const bytes = violation.bytes.subarray(0, 200).toString('hex')
  state.violations.push(`connection ${connection}: ${violation.what}, at “${violation.round}”: ${bytes}`)
}

function isOwn(topic: string, deviceIds: readonly string[], agentId: string): boolean {
  const [, group, id = ''] = topic.split('/')
  return (
    topic === 'v1/errors' || (group === 'devices' && deviceIds.includes(id)) || (group === 'agents' && id === agentId)
  )
}

type Seen = {
  readonly broker: WatchedBroker
  readonly watcher: ReturnType<typeof startWatcher>
  readonly before: number
  readonly memory: readonly number[]
  readonly seconds: number
}

async function conclude(options: FuzzOptions, state: State, seen: Seen): Promise<FuzzReport> {
  const { broker } = seen
  const violations = [...state.violations]
  const watched = await seen.watcher.stop().catch((error: unknown) => {
    violations.push(error instanceof Error ? error.message : String(error))
    return undefined
  })
  state.isDone = true
  const counters = state.isDead ? new Map<string, number>() : await broker.counters()
  const health = spreadOf(watched?.health ?? [])
  const memoryMb = memoryOf(seen.before, seen.memory)
  const refused = byLabel(counters, 'packets_refused_total')
  const cut = byLabel(counters, 'connections_cut_total')
  const connects = byLabel(counters, 'connects_total')
  if (health.max > options.healthMs) violations.push(`/healthz took ${health.max.toFixed(0)} ms`)
  if (watched && watched.unhealthy > 0) violations.push(`/healthz did not answer ${watched.unhealthy} times`)
  for (const wrong of watched?.wrong.slice(0, 5) ?? []) violations.push(`the canary: ${wrong}`)
  const growth = memoryMb.late - memoryMb.early
  if (seen.seconds >= LONG_S && growth > GROWTH_MB)
    violations.push(`${growth.toFixed(0)} MB more memory late than early`)
  if (memoryMb.peak > PEAK_MB) violations.push(`${memoryMb.peak.toFixed(0)} MB of memory`)
  const counted = endingsIn({ refused, cut, connects })
  if (!state.isDead && counted < state.endedByBroker) {
    violations.push(`${state.endedByBroker} connections were ended by the broker, ${counted} were counted`)
  }
  for (const line of broker.log.errors.slice(0, 5)) violations.push(`the log: ${line}`)
  for (const line of broker.log.leaks.slice(0, 5)) violations.push(`a token in the log: ${line}`)
  const lapsed = options.mayLapse === true && cut.has('lease-lost')
  return {
    seed: options.seed,
    seconds: seen.seconds,
    packets: state.packets,
    faults: state.faults,
    connections: state.connections,
    opened: state.opened,
    endedByBroker: state.endedByBroker,
    received: state.received,
    refused,
    cut,
    connects,
    limits: byLabel(counters, 'limit_hits_total'),
    health,
    canary: {
      published: watched?.published ?? 0,
      delivered: watched?.delivered ?? 0,
      stored: spreadOf(watched?.stored ?? []),
      live: spreadOf(watched?.live ?? []),
    },
    memoryMb,
    logLines: broker.log.lines(),
    violations: lapsed ? violations.filter((one) => !CUT_OFF.test(one)) : violations,
  }
}

/** Early: the second fifth of the run; late: the last one; the median of each. */
function memoryOf(before: number, samples: readonly number[]): FuzzReport['memoryMb'] {
  const fifth = (index: number) =>
    spreadOf(samples.slice(Math.floor((samples.length * index) / 5), Math.ceil((samples.length * (index + 1)) / 5))).p50
  return { before, early: fifth(1), late: fifth(4), peak: Math.max(before, ...samples) }
}

function lineOf(state: State, began: number, residentMb: number): string {
  const seconds = (performance.now() - began) / 1000
  return `${seconds.toFixed(0)} s: ${state.packets} packets, ${state.connections} connections, ${Math.round(state.packets / seconds)}/s, ${residentMb.toFixed(0)} MB`
}

/** What people see when the lease has run out. */
const CUT_OFF = /: closed although all was fine|: a good CONNECT got the end|^the canary: (a connection|\d+ unack)/

type Counted = Pick<FuzzReport, 'refused' | 'cut' | 'connects'>

/** Counted as refused, and nobody's end. */
const ANSWERED = ['too-many-filters', 'puback-unexpected']

/** How many connections the broker says to have ended: refusals that are only answered are left out. */
function endingsIn({ refused, cut, connects }: Counted): number {
  const isEnding = (reason: string) => !Object.hasOwn(FAULTS, reason) && !ANSWERED.includes(reason)
  const packets = [...refused].filter(([reason]) => isEnding(reason))
  // a CONNECT that is refused as a packet stands in both
  const signIns = [...connects]
    .filter(([outcome]) => outcome !== 'signed-in')
    .map(([outcome, count]) => Math.max(0, count - (refused.get(outcome) ?? 0)))
  return sum(new Map(packets)) + sum(cut) + signIns.reduce((total, one) => total + one, 0)
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0)
}
