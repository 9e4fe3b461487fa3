// All agents at once: the broker is killed under them and started again. How long until each has a new sample acknowledged,
// and is everything there that ever was?
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { Db } from '@ridethrough/db/schema.ts'
import { sql } from 'kysely'
import { type Part, startPart } from '../support/part.ts'
import { type BenchDatabase, startBenchDatabase } from './cloud.ts'
import { cpuSecondsOf, printTable, spreadOf } from './figures.ts'
import { Fleet, type FleetAgent } from './fleet.ts'
import type { Figures, Numbers } from './main.ts'
import { memoryOf, startProbe } from './probe.ts'
import { seedDevices, seedPersons, unguarded } from './seed.ts'

/** Offices of a hundred agents. */
const AGENTS_PER_ADDRESS = 100
const AGENTS_PER_OWNER = 100
/** As the agent's configuration has it. */
const RECONNECT = { minMs: 1000, maxMs: 300_000 }
const PATIENCE_MS = 180_000
/** Time to settle before it is killed. */
const CALM_MS = 3000

export async function benchStorm(options: Numbers): Promise<Figures> {
  const count = options.agents ?? 10_000
  const intervalMs = (options.interval ?? 20) * 1000
  const database = await startBenchDatabase()
  try {
    const agents = await seedAgents(database.db, count)
    const port = await freePort()
    const start = () =>
      startPart(['broker'], {
        ...{ DATABASE_URL: database.url, HOST: '127.0.0.1', MQTT_PORT: `${port}`, METRICS_PORT: '0' },
      })
    const addresses = Math.ceil(count / AGENTS_PER_ADDRESS)
    const fleet = new Fleet({ port, agents, intervalMs, addresses, reconnect: RECONNECT })
    console.log(`${count} agents from ${addresses} addresses, each with a sample every ${intervalMs / 1000} s`)
    const first = await start()
    fleet.start(10_000)
    await whenBack(fleet, new Map(), performance.now())
    const before = memoryOf(first.process.pid ?? 0).rss
    await pause(CALM_MS)
    const afterKill = await round('killed (kill -9), started again', fleet, first, start, (part) => part.kill())
    await pause(CALM_MS)
    const afterStop = await round('stopped (SIGTERM), started again', fleet, afterKill.part, start, (part) =>
      part.stop(),
    )
    fleet.stop()
    const stored = await checkStored(database, fleet)
    await afterStop.part.stop()
    printTable([
      ['', afterKill.figures.name, afterStop.figures.name],
      ...Object.keys(afterKill.figures)
        .filter((key) => key !== 'name')
        .map((key) => [key, say(afterKill.figures, key), say(afterStop.figures, key)]),
    ])
    console.log(
      `acknowledged ${stored.acknowledged}, of these missing in PostgreSQL: ${stored.missing}, there twice: ${stored.twice}; memory while all were idle before: ${mib(before)} MiB`,
    )
    return {
      agents: count,
      intervalMs,
      rounds: [afterKill.figures, afterStop.figures],
      ...stored,
      memoryBefore: before,
    }
  } finally {
    await database.stop()
  }
}

type Round = Awaited<ReturnType<typeof round>>['figures']

