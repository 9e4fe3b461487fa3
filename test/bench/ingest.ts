// How many samples a second are stored through the broker, beside the same rows by plain COPY into the same server.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPool } from '@ridethrough/db/pool.ts'
import { ensureSampleDay } from '@ridethrough/db/query/ingest.ts'
import { sql } from 'kysely'
import type { PoolClient } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { pino } from 'pino'
import { startPart } from '../support/part.ts'
import { type BenchDatabase, startBenchDatabase } from './cloud.ts'
import { cpuSecondsOf, printTable } from './figures.ts'
import type { IngestAgent, IngestJob, IngestResult } from './ingest/job.ts'
import type { Figures, Numbers } from './main.ts'
import { seedDevices, seedPersons, unguarded } from './seed.ts'

const COLUMNS = 'device_id, seq, at, received_at, status, variables, problem'
const DAY_MS = 86_400_000
const KINDS = {
  state: { perMessage: 1, window: 200 },
  backlog: { perMessage: 100, window: 4 },
} as const
type Kind = keyof typeof KINDS

type Round = {
  readonly kind: Kind
  readonly samples: number
  readonly result: IngestResult
  readonly brokerCpu: number
  readonly postgresCpu: number
  readonly copy: { readonly seconds: number; readonly postgresCpu: number }
}

export async function benchIngest(numbers: Numbers): Promise<Figures> {
  const { agents = 50, devices = 1000 } = numbers
  const database = await startBenchDatabase()
  const load = fork(join(import.meta.dirname, 'ingest/load.ts'))
  try {
    const durability = await durabilityOf(database)
    console.log(`PostgreSQL, the same for both: ${durability}`)
    const seeded = await seed(database, agents, devices)
    await makePlainTable(database)
    const env = { DATABASE_URL: database.url, HOST: '127.0.0.1', MQTT_PORT: '0', METRICS_PORT: '0' }
    const broker = await startPart(['broker'], env)
    const pool = openPool(database.url, pino({ level: 'warn' }), { max: 1 })
    const copier = await pool.connect()
    try {
      const port = Number(new URL(broker.ready.mqtt ?? '').port)
      const brokerPid = broker.process.pid ?? 0
      const scene: Scene = { database, load, copier, agents: seeded, brokerPid, port, nextSeq: 1 }
      return { durability, ...(await run(scene, devices, numbers)) }
    } finally {
      copier.release()
      await pool.end()
      await broker.stop()
    }
  } finally {
    load.kill()
    await database.stop()
  }
}

async function run(scene: Scene, devices: number, { rounds = 3, samples = 100_000 }: Numbers): Promise<Figures> {
  const all: Round[] = []
  const summary: Summary[] = []
  for (const kind of ['state', 'backlog'] as const) {
    // Unmeasured: code is compiled, pages are there, every device has its state.
    await measure(scene, kind, Math.max(samples / 4, devices * KINDS[kind].perMessage))
    const mine: Round[] = []
    for (let round = 0; round < rounds; round += 1) mine.push(await measure(scene, kind, samples))
    const perSecond = median(mine.map((one) => one.samples / one.result.seconds))
    const { latencyMs } = await ingest(scene, kind, samples / 2, perSecond / 2)
    summary.push(summarise(kind, mine, latencyMs))
    all.push(...mine)
  }
  report(summary)
  return { rounds: all, summary }
}

type Summary = ReturnType<typeof summarise>

type Scene = {
  readonly database: BenchDatabase
  readonly load: ChildProcess
  /** Open from first to last: what a process of PostgreSQL has used is only certain while it is there. */
  readonly copier: PoolClient
  readonly agents: readonly IngestAgent[]
  readonly brokerPid: number
  readonly port: number
  nextSeq: number
}

/** The same rows twice: through the broker, then as PostgreSQL gives them back, by one COPY. */
async function measure(scene: Scene, kind: Kind, samples: number): Promise<Round> {
  const { database, brokerPid } = scene
  const firstSeq = scene.nextSeq
  const before = { broker: cpuSecondsOf(brokerPid), postgres: serverSecondsOf(database.pid) }
  const result = await ingest(scene, kind, samples, Number.POSITIVE_INFINITY)
  const brokerCpu = cpuSecondsOf(brokerPid) - before.broker
  const postgresCpu = serverSecondsOf(database.pid) - before.postgres
  const rows = await readRows(scene.copier, firstSeq, scene.nextSeq)
  const stored = scene.nextSeq - firstSeq
  if (rows.count !== stored) throw new Error(`${stored} samples were acknowledged, ${rows.count} are stored`)
  const copy = await copyPlainly(scene, rows.text)
  return { kind, samples: stored, result, brokerCpu, postgresCpu, copy }
}

async function ingest(scene: Scene, kind: Kind, samples: number, perSecond: number): Promise<IngestResult> {
  const { perMessage, window } = KINDS[kind]
  const messages = Math.ceil(samples / perMessage)
  const firstSeq = scene.nextSeq
  scene.nextSeq += messages * perMessage
  const everyMs = (perMessage / perSecond) * 1000
  const { port, agents } = scene
  scene.load.send({ port, agents, kind, perMessage, messages, firstSeq, window, everyMs } satisfies IngestJob)
  const [answer] = (await once(scene.load, 'message')) as [{ result: IngestResult } | { error: string }]
  if ('error' in answer) throw new Error(answer.error)
  return answer.result
}

