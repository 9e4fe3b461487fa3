// A Kysely over a pg pool, with types as the rest of the house expects them.
import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely'
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

const pools = new WeakMap<Db, pg.Pool>()

export function openDb(databaseUrl: string, log: Logger, options: { max?: number } = {}): Db {
  const pool = openPool(databaseUrl, log, options)
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, pool)
  return db
}

/** A connection of its own, for what Kysely has no words for (COPY), and a Kysely on it. `db` must be what `openDb` gave. */
export async function takeConnection(db: Db): Promise<{ readonly client: pg.PoolClient; readonly on: Db }> {
  const pool = pools.get(db)
  if (!pool) throw new TypeError('this is no database that openDb has opened')
  const client = await pool.connect()
  // Whoever took it gives it back: Kysely would after each statement.
  const lent = { query: client.query.bind(client), release: () => {} } as PostgresPoolClient
  const on = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: { connect: async () => lent, end: async () => {}, options: {} } }),
  })
  return { client, on }
}

/** How often a text is sent to one connection before it is worth preparing, and how many are prepared at most. */
const PREPARE_FROM = 3
const MOST_PREPARED = 300
const MOST_COUNTED = 2000
/** PostgreSQL's word for a prepared statement whose table has changed its shape. */
const FEATURE_NOT_SUPPORTED = '0A000'

/**
 * Prepares what is sent again and again: planning costs PostgreSQL more than running most of our statements. Statements
 * whose text follows the length of a list are counted like others, and once there are too many no more are prepared.
 */
class PreparingClient extends pg.Client {
  readonly #counts = new Map<string, number>()
  #names = new Map<string, string>()
  #generation = 0

  // biome-ignore lint/suspicious/noExplicitAny: pg has a dozen forms of this method; all but one are passed on as they are.
  override query(...args: any[]): any {
    const [text, values, ...rest] = args
    // Without values it may be several statements in one text, or `begin`.
    const isOne = typeof text === 'string' && Array.isArray(values) && values.length > 0
    const name = isOne ? this.#nameOf(text) : undefined
    if (name === undefined) return Reflect.apply(super.query, this, args)
    const running: unknown = Reflect.apply(super.query, this, [{ name, text, values }, ...rest])
    if (running instanceof Promise) running.catch((error: { code?: unknown }) => this.#forget(error.code))
    return running
  }

  #nameOf(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    const count = (this.#counts.get(text) ?? 0) + 1
    if (this.#counts.size < MOST_COUNTED) this.#counts.set(text, count)
    if (count < PREPARE_FROM || this.#names.size >= MOST_PREPARED) return undefined
    const name = `s${this.#generation}_${this.#names.size}`
    this.#names.set(text, name)
    this.#counts.delete(text)
    return name
  }

  /** A migration has changed a table under a process that runs: from here on it prepares anew, under other names. */
  #forget(code: unknown): void {
    if (code !== FEATURE_NOT_SUPPORTED) return
    this.#generation += 1
    this.#names = new Map()
  }
}

/** For libraries that speak to PostgreSQL by themselves. */
export function openPool(databaseUrl: string, log: Logger, options: { max?: number } = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: options.max ?? 10,
    types,
    connectionTimeoutMillis: 10_000,
    Client: PreparingClient,
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
