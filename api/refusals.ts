// Refused attempts on their way into the event log. All of the log is one chain, whose head only one transaction can hold:
// whoever is refused a thousand times a second must not keep it from those who do something.

import type { Clock } from '@ridethrough/db/clock.ts'
import { appendEventsAlone } from '@ridethrough/db/query/event.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Logger } from 'pino'
import { type Actor, eventOf, type Refusal } from './event.ts'

const WINDOW_MS = 60_000
/** Rows a minute of one kind from one address; what comes beyond is counted and makes one row together. */
const MOST_OF_ADDRESS = 20
/** Rows a minute from everywhere. */
const MOST = 300
/** How many of those counts are kept apart; beyond that, one for each kind and code. */
const MOST_COUNTS = 100

type Count = { readonly actor: Actor; readonly refusal: Refusal; more: number }

type Window = {
  readonly startedAt: number
  rows: number
  readonly rowsOf: Map<string, number>
  readonly counts: Map<string, Count>
}

export class Refusals {
  readonly #options: { readonly db: Db; readonly clock: Clock; readonly log: Logger }
  #window: Window
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: { readonly db: Db; readonly clock: Clock; readonly log: Logger }) {
    this.#options = options
    this.#window = newWindow(options.clock.now())
  }

  /** Never rejects. */
  async record(actor: Actor, refusal: Refusal): Promise<void> {
    const now = this.#options.clock.now()
    if (now - this.#window.startedAt >= WINDOW_MS || now < this.#window.startedAt) this.#turn(now)
    if (takesRow(this.#window, `${networkOf(actor.address)} ${refusal.kind}`)) return this.#write([{ actor, refusal }])
    count(this.#window, actor, refusal)
    // The window may be the last one for hours: its counts are written when it ends, not when the next begins.
    this.#timer ??= setTimeout(() => this.#turn(this.#options.clock.now()), WINDOW_MS).unref()
  }

  /** Writes what is counted so far; repeats are harmless. */
  async stop(): Promise<void> {
    this.#turn(this.#options.clock.now())
    await this.#writing
  }

  #turn(now: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { counts, startedAt } = this.#window
    this.#window = newWindow(now)
    const since = new Date(startedAt).toISOString()
    const rows = [...counts.values()].map(({ actor, refusal, more }) => ({
      actor: { ...actor, now },
      refusal: { ...refusal, subject: { more, since } },
    }))
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows))
  }

  async #write(rows: readonly { readonly actor: Actor; readonly refusal: Refusal }[]): Promise<void> {
    const { db, log } = this.#options
    try {
      const events = await Promise.all(
        rows.map(({ actor, refusal }) =>
          eventOf(db, actor, { ...refusal, subject: { ...refusal.subject, code: refusal.code } }, 'refused'),
        ),
      )
      await appendEventsAlone(db, events)
    } catch (error) {
      log.error({ err: error, rows: rows.length }, 'refused attempts could not be written to the event log')
    }
  }
}

function newWindow(startedAt: number): Window {
  return { startedAt, rows: 0, rowsOf: new Map(), counts: new Map() }
}

function takesRow(window: Window, key: string): boolean {
  const rows = window.rowsOf.get(key) ?? 0
  if (rows >= MOST_OF_ADDRESS || window.rows >= MOST) return false
  window.rowsOf.set(key, rows + 1)
  window.rows += 1
  return true
}

function count({ counts }: Window, actor: Actor, refusal: Refusal): void {
  const whose = [networkOf(actor.address), actor.accountId, refusal.companyId ?? actor.companyId]
  const own = [refusal.kind, refusal.code, ...whose].join(' ')
  const isRoom = counts.has(own) || counts.size < MOST_COUNTS
  const key = isRoom ? own : `${refusal.kind} ${refusal.code}`
  const known = counts.get(key)
  if (known) known.more += 1
  else if (isRoom) counts.set(key, { actor, refusal, more: 1 })
  else counts.set(key, { actor: nobody(actor), refusal: { ...refusal, companyId: null }, more: 1 })
}

function nobody({ now }: Actor): Actor {
  return { accountId: null, credentialId: null, companyId: null, address: '', now }
}

/** Whoever has an IPv6 address has the 2^64 beside it as well. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length)
  const groups = [...first, ...Array.from({ length: gap }, () => '0'), ...last]
  return groups.slice(0, 4).join(':')
}
