// Two groups under way at once leave behind, and answer, what one after the other would.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '@ridethrough/db/clock.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { storeSamples } from '@ridethrough/db/query/ingest.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '../test/support/world.ts'
import { Ingest, type IngestFailure, type IngestOptions } from './ingest.ts'
import { createMetrics } from './metrics.ts'

const NAME = 'overlap'
const log = pino({ level: 'silent' })
let database: TestDatabase
/** What the queue stores with, so that its connections can be told from others. */
let db: Db
let owner: Person
let agent: TestAgent

beforeAll(async () => {
  database = await testDatabase()
  const url = new URL(database.url)
  url.searchParams.set('application_name', NAME)
  db = openDb(url.href, log)
  owner = await makePerson(database.db, 'Ann')
  agent = await makeAgent(database.db)
  // Commits take a while, so that others come meanwhile; and the database has something against every thirteenth sample.
  await sql`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.003); return null; end $$`.execute(
    database.db,
  )
  await sql`create trigger dawdle after update on device_state for each statement execute function dawdle()`.execute(
    database.db,
  )
  await sql`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused' using errcode = '22000'; end $$`.execute(
    database.db,
  )
  await sql`
    create trigger refuse before insert on sample for each row when (new.seq % 13 = 0) execute function refuse()`.execute(
    database.db,
  )
})

afterAll(async () => {
  await db?.destroy()
  await database?.stop()
})

const FIRST = Date.UTC(2026, 4, 1, 11)
const sampleOf = (seq: number): Sample =>
  seq % 5 < 3
    ? { kind: 'values', seq, at: FIRST + seq, status: 'OL', variables: { 'battery.charge': seq } }
    : { kind: 'problem', seq, at: FIRST + seq, problem: seq % 10 < 5 ? 'no-answer' : 'nonsense', detail: `${seq}` }

const KNOWN = 2
const DEVICES = 3

/** Registered, all but the last of them known to the store as devices that repeat nothing. */
async function newWorld(onStored: IngestOptions['onStored'] = () => {}) {
  const ids: string[] = []
  for (let count = 0; count < DEVICES; count++) ids.push(await makeDevice(database.db, owner, agent, 'Rack'))
  const groups = { flushAt: 1, most: 4 }
  const ingest = new Ingest({
    ...{ db, clock: systemClock, log, metrics: createMetrics(), patienceMs: 30_000 },
    ...{ onStored, groups },
  })
  const add = (device: number, seqs: readonly number[]) =>
    new Promise<IngestFailure | undefined>((resolve) => {
      ingest.add({ deviceId: ids[device] ?? '', samples: seqs.map(sampleOf), payload: undefined }, resolve)
    })
  for (const seq of [1, 2]) for (let device = 0; device < KNOWN; device++) await add(device, [seq])
  return { ids, ingest, add }
}

async function contents(deviceIds: readonly string[]) {
  const nameOf = (id: string) => deviceIds.indexOf(id)
  const read = database.db
  const samples = await read
    .selectFrom('sample')
    .select(['device_id', 'seq', 'at', 'status', 'variables', 'problem'])
    .where('device_id', 'in', deviceIds)
    .execute()
  const states = await read.selectFrom('device_state').selectAll().where('device_id', 'in', deviceIds).execute()
  return {
    samples: samples
      .map((row) => ({ ...row, device_id: nameOf(row.device_id) }))
      .sort((a, b) => a.device_id - b.device_id || a.seq - b.seq),
    states: states
      .map((row) => ({ ...row, device_id: nameOf(row.device_id), received_at: undefined }))
      .sort((a, b) => a.device_id - b.device_id),
  }
}

/** One publish: the next samples of a device, one that it has sent before, or nothing for a turn of the event loop. */
const arbSteps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ device: fc.nat(DEVICES - 1), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ device: fc.nat(DEVICES - 1), repeat: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
  ),
  { minLength: 4, maxLength: 30 },
)

