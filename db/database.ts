// Databases as wholes: made, cloned from a template, dropped.
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { openDb } from './pool.ts'

/** Makes a database on the server of `serverUrl`; from `template` it takes tens of milliseconds, since files are copied. */
export async function createDatabase(serverUrl: string, name: string, log: Logger, template?: string): Promise<void> {
  const admin = openDb(serverUrl, log, { max: 1 })
  try {
    const { rows } = await sql`select 1 from pg_database where datname = ${name}`.execute(admin)
    if (rows.length > 0) return
    const source = template ? sql` template ${sql.id(template)} strategy file_copy` : sql``
    await sql`create database ${sql.id(name)}${source}`.execute(admin)
  } finally {
    await admin.destroy()
  }
}

export async function dropDatabase(serverUrl: string, name: string, log: Logger): Promise<void> {
  const admin = openDb(serverUrl, log, { max: 1 })
  try {
    await sql`drop database if exists ${sql.id(name)} with (force)`.execute(admin)
  } finally {
    await admin.destroy()
  }
}
