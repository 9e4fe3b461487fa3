// A Kysely over a pg pool, with types as the rest of the house expects them.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Logger } from 'pino'
import type { Db, Schema } from './schema.ts'

const INT8 = 20
/** uuidv7() is what our ids are made with. */
const OLDEST_SERVER = 180000

const types: pg.CustomTypesConfig = {
  // Sequences, versions and counts stay far below 2^53.
  getTypeParser: ((id: number, format?: 'text' | 'binary') =>
    id === INT8 ? Number : pg.types.getTypeParser(id, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
}

export function openDb(databaseUrl: string, log: Logger, options: { max?: number } = {}): Db {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: openPool(databaseUrl, log, options) }) })
}

/**
 * A comment at the head of a long statement: PostgreSQL then plans it once per connection and not each time. One name, one
 * text: a statement whose text depends on its arguments must not have one.
 */
export function kept(name: string): string {
  return `-- kept: ${name}\n`
}

/** Kysely hands over texts and values only, so the name of a statement to keep travels in its text. */
class KeepingClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: pg has a dozen forms of this method; all but one are passed on as they are.
  override query(...args: any[]): any {
    const [text, values, ...rest] = args
    const name = typeof text === 'string' ? /^-- kept: (\S+)/.exec(text)?.[1] : undefined
    const passed = name === undefined ? args : [{ name, text, values }, ...rest]
    return Reflect.apply(super.query, this, passed)
  }
}

/** For libraries that speak to PostgreSQL by themselves. */
export function openPool(databaseUrl: string, log: Logger, options: { max?: number } = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: options.max ?? 10,
    types,
    connectionTimeoutMillis: 10_000,
    Client: KeepingClient,
  })
  // Without a listener an idle connection's end (a restarted server) would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'))
  // The pool listens to idle connections only: one that ends inside a transaction, between two statements, would do the same.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.debug({ err: error }, 'a connection in use was lost')),
  )
  return pool
}

/** Throws when the server is too old to serve us, naming what is needed. */
export async function checkServer(db: Db): Promise<void> {
  const { rows } = await sql<{ version: string }>`select current_setting('server_version_num') as version`.execute(db)
  if (Number(rows[0]?.version) < OLDEST_SERVER) {
    throw new Error(
      `PostgreSQL ${OLDEST_SERVER / 10_000} or newer is needed; DATABASE_URL names a server with version ${rows[0]?.version}`,
    )
  }
}
