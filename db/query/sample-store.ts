// Many samples a second: COPY for devices whose rows are expected to be new, the careful statement for all others.
import type { Db } from '../schema.ts'
import { type Advance, storeRows, tellDeviceStates } from './ingest.ts'
import type { SampleRow } from './sample-row.ts'
import { SampleWrite, StateMissing } from './sample-write.ts'

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
    if (split.copied.length === 0) return this.#storeCarefully(rows, receivedAt)
    const write = new SampleWrite(this.#db, split.copied, split.newest, receivedAt)
    try {
      return await this.#commit(write, split, receivedAt)
    } catch (error) {
      await write.abandon()
      return this.storeAgain(rows, receivedAt, error)
    }
  }

  /**
   * Sends the rows ahead, to be stored by `commit`. `undefined`: not all of them can go by COPY, so that nothing may be
   * under way beside them, and they are for `store`.
   */
  open(rows: readonly SampleRow[], receivedAt: Date): SampleWrite | undefined {
    const { copied, newest, others } = this.#split(rows)
    if (others.length > 0) return undefined
    return new SampleWrite(this.#db, copied, newest, receivedAt)
  }

  /** Throws what was in the way; then the write is to be abandoned, and its rows are for `storeAgain`. */
  async commit(write: SampleWrite, rows: readonly SampleRow[]): Promise<readonly Advance[]> {
    const advances = await write.commit()
    this.counts.copied += rows.length
    return advances
  }

  /** After COPY has failed with this error: throws it where the rows were not at fault. */
  async storeAgain(rows: readonly SampleRow[], receivedAt: Date, error: unknown): Promise<readonly Advance[]> {
    if (!this.#learn(error)) throw error
    this.counts.again += 1
    return this.#storeCarefully(rows, receivedAt)
  }

  async #commit(write: SampleWrite, { copied, others }: Split, receivedAt: Date): Promise<readonly Advance[]> {
    if (others.length === 0) return this.commit(write, copied)
    let fresh: ReadonlyMap<string, number> = new Map()
    const advances = await write.commit(async (tx) => {
      const stored = await storeRows(tx, others, receivedAt)
      await tellDeviceStates(tx, stored.advances)
      fresh = stored.fresh
      return stored.advances
    })
    this.counts.copied += copied.length
    this.#acquit(others, fresh)
    return advances
  }

  async #storeCarefully(rows: readonly SampleRow[], receivedAt: Date): Promise<readonly Advance[]> {
    const { advances, fresh } = await this.#db.transaction().execute(async (tx) => {
      const stored = await storeRows(tx, rows, receivedAt)
      await tellDeviceStates(tx, stored.advances)
      return stored
    })
    this.#acquit(rows, fresh)
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

function countByDevice(rows: readonly SampleRow[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { deviceId } of rows) counts.set(deviceId, (counts.get(deviceId) ?? 0) + 1)
  return counts
}
