import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { createDatabase, dropDatabase } from '../database.ts'
import { openDb } from '../pool.ts'
import { MIGRATIONS } from './index.ts'

test('what is there when the history begins is known from then on, and its next change closes it [R73]', async () => {
  const log = pino({ level: 'silent' })
  const serverUrl = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  await createDatabase(serverUrl, name, log)
  const db = openDb(serverUrl.replace(/\/postgres\?/, `/${name}?`), log)
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } })
    await migrator.migrateTo('2026_11_22_sharing')
    await db.insertInto('company').values({ name: 'Acme', member_privileges: 1 }).execute()
    expect((await migrator.migrateToLatest()).error).toBeUndefined()
    await db.updateTable('company').set({ name: 'Acme Ltd' }).execute()
    await db.updateTable('company').set({ member_privileges: 3 }).execute()
    const { rows } = await sql`
      select content ->> 'member_privileges' as privileges, valid_until is null as open from access_history
      order by valid_from`.execute(db)
    expect(rows).toEqual([
      { privileges: '1', open: false },
      { privileges: '3', open: true },
    ])
  } finally {
    await db.destroy()
    await dropDatabase(serverUrl, name, log)
  }
})