async function seed({ db }: BenchDatabase, agents: number, devices: number): Promise<readonly IngestAgent[]> {
  let seeded: readonly IngestAgent[] = []
  await unguarded(db, async (tx) => {
    const perAgent = Math.ceil(devices / agents)
    const owners = await seedPersons(tx, 'owner', 1)
    seeded = await seedDevices(tx, owners, 'ups', { devices: perAgent * agents, perAgent })
  })
  return seeded.map(({ agentId, token, deviceIds }) => ({ agentId, token, deviceIds }))
}

/** As `sample` is: the same columns, key and days. */
async function makePlainTable({ db }: BenchDatabase): Promise<void> {
  await sql`create table plain_sample (like sample including all) partition by range (at)`.execute(db)
  await sql`create table plain_sample_rest partition of plain_sample default`.execute(db)
  // Midnight may come while this runs.
  for (const ahead of [0, 1]) {
    const day = new Date(Date.now() + ahead * DAY_MS).toISOString().slice(0, 10)
    await ensureSampleDay(db, day)
    const next = new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10)
    await sql`create table ${sql.table(`plain_sample_${ahead}`)} partition of plain_sample for values from (${sql.lit(`${day}T00:00:00Z`)}) to (${sql.lit(`${next}T00:00:00Z`)})`.execute(
      db,
    )
  }
}

async function readRows(client: PoolClient, from: number, to: number): Promise<{ count: number; text: Buffer }> {
  // In the order in which they came, not in that of an index.
  const query = `select ${COLUMNS} from sample where seq >= ${from} and seq < ${to} order by received_at`
  const stream = client.query(copyTo(`copy (${query}) to stdout`))
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return { count: stream.rowCount, text: Buffer.concat(chunks) }
}

async function copyPlainly({ copier, database }: Scene, text: Buffer): Promise<Round['copy']> {
  const cpuFrom = serverSecondsOf(database.pid)
  const from = performance.now()
  const stream = copier.query(copyFrom(`copy plain_sample (${COLUMNS}) from stdin`))
  stream.end(text)
  await once(stream, 'finish')
  const seconds = (performance.now() - from) / 1000
  return { seconds, postgresCpu: serverSecondsOf(database.pid) - cpuFrom }
}

async function durabilityOf({ db }: BenchDatabase): Promise<string> {
  const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'wal_sync_method', 'shared_buffers']
  const values: string[] = []
  for (const name of names) {
    const { rows } = await sql<{ value: string }>`select current_setting(${name}) as value`.execute(db)
    values.push(`${name}=${rows[0]?.value}`)
  }
  return values.join(' ')
}

/** With those of its processes that have ended meanwhile. */
function serverSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return cpuSecondsOf(pid) + (Number(fields[13]) + Number(fields[14])) / 100
}

function summarise(kind: Kind, mine: readonly Round[], half: IngestResult['latencyMs']) {
  const medianOf = (read: (round: Round) => number) => median(mine.map(read))
  const perSample = (seconds: number, { samples }: Round) => (seconds / samples) * 1e6
  return {
    kind,
    storedPerSecond: Math.round(medianOf((one) => one.samples / one.result.seconds)),
    copiedPerSecond: Math.round(medianOf((one) => one.samples / one.copy.seconds)),
    ratio: medianOf((one) => one.copy.seconds / one.result.seconds),
    brokerCpuUs: medianOf((one) => perSample(one.brokerCpu, one)),
    postgresCpuUs: medianOf((one) => perSample(one.postgresCpu, one)),
    copyPostgresCpuUs: medianOf((one) => perSample(one.copy.postgresCpu, one)),
    /** Of the whole time: well below 1, or the load was the bottleneck. */
    loadBusy: medianOf((one) => one.result.cpuSeconds / one.result.seconds),
    pubackMs: { p50: medianOf((one) => one.result.latencyMs.p50), p99: medianOf((one) => one.result.latencyMs.p99) },
    pubackAtHalfMs: { p50: half.p50, p99: half.p99 },
  }
}

function report(summary: readonly Summary[]): void {
  printTable([
    ['', ...summary.map(({ kind }) => `${kind} (${KINDS[kind].perMessage} in a message)`)],
    ['stored samples/s through the broker', ...summary.map((one) => one.storedPerSecond)],
    ['the same rows by COPY, rows/s', ...summary.map((one) => one.copiedPerSecond)],
    ['share of COPY (aim 0.5)', ...summary.map((one) => one.ratio)],
    ['PUBLISH to PUBACK at full load, p50 ms', ...summary.map((one) => one.pubackMs.p50)],
    ['PUBLISH to PUBACK at full load, p99 ms', ...summary.map((one) => one.pubackMs.p99)],
    ['PUBLISH to PUBACK at half of it, p50 ms', ...summary.map((one) => one.pubackAtHalfMs.p50)],
    ['PUBLISH to PUBACK at half of it, p99 ms', ...summary.map((one) => one.pubackAtHalfMs.p99)],
    ['broker CPU per sample, µs', ...summary.map((one) => one.brokerCpuUs)],
    ['PostgreSQL CPU per sample, µs', ...summary.map((one) => one.postgresCpuUs)],
    ['PostgreSQL CPU per row of COPY, µs', ...summary.map((one) => one.copyPostgresCpuUs)],
    ['load process, share of a core', ...summary.map((one) => one.loadBusy)],
  ])
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
