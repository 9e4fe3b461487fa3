// From an agent's publish to the commit: one ordered queue, written in groups, answered only when stored.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Advance } from '@ridethrough/db/query/ingest.ts'
import { type SampleRow, toRow } from '@ridethrough/db/query/sample-row.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Logger } from 'pino'
import { GroupWriter, type OpenGroup } from './group-writer.ts'
import { measureIngest } from './ingest-metrics.ts'
import type { Metrics } from './metrics.ts'

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
  /** For tests: how many samples are sent ahead, and at most in a group. */
  readonly groups?: { readonly flushAt: number; readonly most: number }
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

/** How long the first of a group waits for others; while a group commits, the next one is sent ahead when it has so many. */
const FLUSH_AFTER_MS = 2
const FLUSH_AT_SAMPLES = 1000
/** What the kernel takes in one go, and what comes back in one burst of acknowledgements and new publishes: both hold up the loop. */
const MAX_GROUP = { samples: 2000, bytes: 2 * 1024 * 1024 } as const
/** From here on publishers should not be read from: the database has enough to do until they are read again. */
const CROWDED = { samples: 8000, bytes: 8 * 1024 * 1024 } as const
/** Nothing is taken beyond this. In memory a sample takes about four times its bytes, as what was sent, object and row. */
const MOST = { samples: 50_000, bytes: 32 * 1024 * 1024 } as const
const RETRY_MS = 250
export class Ingest {
  readonly #options: IngestOptions
  readonly #sizes: { readonly flushAt: number; readonly most: number }
  readonly #writer: GroupWriter<Waiting>
  #waiting: Waiting[] = []
  /** The group that is being committed, or written by itself. */
  #finishing: readonly Waiting[] = []
  /** The group behind it, whose rows are on their way. */
  #ahead: OpenGroup<Waiting> | undefined
  /** Something is written that bears nothing beside it: what comes next waits for its end. */
  #isAlone = false
  /** Of those that are not in a group yet. */
  #gathered = 0
  #onGathered: (() => void) | undefined
  #waitingSamples = 0
  #waitingBytes = 0
  #wantRoom = new Set<() => void>()
  /** Those of them who are being given it. */
  #getRoom = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #patience: NodeJS.Timeout | undefined
  #work: Promise<void> | undefined
  #isStopped = false

