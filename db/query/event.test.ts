import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { appendEvent, type NewEvent, verifyEvents } from './event.ts'

const databases: TestDatabase[] = []
let database: TestDatabase

beforeEach(async () => {
  database = await testDatabase()
  databases.push(database)
})

afterAll(async () => {
  for (const one of databases) await one.stop()
})

const event = (name: string): NewEvent => ({
  at: new Date('2026-11-21T12:00:00.123Z'),
  companyId: null,
  accountId: null,
  credentialId: null,
  address: '192.0.2.1',
  kind: 'session.started',
  outcome: 'done',
  subject: { name, deep: { b: 1, a: [true, null, 'ü'] } },
})

/** Changes the log as somebody with the superuser's rights could. */
async function tamper(statement: string): Promise<void> {
  await database.db.transaction().execute(async (tx) => {
    await sql`alter table event disable trigger all`.execute(tx)
    await sql.raw(statement).execute(tx)
  })
}

async function fill(count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1) {
    await database.db.transaction().execute((tx) => appendEvent(tx, event(`number ${index}`)))
  }
}

test('a log that nobody touched holds, also when written by many at once', async () => {
  const { db } = database
  expect(await verifyEvents(db)).toEqual({ rows: 0, fault: undefined })
  await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      db.transaction().execute((tx) => appendEvent(tx, event(`at once ${index}`))),
    ),
  )
  expect(await verifyEvents(db)).toEqual({ rows: 30, fault: undefined })
})

test('a log that is being written holds too', async () => {
  const { db } = database
  let isDone = false
  const writing = fill(200).then(() => {
    isDone = true
  })
  while (!isDone) expect((await verifyEvents(db)).fault).toBeUndefined()
  await writing
  expect(await verifyEvents(db)).toEqual({ rows: 200, fault: undefined })
})

test('the database refuses to change or delete a row', async () => {
  await fill(2)
  await expect(sql`update event set address = 'x' where seq = 1`.execute(database.db)).rejects.toThrow('append-only')
  await expect(sql`delete from event where seq = 1`.execute(database.db)).rejects.toThrow('append-only')
})

test.each([
  [
    'one byte changed',
    `update event set subject = replace(subject::text, 'number 3', 'number 8')::jsonb where seq = 3`,
    { row: 3, what: 'changed' },
  ],
  [
    'a time moved by a millisecond',
    `update event set at = at + interval '1 ms' where seq = 4`,
    { row: 4, what: 'changed' },
  ],
  ['a row missing', 'delete from event where seq = 2', { row: 2, what: 'missing' }],
  ['the last row missing', 'delete from event where seq = 5', { row: 5, what: 'missing' }],
  [
    'two rows swapped',
    'update event set seq = case seq when 2 then 1003 else 1002 end where seq in (2, 3); update event set seq = seq - 1000 where seq > 1000',
    { row: 2, what: 'changed' },
  ],
  [
    'a row changed and its own hash made right again',
    `update event e set address = 'forged', hash = sha256((select hash from event where seq = 2) || convert_to(json_build_array(e.seq, floor(extract(epoch from e.at) * 1000)::bigint, e.company_id, e.account_id, e.credential_id, 'forged', e.kind, e.outcome, e.subject::text)::text, 'UTF8')) where seq = 3`,
    { row: 4, what: 'changed' },
  ],
])('%s is found, and the row is named', async (_what, statement, fault) => {
  await fill(5)
  await tamper(statement)
  expect((await verifyEvents(database.db)).fault).toEqual(fault)
})