async function round(
  name: string,
  fleet: Fleet,
  old: Part,
  start: () => Promise<Part>,
  end: (part: Part) => Promise<void>,
) {
  const acknowledged = new Map(fleet.members.map((member) => [member, member.acknowledged]))
  fleet.takeTally()
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const endedAt = performance.now()
  await end(old)
  const goneMs = performance.now() - endedAt
  const part = await start()
  const readyAt = performance.now()
  const pid = part.process.pid ?? 0
  const probe = startProbe(part.ready.metrics ?? '')
  const cpuBefore = cpuSecondsOf(pid)
  const { connectedMs, storedMs } = await whenBack(fleet, acknowledged, readyAt)
  const cpuSeconds = cpuSecondsOf(pid) - cpuBefore
  const { healthMs, failed } = await probe.stop()
  delay.disable()
  const tally = fleet.takeTally()
  const memory = memoryOf(pid)
  const figures = {
    name,
    'gone after (s)': goneMs / 1000,
    'lets in after (s)': (readyAt - endedAt) / 1000,
    'all signed in, from the end of the old one (s)': (readyAt - endedAt + connectedMs) / 1000,
    'all acknowledged anew, from the end of the old one (s)': (readyAt - endedAt + storedMs) / 1000,
    'all acknowledged anew, from the start of the new one (s)': storedMs / 1000,
    'CONNECT to CONNACK (ms)': spreadOf(tally.connectMs),
    '  from when the connection stood (ms)': spreadOf(tally.answerMs),
    'refused by CONNACK': tally.refused.length,
    'nobody there': tally.absent,
    'no answer in 10 s': tally.unanswered,
    'closed before CONNACK': tally.failed,
    "broker's health check (ms)": healthMs,
    'checks without an answer': failed,
    "broker's processor time (s)": cpuSeconds,
    "broker's memory (MiB)": mib(memory.rss),
    "broker's memory at most (MiB)": mib(memory.peak),
    "generator's own delay, p99 (ms)": delay.percentile(99) / 1e6,
  }
  return { part, figures }
}

/** From `since` on the clock of performance.now(), until all are signed in, and until each has had one more acknowledged. */
async function whenBack(fleet: Fleet, before: ReadonlyMap<Fleet['members'][number], number>, since: number) {
  let connectedMs: number | undefined
  for (;;) {
    await pause(20)
    const passed = performance.now() - since
    if (connectedMs === undefined && fleet.connected === fleet.members.length) connectedMs = passed
    const left = fleet.members.filter((member) => member.acknowledged <= (before.get(member) ?? 0)).length
    if (left === 0) return { connectedMs: connectedMs ?? passed, storedMs: passed }
    if (passed > PATIENCE_MS) throw new Error(`${left} agents are not back after ${PATIENCE_MS / 1000} s`)
  }
}

/** Each sample that was acknowledged must be there. */
async function checkStored({ db }: BenchDatabase, fleet: Fleet) {
  const acknowledged = fleet.members.map((member) => ({ id: member.agent.deviceId, upto: member.acknowledged }))
  const { rows } = await sql<{ stored: number; rows: number }>`
    select count(distinct (s.device_id, s.seq)) as stored, count(*) as rows from json_to_recordset(${JSON.stringify(acknowledged)}::json) as a(id uuid, upto bigint)
    join sample s on s.device_id = a.id and s.seq between 1 and a.upto`.execute(db)
  const sum = acknowledged.reduce((all, { upto }) => all + upto, 0)
  const { stored = 0, rows: all = 0 } = rows[0] ?? {}
  return { acknowledged: sum, missing: sum - stored, twice: all - stored }
}

/** Registered devices, one behind each agent. */
export async function seedAgents(db: Db, count: number): Promise<FleetAgent[]> {
  const agents: FleetAgent[] = []
  await unguarded(db, async (tx) => {
    const owners = await seedPersons(tx, 'storm', Math.ceil(count / AGENTS_PER_OWNER))
    const seeded = await seedDevices(tx, owners, 'storm', { devices: AGENTS_PER_OWNER, perAgent: 1 })
    for (const { agentId, token, deviceIds } of seeded.slice(0, count)) {
      agents.push({ agentId, token, deviceId: deviceIds[0] ?? '' })
    }
  })
  await sql`analyze`.execute(db)
  return agents
}

function say(figures: Round, key: string): string {
  const value = figures[key as keyof Round]
  if (typeof value === 'string') return value
  if (typeof value === 'number') return value.toFixed(Number.isInteger(value) ? 0 : 2)
  return `${value.p50.toFixed(0)} / ${value.p99.toFixed(0)} / ${value.max.toFixed(0)} (p50/p99/max)`
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}

/** A broker that is killed and comes back must be found where it was. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
