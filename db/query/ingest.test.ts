import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { changeAccess, makeAgent, makeDevice, makePerson } from '../../test/support/world.ts'
import { Listener } from '../listen.ts'
import { devicesChangedSince, ensureSampleDay, findNewestSamples, listNewestSamples, storeSamples } from './ingest.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.stop())

const RECEIVED = new Date('2026-05-01T12:00:00Z')
const at = (minute: number) => Date.UTC(2026, 4, 1, 11, minute)

const values = (seq: number, charge = 100, text = 'x'): Sample => ({
  kind: 'values',
  seq,
  at: at(seq),
  status: 'OL',
  variables: { 'battery.charge': charge, 'ups.id': text },
})
const problem = (seq: number, what: 'no-answer' | 'nonsense' = 'no-answer'): Sample => ({
  kind: 'problem',
  seq,
  at: at(seq),
  problem: what,
  detail: `${what} ${seq}`,
})

async function newDevice() {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const deviceId = await makeDevice(db, ann, agent, 'Rack')
  const store = (...samples: Sample[]) =>
    storeSamples(
      db,
      samples.map((sample) => ({ deviceId, sample })),
      RECEIVED,
    )
  const state = () => db.selectFrom('device_state').selectAll().where('device_id', '=', deviceId).executeTakeFirst()
  return { db, ann, agent, deviceId, store, state }
}

test('samples are stored once, in their order, and the state is that of the newest', async () => {
  const { db, deviceId, store, state } = await newDevice()
  expect(await store(values(1, 90), values(2, 91))).toEqual([{ deviceId, seq: 2, isFirst: true }])
  expect(await store(values(2, 91), values(3, 92), values(3, 92))).toEqual([{ deviceId, seq: 3, isFirst: false }])
  const rows = await db.selectFrom('sample').select('seq').where('device_id', '=', deviceId).orderBy('seq').execute()
  expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3])
  expect(await state()).toMatchObject({
    seq: 3,
    at: new Date(at(3)),
    status: 'OL',
    variables: { 'battery.charge': 92 },
  })
})

test('an older sequence is stored, and never replaces the newer state', async () => {
  const { deviceId, store, state } = await newDevice()
  await store(values(10, 50))
  expect(await store(values(4, 99), problem(5))).toEqual([])
  expect(await state()).toMatchObject({ seq: 10, variables: { 'battery.charge': 50 }, problem: null })
  expect((await findNewestSamples(database.db, [deviceId]))[0]?.sample).toEqual(values(10, 50))
})

test('a problem keeps the last values and the time when it began, until values come again', async () => {
  const { deviceId, store, state } = await newDevice()
  await store(values(1, 70), problem(2))
  await store(problem(3))
  const since = new Date(at(2))
  expect(await state()).toMatchObject({
    seq: 3,
    at: new Date(at(1)),
    problem: 'no-answer',
    problem_since: since,
    problem_detail: 'no-answer 3',
    variables: { 'battery.charge': 70 },
  })
  // another problem begins anew, even when the earlier one came back within one write
  await store(problem(4, 'nonsense'), problem(5), problem(6))
  expect(await state()).toMatchObject({ seq: 6, problem: 'no-answer', problem_since: new Date(at(5)) })
  expect((await findNewestSamples(database.db, [deviceId]))[0]?.sample).toEqual({ ...problem(6), at: at(5) })
  await store(values(7, 71))
  expect(await state()).toMatchObject({
    seq: 7,
    problem: null,
    problem_since: null,
    problem_detail: null,
    variables: { 'battery.charge': 71 },
  })
})

test('a device whose first news is a problem has a state without values', async () => {
  const { store, state } = await newDevice()
  await store(problem(1))
  expect(await state()).toMatchObject({ seq: 1, at: null, status: null, variables: {}, problem: 'no-answer' })
})

test('samples of a device that is not registered vanish, and take no others with them', async () => {
  const { db, deviceId, state } = await newDevice()
  const gone = '00000000-0000-4000-8000-000000000000'
  await storeSamples(
    db,
    [
      { deviceId: gone, sample: values(1) },
      { deviceId, sample: values(1) },
    ],
    RECEIVED,
  )
  expect(await state()).toMatchObject({ seq: 1 })
  expect(await db.selectFrom('sample').select('seq').where('device_id', '=', gone).execute()).toEqual([])
})

test('text that PostgreSQL cannot keep costs its odd characters, not the sample', async () => {
  const { store, state } = await newDevice()
  await store(values(1, 1, 'a\0b \ud800 \\u0000 \\\0'))
  expect(await state()).toMatchObject({ variables: { 'ups.id': 'a\ufffdb \ufffd \\u0000 \\\ufffd' } })
  await store({ kind: 'problem', seq: 2, at: at(2), problem: 'nonsense', detail: 'a\0b' })
  expect(await state()).toMatchObject({ problem_detail: 'a\ufffdb' })
})

test('a day gets its table, and what lay elsewhere moves there', async () => {
  const { db, deviceId, store } = await newDevice()
  await store({ ...values(1), at: Date.UTC(2026, 0, 5, 23, 59) })
  await ensureSampleDay(db, '2026-01-05')
  await ensureSampleDay(db, '2026-01-05')
  const { rows } = await sql<{ device_id: string }>`select device_id from sample_20260105`.execute(db)
  expect(rows).toEqual([{ device_id: deviceId }])
})

test('listeners are told the devices that moved, in payloads that fit', async () => {
  const { db, ann, agent } = await newDevice()
  const devices: string[] = []
  for (let count = 0; count < 230; count++) devices.push(await makeDevice(db, ann, agent, `Rack ${count}`))
  const listener = await Listener.start(database.url, pino({ level: 'silent' }))
  const told: string[] = []
  const all = new Promise<void>((resolve) => {
    listener.on('device_state', (payload) => {
      told.push(...payload.split(','))
      if (told.length === devices.length) resolve()
    })
  })
  await storeSamples(
    db,
    devices.map((deviceId) => ({ deviceId, sample: values(1) })),
    RECEIVED,
  )
  await all
  await listener.stop()
  expect(told.sort()).toEqual(devices.sort())
})

test('the newest samples can be walked through, and deletions are found by their version', async () => {
  const { db, deviceId, store, agent } = await newDevice()
  await store(values(1))
  const walked: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await listNewestSamples(db, after, 2)
    walked.push(...page.map((one) => one.deviceId))
    after = page.at(-1)?.deviceId
    if (page.length < 2) break
  }
  expect(walked).toContain(deviceId)
  expect(new Set(walked).size).toBe(walked.length)

  const { version } = await devicesChangedSince(db, Number.MAX_SAFE_INTEGER)
  const deleted = await changeAccess(
    db,
    { devices: [deviceId], agents: [agent.agentId], what: 'device deleted' },
    async (tx) => {
      await tx.deleteFrom('device').where('id', '=', deviceId).execute()
    },
  )
  expect(await devicesChangedSince(db, version)).toEqual({ version: deleted, deviceIds: [deviceId] })
  expect(await findNewestSamples(db, [deviceId])).toEqual([])
})
