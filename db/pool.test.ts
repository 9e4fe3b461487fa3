import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { openDb } from './pool.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.stop())

test('a connection that the server ends inside a transaction fails that transaction, and not the process', async () => {
  const db = openDb(database.url, pino({ level: 'silent' }))
  const lost = Promise.withResolvers<unknown>()
  process.once('uncaughtException', lost.reject)
  const work = db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(database.db)
    // Only after the server's farewell has been read does the next statement find the connection gone.
    await expect(sql`select pg_sleep(0)`.execute(tx)).rejects.toThrow()
    await sql`select 1`.execute(tx)
  })
  await expect(work).rejects.toThrow()
  process.off('uncaughtException', lost.reject)
  lost.resolve(undefined)
  await lost.promise
  expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  await db.destroy()
})
