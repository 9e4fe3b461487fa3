// From an agent's publish to the commit: one ordered queue, written in groups, answered only when stored.
import type { Clock } from '@ridethrough/db/clock.ts'
import { type Advance, ensureSampleDay, storeSamples } from '@ridethrough/db/query/ingest.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Logger } from 'pino'
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
  readonly since: number
  readonly done: (failure?: IngestFailure) => void
  isSettled: boolean
}

const FLUSH_AFTER_MS = 5
const FLUSH_AT_SAMPLES = 1000
/** Publishers are answered one read at a time, so this is only reached when the database does not answer. */
const MAX_WAITING_SAMPLES = 50_000
const RETRY_MS = 250
const DAY_MS = 86_400_000
/** Days that get a table of their own, counted from today: an agent's clock may be far off, and that is not worth a table. */
const DAYS = { before: 400, after: 2 } as const

export class Ingest {
  readonly #options: IngestOptions
  readonly #days = new Set<string>()
  #waiting: Waiting[] = []
  /** The group that is being written. */
  #inFlight: readonly Waiting[] = []
  #waitingSamples = 0
  #timer: NodeJS.Timeout | undefined
  #patience: NodeJS.Timeout | undefined
  #work: Promise<void> | undefined
  #isStopped = false

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /** `done` is called exactly once: after the commit, or with what was in the way. */
  add(entry: Entry, done: (failure?: IngestFailure) => void): void {
    if (this.#isStopped || this.#waitingSamples + entry.samples.length > MAX_WAITING_SAMPLES) {
      done(this.#isStopped ? 'store-unavailable' : 'too-many-waiting')
      return
    }
    this.#waiting.push({ entry, since: this.#options.clock.monotonic(), done, isSettled: false })
    this.#count(entry.samples.length)
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
        await within(this.#options.patienceMs, this.#store(group))
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
    }
  }

  #nextGroup(): Waiting[] {
    let count = 0
    let samples = 0
    for (const { entry } of this.#waiting) {
      if (count > 0 && samples + entry.samples.length > FLUSH_AT_SAMPLES) break
      count += 1
      samples += entry.samples.length
    }
    return this.#waiting.splice(0, count)
  }

  /** Throws when the database does not answer. A sample that it refuses is found by halving, and takes nobody along. */
  async #store(group: readonly Waiting[]): Promise<void> {
    const { db, clock, metrics, log } = this.#options
    const samples = group.flatMap(({ entry }) => entry.samples.map((sample) => ({ deviceId: entry.deviceId, sample })))
    const stop = metrics.commitSeconds.startTimer()
    try {
      for (const { sample } of samples) await this.#ensureDay(sample.at)
      const advances = await storeSamples(db, samples, new Date(clock.now()))
      stop()
      metrics.samplesStored.inc(samples.length)
      this.#answer(group, advances)
    } catch (error) {
      if (isStoreDown(error)) throw error
      const [only] = group
      if (group.length === 1 && only) {
        log.error({ err: error, device: only.entry.deviceId }, 'the database refuses a sample')
        return this.#settle(only, 'sample-refused')
      }
      const middle = Math.ceil(group.length / 2)
      await this.#store(group.slice(0, middle))
      await this.#store(group.slice(middle))
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
  }

  #settle(waiting: Waiting, failure?: IngestFailure): void {
    if (waiting.isSettled) return
    waiting.isSettled = true
    this.#count(-waiting.entry.samples.length)
    waiting.done(failure)
  }

  #count(samples: number): void {
    this.#waitingSamples += samples
    this.#options.metrics.samplesWaiting.set(this.#waitingSamples)
    if (this.#waitingSamples > 0) return
    clearInterval(this.#patience)
    this.#patience = undefined
  }

  async #ensureDay(at: number): Promise<void> {
    const distance = Math.floor(at / DAY_MS) - Math.floor(this.#options.clock.now() / DAY_MS)
    if (distance < -DAYS.before || distance > DAYS.after) return
    const day = new Date(at).toISOString().slice(0, 10)
    if (this.#days.has(day)) return
    await ensureSampleDay(this.#options.db, day)
    this.#days.add(day)
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
