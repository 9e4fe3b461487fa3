// From an agent's publish to the commit: one ordered queue, written in groups, answered only when stored.
import type { Clock } from '@ridethrough/db/clock.ts'
import { type Advance, ensureSampleDay } from '@ridethrough/db/query/ingest.ts'
import { type SampleRow, toRow } from '@ridethrough/db/query/sample-row.ts'
import { SampleStore } from '@ridethrough/db/query/sample-store.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Logger } from 'pino'
import { measureIngest } from './ingest-metrics.ts'
import type { Metrics } from './metrics.ts'
import { isStoreDown } from './store.ts'

/** What one publish brought: a state is one sample, a backlog many. */
export type Entry = {
  readonly deviceId: string
  readonly samples: readonly Sample[]
  /** As published; `undefined` for a backlog. */
  readonly payload: Buffer | undefined
}

export type IngestOptions = {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** How long a publish may wait for the database. */
  readonly patienceMs: number
  /** Called after each commit and before the publishers are answered, with the entries in the order of the queue. */
  readonly onStored: (entries: readonly Entry[], advances: readonly Advance[]) => void
}

export type IngestFailure = 'store-unavailable' | 'too-many-waiting' | 'sample-refused'
type Waiting = {
  readonly entry: Entry
  readonly rows: readonly SampleRow[]
  readonly bytes: number
  readonly since: number
  readonly done: (failure?: IngestFailure) => void
  isSettled: boolean
}

/** How long the first of a group waits for others; while a group is being written, the next one gathers. */
const FLUSH_AFTER_MS = 2
const FLUSH_AT_SAMPLES = 1000
const MAX_GROUP = { samples: 4000, bytes: 4 * 1024 * 1024 } as const
/** From here on publishers should not be read from: one group is being written, and the next is complete. */
const CROWDED = { samples: 2 * MAX_GROUP.samples, bytes: 2 * MAX_GROUP.bytes } as const
/** Nothing is taken beyond this. In memory a sample takes about four times its bytes, as what was sent, object and row. */
const MOST = { samples: 50_000, bytes: 32 * 1024 * 1024 } as const
const RETRY_MS = 250
const DAY_MS = 86_400_000
/** Days that get a table of their own, counted from today: an agent's clock may be far off, and that is not worth a table. */
const DAYS = { before: 400, after: 2 } as const

export class Ingest {
  readonly #options: IngestOptions
  readonly #store: SampleStore
  /** Days since 1970 that have their table. */
  readonly #days = new Set<number>()
  #waiting: Waiting[] = []
  /** The group that is being written. */
  #inFlight: readonly Waiting[] = []
  #waitingSamples = 0
  #waitingBytes = 0
  readonly #wantRoom = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #patience: NodeJS.Timeout | undefined
  #work: Promise<void> | undefined
  #isStopped = false

  constructor(options: IngestOptions) {
    this.#options = options
    this.#store = new SampleStore(options.db)
    measureIngest(options.metrics.registry, {
      samples: () => this.#waitingSamples,
      bytes: () => this.#waitingBytes,
      lagSeconds: () => this.#lagSeconds(),
      copied: () => this.#store.counts.copied,
      again: () => this.#store.counts.again,
    })
  }

  /** More than can be written next is waiting: whoever can should stop reading publishers, and ask `onRoom`. */
  get isCrowded(): boolean {
    return this.#waitingSamples >= CROWDED.samples || this.#waitingBytes >= CROWDED.bytes
  }

