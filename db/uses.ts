// Counts in memory what is made of shares, guest entries and links, and stores it every few seconds: for the ledger of both sides.
import type { Via } from '@ridethrough/protocol/policy.ts'
import type { Logger } from 'pino'
import { addUses, type CountedUse, type UseKind } from './query/use.ts'
import type { Db } from './schema.ts'

/** One credential counts on one device, through one grant, at most so often; and what goes on is looked at so often. */
export const USE_MS = 60_000
const FLUSH_MS = 5000
/** Bounds of memory, some 20 MB. Beyond them uses are lost rather than the process. */
const MOST_WAITING = 50_000
const MOST_REMEMBERED = 100_000

type Waiting = { -readonly [Key in keyof CountedUse]: CountedUse[Key] }

export type UsesOptions = {
  readonly db: Db
  readonly log: Logger
}

export class Uses {
  readonly #options: UsesOptions
  /** Not stored yet, by grant and device. */
  #waiting = new Map<string, Waiting>()
  /** When each was last counted, the oldest first. */
  readonly #counted = new Map<string, number>()
  #lost = 0
  #flushing: Promise<void> = Promise.resolve()
  readonly #timer: NodeJS.Timeout

  constructor(options: UsesOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#flushSoon(), FLUSH_MS)
    this.#timer.unref()
  }

  /**
   * Somebody was given something about the device, by this way: counted, unless the same credential was counted there
   * within the last minute. What owners and members do with their own devices is nothing that they were lent.
   */
  note(credentialId: string, via: Via, deviceId: string, now: number): void {
    const grant = grantOf(via)
    if (!grant) return
    const key = `${credentialId} ${via} ${deviceId}`
    const last = this.#counted.get(key)
    const isNew = last === undefined || Math.abs(now - last) >= USE_MS
    if (isNew) this.#remember(key, now)
    this.#add(grant, deviceId, isNew ? 1 : 0, now)
  }

  /** What was counted before goes on. */
  refresh(via: Via, deviceId: string, now: number): void {
    const grant = grantOf(via)
    if (grant) this.#add(grant, deviceId, 0, now)
  }

  /** Resolves when all that was noted before is stored, or could not be: then it is kept for the next time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#store())
    return this.#flushing
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  #flushSoon(): void {
    if (this.#waiting.size > 0) void this.flush()
  }

  #add({ kind, grantId }: { kind: UseKind; grantId: string }, deviceId: string, uses: number, now: number): void {
    const key = `${grantId} ${deviceId}`
    const known = this.#waiting.get(key)
    if (known) {
      known.uses += uses
      known.lastAt = Math.max(known.lastAt, now)
    } else if (this.#waiting.size < MOST_WAITING) {
      this.#waiting.set(key, { kind, grantId, deviceId, uses, firstAt: now, lastAt: now })
    } else this.#lost += uses
  }

  #remember(key: string, now: number): void {
    // Put at the end again, so that the first are the oldest.
    this.#counted.delete(key)
    this.#counted.set(key, now)
    for (const [oldest, at] of this.#counted) {
      if (this.#counted.size <= MOST_REMEMBERED && Math.abs(now - at) < USE_MS) break
      this.#counted.delete(oldest)
    }
  }

  async #store(): Promise<void> {
    const { db, log } = this.#options
    if (this.#lost > 0) {
      log.warn({ uses: this.#lost }, 'more was made of shares, guest entries and links than could be kept count of')
      this.#lost = 0
    }
    const batch = this.#waiting
    if (batch.size === 0) return
    this.#waiting = new Map()
    try {
      await addUses(db, [...batch.values()])
    } catch (error) {
      log.warn({ err: error, uses: batch.size }, 'what was made of shares could not be stored: it is tried again')
      for (const use of batch.values()) this.#putBack(use)
    }
  }

  #putBack(use: Waiting): void {
    this.#add(use, use.deviceId, use.uses, use.lastAt)
    const kept = this.#waiting.get(`${use.grantId} ${use.deviceId}`)
    if (kept) kept.firstAt = Math.min(kept.firstAt, use.firstAt)
  }
}

/**
 * What one connection makes use of. Beginning is a use; going on is none, and costs a look at a map and no memory, since
 * it is asked on every delivery.
 */
export class ConnectionUses {
  readonly #uses: Uses
  readonly #credentialId: string
  readonly #marks = new Map<string, { via: Via; at: number }>()

  constructor(uses: Uses, credentialId: string) {
    this.#uses = uses
    this.#credentialId = credentialId
  }

  note(via: Via, deviceId: string, now: number): void {
    if (via === 'owner' || via === 'member') return
    const mark = this.#marks.get(deviceId)
    if (mark?.via === via) {
      if (Math.abs(now - mark.at) < USE_MS) return
      mark.at = now
      this.#uses.refresh(via, deviceId, now)
    } else {
      this.#marks.set(deviceId, { via, at: now })
      this.#uses.note(this.#credentialId, via, deviceId, now)
    }
  }
}

function grantOf(via: Via): { kind: UseKind; grantId: string } | undefined {
  const colon = via.indexOf(':')
  if (colon < 0) return undefined
  return { kind: via.slice(0, colon) as UseKind, grantId: via.slice(colon + 1) }
}
