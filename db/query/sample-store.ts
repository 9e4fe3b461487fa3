// Many samples a second: COPY for devices whose rows are expected to be new, the careful statement for all others.
import { once } from 'node:events'
import { sql } from 'kysely'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { transactionWithClient } from '../pool.ts'
import type { Db } from '../schema.ts'
import { type Advance, storeRows, tellDeviceStates } from './ingest.ts'
import { COPIED_COLUMNS, encodeRows, type SampleRow } from './sample-row.ts'

/** So many devices are remembered (about 150 bytes each); beyond it, the one that was learnt first is learnt anew. */
const MAX_REMEMBERED = 100_000
/** A device that repeats itself again and again is stored by the careful statement so often before COPY is tried once more. */
const MAX_PROBATION = 256
/** What PostgreSQL can have against a row, by class of SQLSTATE: its data, a constraint (23505 is a repeat), a limit. */
const AGAINST_A_ROW = /^(22|23|54)/

/** `left`: careful writes without a repeat until COPY is tried; `penalty`: how many it will be after the next repeat. */
type Standing = { readonly left: number; readonly penalty: number }
const STRANGER: Standing = { left: 1, penalty: 4 }

type Split = {
  /** Of devices in good standing. */
  readonly copied: readonly SampleRow[]
  /** The one of each device in `copied` that has its highest sequence. */
  readonly newest: readonly SampleRow[]
  readonly others: readonly SampleRow[]
}

/**
 * Stores what `storeSamples` stores. COPY has no `on conflict`, so it is used for devices that have been stored without
 * a repeat before; where a row is in the way all the same, the primary key says so and the group is written carefully.
 */
export class SampleStore {
  readonly #db: Db
  readonly #standings = new Map<string, Standing>()
  /** Rows that went by COPY, and groups that had to be written again because COPY could not take them. */
  readonly counts = { copied: 0, again: 0 }

  constructor(db: Db) {
    this.#db = db
  }

  /** All or nothing. Throws what PostgreSQL says where not even the careful statement could store them. */
  async store(rows: readonly SampleRow[], receivedAt: Date): Promise<readonly Advance[]> {
    const split = this.#split(rows)
    if (split.copied.length === 0) return this.#transact({ ...split, others: rows }, receivedAt)
    try {
      const advances = await this.#transact(split, receivedAt)
      this.counts.copied += split.copied.length
      return advances
    } catch (error) {
      if (!this.#learn(error)) throw error
      this.counts.again += 1
      return this.#transact({ copied: [], newest: [], others: rows }, receivedAt)
    }
  }

  async #transact({ copied, newest, others }: Split, receivedAt: Date): Promise<readonly Advance[]> {
    const { advances, fresh } = await transactionWithClient(this.#db, async (tx, client) => {
      if (copied.length > 0) await copyRows(client, copied, receivedAt)
      const moved = copied.length > 0 ? await moveStates(tx, newest, receivedAt) : []
      const stored = others.length > 0 ? await storeRows(tx, others, receivedAt) : undefined
      const all = stored ? [...moved, ...stored.advances] : moved
      await tellDeviceStates(tx, all)
      return { advances: all, fresh: stored?.fresh }
    })
    if (fresh) this.#acquit(others, fresh)
    return advances
  }

  #split(rows: readonly SampleRow[]): Split {
    const newest = new Map<string, SampleRow>()
    const careful = new Set<string>()
    for (const row of rows) {
      const { deviceId, seq, problem } = row
      const before = newest.get(deviceId)
      if (!before && this.#standings.get(deviceId)?.left !== 0) careful.add(deviceId)
      // Since when a problem holds depends on all rows of the device, where there are several.
      if (before && (problem !== null || before.problem !== null)) careful.add(deviceId)
      if (!before || seq > before.seq) newest.set(deviceId, row)
    }
    if (careful.size === 0) return { copied: rows, newest: [...newest.values()], others: [] }
    const isCareful = ({ deviceId }: SampleRow) => careful.has(deviceId)
    return {
      copied: rows.filter((row) => !isCareful(row)),
      newest: [...newest.values()].filter((row) => !isCareful(row)),
      others: rows.filter(isCareful),
    }
  }

  /** Who was stored without a repeat is a step nearer to COPY. */
  #acquit(rows: readonly SampleRow[], fresh: ReadonlyMap<string, number>): void {
    for (const [deviceId, given] of countByDevice(rows)) {
      const { left, penalty } = this.#standings.get(deviceId) ?? STRANGER
      if (fresh.get(deviceId) === given) this.#remember(deviceId, { left: Math.max(0, left - 1), penalty })
    }
  }

  /** False when the rows were not at fault. */
  #learn(error: unknown): boolean {
    if (error instanceof StateMissing) {
      // Deleted, and perhaps claimed anew since: what was known of them says nothing.
      for (const id of error.deviceIds) this.#standings.delete(id)
      return true
    }
    const { code, detail } = error as { readonly code?: unknown; readonly detail?: unknown }
    if (typeof code !== 'string' || !AGAINST_A_ROW.test(code)) return false
    // "Key (device_id, seq, at)=(…, 5, …) already exists."
    const deviceId = /=\(([0-9a-f-]{36}),/.exec(String(detail))?.[1]
    const standing = deviceId === undefined ? undefined : this.#standings.get(deviceId)
    if (deviceId !== undefined && standing) {
      const { penalty } = standing
      this.#remember(deviceId, { left: penalty, penalty: Math.min(MAX_PROBATION, penalty * 4) })
    }
    return true
  }

  #remember(deviceId: string, standing: Standing): void {
    this.#standings.set(deviceId, standing)
    if (this.#standings.size <= MAX_REMEMBERED) return
    for (const first of this.#standings.keys()) {
      this.#standings.delete(first)
      return
    }
  }
}

/** Devices that had a state have none any more: they are not registered, or not as what they were. */
class StateMissing extends Error {
  readonly deviceIds: readonly string[]

  constructor(deviceIds: readonly string[]) {
    super('devices have lost their state')
    this.deviceIds = deviceIds
  }
}

async function copyRows(client: pg.PoolClient, rows: readonly SampleRow[], receivedAt: Date): Promise<void> {
  const stream = client.query(copyFrom(`copy sample (${COPIED_COLUMNS}) from stdin (format binary)`))
  const taken = once(stream, 'finish')
  // The first error rejects. Another may follow, when what is left of the rows meets a COPY that has ended already.
  stream.on('error', () => {})
  stream.end(encodeRows(rows, receivedAt))
  await taken
}

/** The newest row of each device becomes its state, unless it has a newer one. What the row leaves out stays what it was. */
async function moveStates(tx: Db, rows: readonly SampleRow[], receivedAt: Date): Promise<Advance[]> {
  const column = (name: keyof SampleRow) => sql.val(rows.map((row) => row[name]))
  const measuredAt = rows.map(({ at, problem }) => (problem === null ? new Date(at) : null))
  const { rows: answers } = await sql<{ deviceId: string; seq: number | null }>`
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
    )
    select device_id as "deviceId", seq from moved
    union all
    select device_id, null from newest where not exists (select from device_state where device_state.device_id = newest.device_id)`.execute(
    tx,
  )
  const missing = answers.filter(({ seq }) => seq === null)
  if (missing.length > 0) throw new StateMissing(missing.map(({ deviceId }) => deviceId))
  return answers.map(({ deviceId, seq }) => ({ deviceId, seq: seq ?? 0, isFirst: false }))
}

function countByDevice(rows: readonly SampleRow[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { deviceId } of rows) counts.set(deviceId, (counts.get(deviceId) ?? 0) + 1)
  return counts
}