  /**
   * Calls it once, when half of what makes a crowd is gone: at once where there is none. In the order of asking, and no
   * further than until it is crowded again, so that nobody is passed over. The same function waits only once.
   */
  onRoom(then: () => void): void {
    if (this.#wantRoom.size > 0 || this.isCrowded) this.#wantRoom.add(then)
    else then()
  }

  /** For those who are gone. */
  offRoom(then: () => void): void {
    this.#wantRoom.delete(then)
  }

  /** `done` is called exactly once: after the commit, or with what was in the way. */
  add(entry: Entry, done: (failure?: IngestFailure) => void): void {
    const isFull = this.#waitingSamples + entry.samples.length > MOST.samples || this.#waitingBytes > MOST.bytes
    if (this.#isStopped || isFull) {
      done(this.#isStopped ? 'store-unavailable' : 'too-many-waiting')
      return
    }
    const rows = entry.samples.map((sample) => toRow(entry.deviceId, sample))
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0)
    this.#waiting.push({ entry, rows, bytes, since: this.#options.clock.monotonic(), done, isSettled: false })
    this.#count(rows.length, bytes)
    this.#patience ??= setInterval(() => this.#giveUpOnOld(), this.#options.patienceMs / 4)
    if (this.#work) return
    if (this.#waitingSamples >= FLUSH_AT_SAMPLES) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), FLUSH_AFTER_MS)
  }

  /** Stores what waits, then takes no more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (!this.#work && this.#waiting.length > 0) this.#start()
    await this.#work
    clearInterval(this.#patience)
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#work ??= this.#drain().finally(() => {
      this.#work = undefined
    })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup()
      this.#inFlight = group
      try {
        await within(this.#options.patienceMs, this.#write(group))
      } catch (error) {
        this.#options.metrics.storeFailures.inc()
        this.#options.log.warn(
          { err: error, waiting: this.#waitingSamples },
          'samples could not be stored, trying again',
        )
        this.#waiting.unshift(...group.filter(({ isSettled }) => !isSettled))
        this.#giveUpOnOld()
        if (this.#waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
      this.#inFlight = []
      this.#makeRoom()
    }
  }

  #nextGroup(): Waiting[] {
    let count = 0
    let samples = 0
    let bytes = 0
    for (const one of this.#waiting) {
      samples += one.rows.length
      bytes += one.bytes
      if (count > 0 && (samples > MAX_GROUP.samples || bytes > MAX_GROUP.bytes)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  /** Throws when the database does not answer. A sample that it refuses is found by halving, and takes nobody along. */
  async #write(group: readonly Waiting[]): Promise<void> {
    const { clock, metrics, log } = this.#options
    const rows = group.flatMap((one) => one.rows)
    const stop = metrics.commitSeconds.startTimer()
    try {
      await this.#ensureDays(rows)
      const advances = await this.#store.store(rows, new Date(clock.now()))
      stop()
      metrics.samplesStored.inc(rows.length)
      this.#answer(group, advances)
    } catch (error) {
      if (isStoreDown(error)) throw error
      const [only] = group
      if (group.length === 1 && only) {
        log.error({ err: error, device: only.entry.deviceId }, 'the database refuses a sample')
        return this.#settle(only, 'sample-refused')
      }
      const middle = Math.ceil(group.length / 2)
      await this.#write(group.slice(0, middle))
      await this.#write(group.slice(middle))
    }
  }

  #answer(group: readonly Waiting[], advances: readonly Advance[]): void {
    try {
      this.#options.onStored(
        group.map(({ entry }) => entry),
        advances,
      )
    } catch (error) {
      this.#options.log.error({ err: error }, 'stored samples could not be handed on')
    }
    for (const waiting of group) this.#settle(waiting)
  }

  // What is being written may still be committed: the agent repeats it, and the repeat vanishes.
  #giveUpOnOld(): void {
    const now = this.#options.clock.monotonic()
    const isOld = ({ since }: Waiting) => this.#isStopped || now - since > this.#options.patienceMs
    for (const waiting of [...this.#inFlight, ...this.#waiting]) {
      if (isOld(waiting)) this.#settle(waiting, 'store-unavailable')
    }
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled)
    this.#makeRoom()
  }

  #settle(waiting: Waiting, failure?: IngestFailure): void {
    if (waiting.isSettled) return
    waiting.isSettled = true
    this.#count(-waiting.rows.length, -waiting.bytes)
    waiting.done(failure)
  }

  #count(samples: number, bytes: number): void {
    this.#waitingSamples += samples
    this.#waitingBytes += bytes
    if (this.#waitingSamples > 0) return
    clearInterval(this.#patience)
    this.#patience = undefined
  }

  #makeRoom(): void {
    if (this.#waitingSamples > CROWDED.samples / 2 || this.#waitingBytes > CROWDED.bytes / 2) return
    for (const then of [...this.#wantRoom]) {
      if (this.isCrowded) return
      this.#wantRoom.delete(then)
      then()
    }
  }

  #lagSeconds(): number {
    const oldest = this.#inFlight.find(({ isSettled }) => !isSettled) ?? this.#waiting[0]
    return oldest ? (this.#options.clock.monotonic() - oldest.since) / 1000 : 0
  }

  async #ensureDays(rows: readonly SampleRow[]): Promise<void> {
    const today = Math.floor(this.#options.clock.now() / DAY_MS)
    for (const { at } of rows) {
      const day = Math.floor(at / DAY_MS)
      if (this.#days.has(day) || day < today - DAYS.before || day > today + DAYS.after) continue
      await ensureSampleDay(this.#options.db, new Date(day * DAY_MS).toISOString().slice(0, 10))
      this.#days.add(day)
    }
  }
}

/** A connection that hangs (a server that vanished without a word) must not hold up all that follow. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