test('random groups that overlap, with repeats, refusals and lost connections, are stored and answered like one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(arbSteps, fc.nat(100), async (steps, lostAt) => {
      const told: { readonly device: number; readonly seq: number }[] = []
      const { ids, ingest, add } = await newWorld((_, advances) => {
        for (const { deviceId, seq } of advances) told.push({ device: ids.indexOf(deviceId), seq })
      })
      const plain: string[] = []
      for (let count = 0; count < DEVICES; count++) plain.push(await makeDevice(database.db, owner, agent, 'Rack'))
      for (const id of plain.slice(0, KNOWN))
        await storeSamples(database.db, [1, 2].map((seq) => ({ deviceId: id, sample: sampleOf(seq) })), new Date()) // biome-ignore format: one line
      const last: number[] = ids.map((_, device) => (device < KNOWN ? 2 : 0))
      const order: number[] = []
      const published: { readonly device: number; readonly seqs: readonly number[] }[] = []
      const answers: Promise<IngestFailure | undefined>[] = []
      for (const [index, step] of steps.entries()) {
        if (index === lostAt) await loseConnections()
        if (step === 'turn') {
          await nextTurn()
          continue
        }
        const from = last[step.device] ?? 0
        const seqs =
          'repeat' in step
            ? [Math.max(1, from - step.repeat)]
            : Array.from({ length: step.count }, (_, position) => from + 1 + position)
        last[step.device] = Math.max(from, ...seqs)
        const number = published.push({ device: step.device, seqs })
        answers.push(
          add(step.device, seqs).then((failure) => {
            order.push(number)
            return failure
          }),
        )
      }
      const outcomes = await Promise.all(answers)
      await ingest.stop()
      expect(order).toEqual(published.map((_, index) => index + 1))
      const expected: (IngestFailure | undefined)[] = []
      for (const { device, seqs } of published) {
        const samples = seqs.map((seq) => ({ deviceId: plain[device] ?? '', sample: sampleOf(seq) }))
        expected.push(
          await storeSamples(database.db, samples, new Date()).then(
            () => undefined,
            () => 'sample-refused' as const,
          ),
        )
      }
      expect(outcomes).toEqual(expected)
      expect(await contents(ids)).toEqual(await contents(plain))
      for (let device = 0; device < DEVICES; device++) {
        const seqs = told.filter((one) => one.device === device).map(({ seq }) => seq)
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)

async function loseConnections(): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${NAME}`.execute(
    database.db,
  )
}

/** Of the queue's connections: what each of them does, or did last. */
async function activities(): Promise<readonly string[]> {
  const { rows } = await sql<{ what: string }>`
    select state || ' ' || substring(query from '[a-z]+') as what from pg_stat_activity where application_name = ${NAME} and state <> 'idle'`.execute(
    database.db,
  )
  return rows.map(({ what }) => what).sort()
}

test('the rows of a group are sent while the one before it waits, and neither is answered before its turn', async () => {
  const { ids, ingest, add } = await newWorld()
  const held = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const holding = database.db.transaction().execute(async (tx) => {
    await tx.selectFrom('device_state').select('seq').where('device_id', '=', ids[0] ?? '').forUpdate().execute() // biome-ignore format: one line
    held.resolve()
    await free.promise
  })
  await held.promise
  const order: string[] = []
  try {
    const first = add(0, [3]).then(() => order.push('first'))
    await expect.poll(activities).toEqual(['active with'])
    // of another device, so that nothing but the queue's order makes it wait
    const second = add(1, [3]).then(() => order.push('second'))
    await expect.poll(activities).toEqual(['active with', 'idle in transaction begin'])
    expect(order).toEqual([])
    free.resolve()
    await Promise.all([first, second])
  } finally {
    free.resolve()
    await holding
  }
  expect(order).toEqual(['first', 'second'])
  await ingest.stop()
})