  constructor(options: IngestOptions) {
    this.#options = options
    this.#sizes = options.groups ?? { flushAt: FLUSH_AT_SAMPLES, most: MAX_GROUP.samples }
    this.#writer = new GroupWriter({
      ...options,
      onStored: (group, advances) => this.#answer(group, advances),
      onRefused: (one, error) => this.#refuse(one, error),
    })
    measureIngest(options.metrics.registry, {
      samples: () => this.#waitingSamples,
      bytes: () => this.#waitingBytes,
      lagSeconds: () => this.#lagSeconds(),
      copied: () => this.#writer.counts.copied,
      again: () => this.#writer.counts.again,
    })
  }

  /**
   * More waits than should, or somebody waits for room: whoever can should stop reading publishers, and ask `onRoom`. If
   * those who have not been stopped went on, those who were would never see half of it gone.
   */
  get isCrowded(): boolean {
    return this.#wantRoom.size > 0 || this.#isFull
  }

  get #isFull(): boolean {
    return this.#waitingSamples >= CROWDED.samples || this.#waitingBytes >= CROWDED.bytes
  }

  /**
   * Calls it once, when half of what makes a crowd is gone: at once where there is none. In the order of asking, and no
   * further than until it is crowded again, so that nobody is passed over. The same function waits only once.
   */
  onRoom(then: () => void): void {
    if (this.isCrowded) this.#wantRoom.add(then)
    else then()
  }

  /** For those who are gone. */
  offRoom(then: () => void): void {
    this.#wantRoom.delete(then)
    this.#getRoom.delete(then)
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
    this.#gathered += rows.length
    const isEnough = this.#gathered >= this.#sizes.flushAt
    if (this.#work) {
      if (isEnough) this.#onGathered?.()
    } else if (isEnough) this.#start()
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

  /** Two groups at a time: the rows of one are on their way while the one before it commits. */
  async #drain(): Promise<void> {
    let former: Promise<void> | undefined
    for (;;) {
      if (former && (this.#isAlone || this.#gathered < this.#sizes.flushAt)) {
        await (this.#isAlone ? former : Promise.race([former, this.#enough()]))
        if (this.#isAlone) continue
      }
      if (this.#waiting.length === 0) {
        if (!former) return
        await former
        former = undefined
        continue
      }
      const next = this.#writer.open(this.#nextGroup())
      this.#ahead = next
      await this.#writer.sent(next)
      // What is answered is answered in the order of the queue, and never before the group in front is committed.
      await former
      // The group in front has failed, and this one waits behind it again.
      if (this.#ahead !== next) continue
      this.#ahead = undefined
      former = this.#finish(next)
    }
  }

  /** Resolves when enough for a group has gathered. */
  #enough(): Promise<void> {
    return new Promise((resolve) => {
      this.#onGathered = resolve
    })
  }

  /** Never rejects. */
  async #finish(open: OpenGroup<Waiting>): Promise<void> {
    this.#finishing = open.group
    this.#isAlone = !this.#writer.isAhead(open)
    const failed = await this.#writer.commit(open)
    if (failed) {
      this.#isAlone = true
      await this.#finishAlone(open, failed.error)
    }
    this.#isAlone = false
    this.#finishing = []
    this.#makeRoom()
  }

  async #finishAlone(open: OpenGroup<Waiting>, error: unknown): Promise<void> {
    const behind = this.#ahead
    this.#ahead = undefined
    if (behind) this.#putBack(behind.group)
    await Promise.all([this.#writer.abandon(open), behind && this.#writer.abandon(behind)])
    try {
      await this.#writer.write(open, error)
    } catch (stillFailing) {
      this.#options.metrics.storeFailures.inc()
      this.#options.log.warn(
        { err: stillFailing, waiting: this.#waitingSamples },
        'samples could not be stored, trying again',
      )
      this.#putBack(open.group)
      this.#finishing = []
      this.#giveUpOnOld()
      if (this.#waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** In front of all that waits. */
  #putBack(group: readonly Waiting[]): void {
    this.#waiting.unshift(...group.filter(({ isSettled }) => !isSettled))
    this.#gathered = countSamples(this.#waiting)
  }

  #nextGroup(): Waiting[] {
    let count = 0
    let samples = 0
    let bytes = 0
    for (const one of this.#waiting) {
      samples += one.rows.length
      bytes += one.bytes
      if (count > 0 && (samples > this.#sizes.most || bytes > MAX_GROUP.bytes)) break
      count += 1
    }
    const group = this.#waiting.splice(0, count)
    this.#gathered -= countSamples(group)
    return group
  }

  #refuse(one: Waiting, error: unknown): void {
    this.#options.log.error({ err: error, device: one.entry.deviceId }, 'the database refuses a sample')
    this.#settle(one, 'sample-refused')
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
    for (const waiting of [...this.#finishing, ...(this.#ahead?.group ?? []), ...this.#waiting]) {
      if (isOld(waiting)) this.#settle(waiting, 'store-unavailable')
    }
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled)
    this.#gathered = countSamples(this.#waiting)
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
    // A group at a time: all of it at once would hold up the loop, and there is a next time when that group is stored. Those
    // who are given room ask again when they have filled it: behind all others.
    const enough = this.#waitingSamples + MAX_GROUP.samples
    this.#getRoom = this.#wantRoom
    this.#wantRoom = new Set()
    for (const then of this.#getRoom) {
      if (this.#isFull || this.#waitingSamples >= enough) break
      this.#getRoom.delete(then)
      then()
    }
    this.#wantRoom = new Set([...this.#getRoom, ...this.#wantRoom])
    this.#getRoom = new Set()
  }

  #lagSeconds(): number {
    const open = [this.#finishing, this.#ahead?.group ?? [], this.#waiting]
    const oldest = open.map((group) => group.find(({ isSettled }) => !isSettled)).find((one) => one !== undefined)
    return oldest ? (this.#options.clock.monotonic() - oldest.since) / 1000 : 0
  }
}

function countSamples(group: readonly Waiting[]): number {
  return group.reduce((sum, { rows }) => sum + rows.length, 0)
}
