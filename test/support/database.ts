// A database of its own for a test file.
import { randomBytes } from 'node:crypto'
import { createDatabase, dropDatabase } from '@ridethrough/db/database.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { pino } from 'pino'
import { inject } from 'vitest'
import { TEMPLATE } from './postgres.ts'

export type TestDatabase = { readonly db: Db; readonly url: string; stop(): Promise<void> }

/** A migrated, empty database; stop it in `afterAll`. */
export async function testDatabase(): Promise<TestDatabase> {
  const log = pino({ level: 'error' })
  const serverUrl = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  await createDatabase(serverUrl, name, log, TEMPLATE)
  const url = serverUrl.replace(/\/postgres\?/, `/${name}?`)
  const db = openDb(url, log)
  return {
    db,
    url,
    stop: async () => {
      await db.destroy()
      await dropDatabase(serverUrl, name, log)
    },
  }
}
