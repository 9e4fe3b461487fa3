// Groups of publishes into the database: the next one's rows may be sent ahead while the former one commits.
import type { Clock } from '@ridethrough/db/clock.ts'
import { type Advance, ensureSampleDay } from '@ridethrough/db/query/ingest.ts'
import type { SampleRow } from '@ridethrough/db/query/sample-row.ts'
import { SampleStore } from '@ridethrough/db/query/sample-store.ts'
import type { SampleWrite } from '@ridethrough/db/query/sample-write.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Metrics } from './metrics.ts'
import { isStoreDown } from './store.ts'

export type Rows = { readonly rows: readonly SampleRow[] }

export type GroupWriterOptions<One> = {
  readonly db: Db
  readonly clock: Clock
  readonly metrics: Metrics
  /** How long PostgreSQL may take over any one step. */
  readonly patienceMs: number
  /** Called when they are committed. */
  readonly onStored: (group: readonly One[], advances: readonly Advance[]) => void
  /** Called for one that the database will never take. */
  readonly onRefused: (one: One, error: unknown) => void
}

/** `write`: its rows are on their way; without one it is stored when its turn comes. */
export type OpenGroup<One> = {
  readonly group: readonly One[]
  readonly rows: readonly SampleRow[]
  readonly write: SampleWrite | undefined
  readonly stopTimer: () => void
}

const DAY_MS = 86_400_000
/** Days that get a table of their own, counted from today: an agent's clock may be far off, and that is not worth a table. */
const DAYS = { before: 400, after: 2 } as const

export class GroupWriter<One extends Rows> {
  readonly #options: GroupWriterOptions<One>
  readonly #store: SampleStore
  /** Days since 1970 that have their table. */
  readonly #days = new Set<number>()

  constructor(options: GroupWriterOptions<One>) {
    this.#options = options
    this.#store = new SampleStore(options.db)
  }

  get counts(): SampleStore['counts'] {
    return this.#store.counts
  }

  /** Sends the rows ahead where they can go by COPY; nothing is acknowledged before `finish`. */
  open(group: readonly One[]): OpenGroup<One> {
    const { clock, metrics } = this.#options
    const rows = group.flatMap((one) => one.rows)
    const stopTimer = metrics.commitSeconds.startTimer()
    const write = this.#missingDays(rows).size > 0 ? undefined : this.#store.open(rows, new Date(clock.now()))
    return { group, rows, write, stopTimer }
  }

  /** Resolves when the rows are with PostgreSQL, or cannot be sent ahead: `isAhead` tells which. */
  async sent({ write }: OpenGroup<One>): Promise<void> {
    if (!write) return
    try {
      await within(this.#options.patienceMs, write.copied)
    } catch {
      write.drop()
    }
  }

  isAhead({ write }: OpenGroup<One>): boolean {
    return write?.hasFailed === false
  }

  /** Commits what was sent ahead; otherwise what was in the way, for `write`: nothing where it was not sent at all. */
  async commit({ group, rows, write, stopTimer }: OpenGroup<One>): Promise<{ readonly error: unknown } | undefined> {
    if (!write) return { error: undefined }
    try {
      const advances = await within(this.#options.patienceMs, this.#store.commit(write, rows))
      this.#stored(group, rows, advances, stopTimer)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  /** Takes back what was sent ahead; a connection that does not answer is given up. */
  async abandon({ write }: OpenGroup<One>): Promise<void> {
    if (!write) return
    try {
      await within(this.#options.patienceMs, write.abandon())
    } catch {
      write.drop()
    }
  }

  /** By itself, with nothing under way beside it; `failed`: what the rows met when they were sent ahead. */
  write({ group, rows, stopTimer }: OpenGroup<One>, failed: unknown): Promise<void> {
    return within(this.#options.patienceMs, this.#write(group, rows, stopTimer, failed))
  }

  /** Throws when the database does not answer. A sample that it refuses is found by halving, and takes nobody along. */
  async #write(group: readonly One[], rows: readonly SampleRow[], stop: () => void, failed?: unknown): Promise<void> {
    const now = new Date(this.#options.clock.now())
    try {
      await this.#ensureDays(rows)
      const advances =
        failed === undefined ? await this.#store.store(rows, now) : await this.#store.storeAgain(rows, now, failed)
      this.#stored(group, rows, advances, stop)
    } catch (error) {
      if (isStoreDown(error)) throw error
      const [only] = group
      if (group.length === 1 && only) return this.#options.onRefused(only, error)
      const middle = Math.ceil(group.length / 2)
      for (const half of [group.slice(0, middle), group.slice(middle)]) {
        await this.#write(
          half,
          half.flatMap((one) => one.rows),
          stop,
        )
      }
    }
  }

  #stored(group: readonly One[], rows: readonly SampleRow[], advances: readonly Advance[], stop: () => void): void {
    stop()
    this.#options.metrics.samplesStored.inc(rows.length)
    this.#options.onStored(group, advances)
  }

  async #ensureDays(rows: readonly SampleRow[]): Promise<void> {
    for (const day of this.#missingDays(rows)) {
      await ensureSampleDay(this.#options.db, new Date(day * DAY_MS).toISOString().slice(0, 10))
      this.#days.add(day)
    }
  }

  #missingDays(rows: readonly SampleRow[]): Set<number> {
    const today = Math.floor(this.#options.clock.now() / DAY_MS)
    const missing = new Set<number>()
    let last = Number.NaN
    for (const { at } of rows) {
      const day = Math.floor(at / DAY_MS)
      if (day === last) continue
      last = day
      if (!this.#days.has(day) && day >= today - DAYS.before && day <= today + DAYS.after) missing.add(day)
    }
    return missing
  }
}

/** A connection that hangs (a server that vanished without a word) must not hold up all that follow. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
