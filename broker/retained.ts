// The newest state of every device, kept once: what a new subscription is answered with, from the subscriber's own rights.

import type { Listener } from '@ridethrough/db/listen.ts'
import {
  type DeviceSample,
  devicesChangedSince,
  findNewestSamples,
  listNewestSamples,
} from '@ridethrough/db/query/ingest.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { deviceTopic, matches } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import type { Delivery } from './deliver.ts'
import type { QoS } from './frame.ts'
import type { Session } from './sessions.ts'

/** `handedOn`: up to here the subscribers have had it; what was read from the database may be ahead of that. */
type Kept = { readonly seq: number; readonly payload: Buffer; readonly handedOn: number }

const PAGE = 1000
/** What may wait for a receiver before it is given more. */
const PACE_BYTES = 64 * 1024

export class RetainedStates {
  readonly #db: Db
  readonly #log: Logger
  readonly #states = new Map<string, Kept>()
  #offs: (() => void)[] = []
  /** Deletions up to this version of access are out of memory. */
  #seen = 0
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined

  private constructor(db: Db, log: Logger) {
    this.#db = db
    this.#log = log
  }

  static async start(db: Db, listener: Listener, log: Logger): Promise<RetainedStates> {
    const states = new RetainedStates(db, log)
    // read before the states, so that whatever is deleted meanwhile is looked at again
    states.#seen = (await devicesChangedSince(db, Number.MAX_SAFE_INTEGER)).version
    await states.#fill()
    states.#offs = [listener.on('access_change', () => states.#lookSoon()), listener.onUp(() => states.#lookSoon())]
    return states
  }

  get size(): number {
    return this.#states.size
  }

  /** Keeps it if it is newer than what is kept; false when it was handed on before, or is older than what was. */
  put(deviceId: string, seq: number, payload: Buffer): boolean {
    const kept = this.#states.get(deviceId)
    if (kept && seq <= kept.handedOn) return false
    const newest = kept && kept.seq > seq ? kept : { seq, payload }
    this.#states.set(deviceId, { ...newest, handedOn: seq })
    return true
  }

  /** The device had no state until now: what is kept here was another owner's. */
  forget(deviceId: string): void {
    this.#states.delete(deviceId)
  }

  /** Sends what is kept of the subscriber's devices under this filter; looks at those devices only. */
  async send(delivery: Delivery, session: Session, filter: string, qos: QoS): Promise<void> {
    // A device that was deleted and claimed by somebody else keeps its id: its former owner's state must be gone first. Rights
    // may have come while this waited for the lease, or the lease ended while it looked.
    for (;;) {
      if (this.#seen < session.principal.version) await this.#lookNow()
      else if (delivery.isServing) break
      else if (!(await delivery.whenServing())) return
    }
    // unsubscribed, or cut, while this waited
    if (session.connection.destroyed || !session.subscriptions.has(filter)) return
    const exact = filter.split('/')[2]
    const ids =
      exact !== undefined && exact !== '+' && exact !== '#' ? [exact] : session.principal.rights.byDevice.keys()
    for (const id of ids) {
      // in this order: most of ten thousand devices may have nothing kept
      if (!this.#states.has(id)) continue
      const topic = deviceTopic(id, 'state')
      if (!matches(filter, topic)) continue
      // Thousands of them would cut a reader that does keep up. What is sent after a wait is what is kept then.
      if (session.connection.backlog > PACE_BYTES && !(await session.connection.whenBelow(PACE_BYTES))) return
      const kept = this.#states.get(id)
      if (kept && session.subscriptions.has(filter)) {
        delivery.sendTo(session, topic, kept.payload, { qos, retain: true })
      }
    }
  }

  async stop(): Promise<void> {
    for (const off of this.#offs) off()
    await Promise.allSettled([this.#running, this.#queued])
  }

  async #fill(): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await listNewestSamples(this.#db, after, PAGE)
      for (const one of page) this.#states.set(one.deviceId, toKept(one))
      after = page.at(-1)?.deviceId
      if (page.length < PAGE) return
    }
  }

  #lookSoon(): void {
    this.#lookNow().catch((error: unknown) => this.#log.warn({ err: error }, 'deleted devices could not be looked for'))
  }

  // One that is under way may have read before the change that is asked about: the next one is asked, and shared.
  #lookNow(): Promise<void> {
    this.#queued ??= Promise.allSettled([this.#running]).then(() => {
      this.#queued = undefined
      this.#running = this.#forgetDeleted()
      return this.#running
    })
    return this.#queued
  }

  async #forgetDeleted(): Promise<void> {
    const { version, deviceIds } = await devicesChangedSince(this.#db, this.#seen)
    const before = new Map(
      deviceIds.flatMap((id) => {
        const kept = this.#states.get(id)
        return kept ? [[id, kept] as const] : []
      }),
    )
    if (before.size > 0) {
      const found = new Map((await findNewestSamples(this.#db, [...before.keys()])).map((one) => [one.deviceId, one]))
      for (const [id, kept] of before) {
        // a sample that was stored meanwhile is newer than what was read
        if (this.#states.get(id) !== kept) continue
        const one = found.get(id)
        if (!one) this.#states.delete(id)
        else if (one.sample.seq !== kept.seq) {
          // It may be stored and not handed on yet: then the subscribers are still to get it.
          const read = toKept(one)
          this.#states.set(id, { ...read, handedOn: Math.min(read.seq, kept.handedOn) })
        }
      }
    }
    this.#seen = Math.max(this.#seen, version)
  }
}

function toKept({ sample }: DeviceSample): Kept {
  const { seq } = sample
  return { seq, payload: Buffer.from(JSON.stringify(sample)), handedOn: seq }
}
