// One transaction by COPY: its rows may be on their way while the one before it commits.
import { sql } from 'kysely'
import type pg from 'pg'
import { takeConnection } from '../pool.ts'
import type { Db } from '../schema.ts'
import { copyAtOnce } from './copy.ts'
import { type Advance, IDS_PER_NOTIFICATION } from './ingest.ts'
import { COPIED_COLUMNS, encodeRows, type SampleRow } from './sample-row.ts'

const BEGIN_AND_COPY = `begin; copy sample (${COPIED_COLUMNS}) from stdin (format binary)`

/** What a write brings besides its rows, in the same transaction; asked for when the states are to be moved. */
export type Rest = (tx: Db) => Promise<readonly Advance[]>

/**
 * `copied`, then `commit` or `abandon`, which gives the connection back. Two of these may be open at once when the one
 * that is committed first has copied all its rows: from there on it waits for nothing that the other one holds.
 */
export class SampleWrite {
  /** Settles when the rows are with PostgreSQL, or could not be; never rejects. */
  readonly copied: Promise<void>
  readonly #newest: readonly SampleRow[]
  readonly #receivedAt: Date
  #client: pg.PoolClient | undefined
  #on: Db | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(db: Db, rows: readonly SampleRow[], newest: readonly SampleRow[], receivedAt: Date) {
    this.#newest = newest
    this.#receivedAt = receivedAt
    this.copied = this.#copy(db, rows).catch((error: unknown) => {
      this.#failure = { error }
    })
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Moves the states, tells of them, commits. Throws what was in the way; then `abandon` is still to be called. */
  async commit(rest?: Rest): Promise<readonly Advance[]> {
    await this.copied
    this.#throwFailure()
    const [client, on] = [this.#client, this.#on]
    if (!client || !on) throw new TypeError('this write has ended')
    const moved = await moveStates(on, this.#newest, this.#receivedAt)
    const others = rest ? await rest(on) : []
    // It may have been abandoned meanwhile, by somebody who has lost patience.
    this.#throwFailure()
    await client.query('commit')
    this.#end()
    return others.length > 0 ? [...moved, ...others] : moved
  }

  /** Takes everything back. Idempotent; resolves when nothing of it is in anybody's way. */
  async abandon(): Promise<void> {
    this.#failure ??= { error: new Error('this write was abandoned') }
    await this.copied
    const client = this.#client
    if (!client) return
    const isBack = await client.query('rollback').then(
      () => true,
      () => false,
    )
    this.#end(!isBack)
  }

  /** For a connection that does not answer: the server takes everything back when it notices. */
  drop(): void {
    this.#failure ??= { error: new Error('this write was dropped') }
    this.#end(true)
  }

  async #copy(db: Db, rows: readonly SampleRow[]): Promise<void> {
    const { client, on } = await takeConnection(db)
    if (this.#failure) {
      client.release()
      return
    }
    this.#client = client
    this.#on = on
    await copyAtOnce(client, BEGIN_AND_COPY, encodeRows(rows, this.#receivedAt))
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  #end(isBroken = false): void {
    const client = this.#client
    this.#client = undefined
    this.#on = undefined
    client?.release(isBroken)
  }
}

/** Devices that had a state have none any more: they are not registered, or not as what they were. */
export class StateMissing extends Error {
  readonly deviceIds: readonly string[]

  constructor(deviceIds: readonly string[]) {
    super('devices have lost their state')
    this.deviceIds = deviceIds
  }
}

/**
 * The newest row of each device becomes its state, unless it has a newer one, and `device_state` listeners are told. What
 * the row leaves out stays what it was.
 */
async function moveStates(tx: Db, rows: readonly SampleRow[], receivedAt: Date): Promise<Advance[]> {
  const column = (name: keyof SampleRow) => sql.val(rows.map((row) => row[name]))
  const measuredAt = rows.map(({ at, problem }) => (problem === null ? new Date(at) : null))
  const { rows: answers } = await sql<{ deviceId: string | null; seq: number | null }>`
    with newest as (
      select * from unnest(
        ${column('deviceId')}::uuid[], ${column('seq')}::bigint[], ${sql.val(measuredAt)}::timestamptz[], ${column('status')}::text[],
        ${column('variables')}::jsonb[], ${column('problem')}::text[], ${column('detail')}::text[],
        ${sql.val(rows.map(({ at }) => new Date(at)))}::timestamptz[]
      ) as t(device_id, seq, at, status, variables, problem, detail, since)
    ),
    moved as (
      update device_state as state set
        seq = newest.seq, received_at = ${receivedAt},
        at = coalesce(newest.at, state.at), status = coalesce(newest.status, state.status), variables = coalesce(newest.variables, state.variables),
        problem = newest.problem, problem_detail = newest.detail,
        problem_since = case
          when newest.problem is null then null
          when newest.problem = state.problem then state.problem_since
          else newest.since end
      from newest where newest.device_id = state.device_id and newest.seq > state.seq
      returning state.device_id, state.seq
    ),
    told as (
      select pg_notify('device_state', string_agg(device_id::text, ','))
      from (select device_id, (row_number() over () - 1) / ${IDS_PER_NOTIFICATION}::int as part from moved) as parts group by part
    )
    select device_id as "deviceId", seq from moved
    union all
    select device_id, null from newest where not exists (select from device_state where device_state.device_id = newest.device_id)
    union all
    -- nothing is told unless somebody reads it
    select null, null from told`.execute(tx)
  const advances: Advance[] = []
  const missing: string[] = []
  for (const { deviceId, seq } of answers) {
    if (deviceId === null) continue
    if (seq === null) missing.push(deviceId)
    else advances.push({ deviceId, seq, isFirst: false })
  }
  if (missing.length > 0) throw new StateMissing(missing)
  return advances
}
