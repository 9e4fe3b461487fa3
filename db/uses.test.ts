import { randomUUID } from 'node:crypto'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { listUses } from './query/use.ts'
import { ConnectionUses, USE_MS, Uses } from './uses.ts'

const T0 = Date.parse('2027-03-01T12:00:00Z')
const log = pino({ level: 'silent' })

let database: TestDatabase
let uses: Uses
let share: string
let device: string

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())
beforeEach(() => {
  uses = new Uses({ db: database.db, log })
  share = randomUUID()
  device = randomUUID()
})
afterEach(() => uses.stop())

const stored = async (grantId = share) => {
  await uses.flush()
  return (await listUses(database.db, grantId)).map((use) => [use.uses, use.firstAt.getTime(), use.lastAt.getTime()])
}

test('a credential counts once a minute on one device; `last` follows each time', async () => {
  for (const after of [0, 1000, USE_MS - 1]) uses.note('session', `share:${share}`, device, T0 + after)
  expect(await stored()).toEqual([[1, T0, T0 + USE_MS - 1]])
  uses.note('session', `share:${share}`, device, T0 + USE_MS)
  uses.note('other session', `share:${share}`, device, T0 + USE_MS)
  expect(await stored()).toEqual([[3, T0, T0 + USE_MS]])
})

test('what owners and members do with their own is no use of anything', async () => {
  uses.note('session', 'owner', device, T0)
  uses.note('session', 'member', device, T0)
  await uses.flush()
  const rows = await database.db.selectFrom('grant_use').select('uses').where('device_id', '=', device).execute()
  expect(rows).toEqual([])
})

test('a connection counts when it begins, not while it goes on; then `last` follows once a minute', async () => {
  const connection = new ConnectionUses(uses, 'session')
  for (let second = 0; second <= 150; second += 1) connection.note(`share:${share}`, device, T0 + second * 1000)
  expect(await stored()).toEqual([[1, T0, T0 + 120_000]])
  const guest = randomUUID()
  connection.note(`guest:${guest}`, device, T0 + 151_000)
  expect(await stored(guest)).toEqual([[1, T0 + 151_000, T0 + 151_000]])
})

test('reconnecting again and again does not count again and again', async () => {
  for (let count = 0; count < 20; count += 1) {
    new ConnectionUses(uses, 'session').note(`share:${share}`, device, T0 + count)
  }
  expect(await stored()).toEqual([[1, T0, T0 + 19]])
})

test('two processes add up, in whatever order they store', async () => {
  const other = new Uses({ db: database.db, log })
  const ids = Array.from({ length: 50 }, () => randomUUID())
  for (const id of ids) uses.note('a', `share:${share}`, id, T0 + 5)
  for (const id of ids.toReversed()) other.note('b', `share:${share}`, id, T0)
  await Promise.all([uses.flush(), other.flush()])
  const all = await listUses(database.db, share)
  expect(all).toHaveLength(50)
  for (const one of all) expect([one.uses, one.firstAt.getTime(), one.lastAt.getTime()]).toEqual([2, T0, T0 + 5])
  await other.stop()
})

test('what cannot be stored now is stored later, and stopping stores the rest', async () => {
  const { db } = database
  uses.note('session', `share:${share}`, device, T0)
  await sql`alter table grant_use rename to grant_use_away`.execute(db)
  await uses.flush()
  uses.note('session', `share:${share}`, device, T0 + USE_MS)
  await sql`alter table grant_use_away rename to grant_use`.execute(db)
  await uses.stop()
  expect((await listUses(db, share)).map((use) => [use.uses, use.firstAt.getTime()])).toEqual([[2, T0]])
})
