// Sign-ins take turns: a bounded number at once, the others in order, agents and persons alternately.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'

export type TurnKind = 'agent' | 'person'

/** Gives the turn to the next; further calls do nothing. */
export type GiveBack = () => void

type Waiter = {
  readonly since: number
  readonly isGone: () => boolean
  readonly answer: (turn: GiveBack | undefined) => void
}

export type SignInsOptions = { readonly limits: Limits; readonly clock: Clock; readonly metrics: Metrics }

export class SignIns {
  readonly #options: SignInsOptions
  readonly #waiting: Readonly<Record<TurnKind, Queue>> = { agent: new Queue(), person: new Queue() }
  #taken = 0
  #lastKind: TurnKind = 'person'
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: SignInsOptions) {
    this.#options = options
  }

  /**
   * Resolves when it is this one's turn. `undefined`: too many wait, or it has waited too long, or it is gone; it is to
   * come back later.
   */
  turn(kind: TurnKind, isGone: () => boolean = () => false): Promise<GiveBack | undefined> {
    const { limits, clock, metrics } = this.#options
    if (this.#isStopped) return Promise.resolve(undefined)
    if (this.#taken < limits.signIns) return Promise.resolve(this.#give(kind))
    hit(metrics, 'signIns')
    const queue = this.#waiting[kind]
    if (queue.length >= limits.signInsWaiting) {
      hit(metrics, 'signInsWaiting')
      return Promise.resolve(undefined)
    }
    return new Promise((answer) => {
      queue.push({ since: clock.monotonic(), isGone, answer })
      this.#show(kind)
      this.#timer ??= setTimeout(() => this.#expire(), limits.signInWaitMs)
    })
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    for (const kind of KINDS) {
      for (let next = this.#waiting[kind].shift(); next; next = this.#waiting[kind].shift()) next.answer(undefined)
      this.#show(kind)
    }
  }

  #give(kind: TurnKind): GiveBack {
    this.#taken += 1
    this.#options.metrics.signIns.inc({ kind })
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#taken -= 1
      this.#options.metrics.signIns.dec({ kind })
      this.#next()
    }
  }

  #next(): void {
    while (this.#taken < this.#options.limits.signIns) {
      const kind = this.#kindOfNext()
      if (kind === undefined) return
      this.#lastKind = kind
      const waiter = this.#waiting[kind].shift()
      this.#show(kind)
      if (waiter) waiter.answer(waiter.isGone() ? undefined : this.#give(kind))
    }
  }

  #kindOfNext(): TurnKind | undefined {
    const other = this.#lastKind === 'agent' ? 'person' : 'agent'
    if (this.#waiting[other].length > 0) return other
    return this.#waiting[this.#lastKind].length > 0 ? this.#lastKind : undefined
  }

  /** Who came first has waited longest, so that only the heads of the queues are looked at. */
  #expire(): void {
    const { limits, clock, metrics } = this.#options
    const now = clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const kind of KINDS) {
      const queue = this.#waiting[kind]
      for (let first = queue.first(); first; first = queue.first()) {
        const left = first.since + limits.signInWaitMs - now
        if (left > 0) {
          next = Math.min(next, left)
          break
        }
        queue.shift()
        if (!first.isGone()) hit(metrics, 'signInWaitMs')
        first.answer(undefined)
      }
      this.#show(kind)
    }
    this.#timer = next === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => this.#expire(), Math.ceil(next))
  }

  #show(kind: TurnKind): void {
    this.#options.metrics.signInsWaiting.set({ kind }, this.#waiting[kind].length)
  }
}

const KINDS: readonly TurnKind[] = ['agent', 'person']

/** First in, first out, without moving all the others for each that leaves. */
class Queue {
  #items: (Waiter | undefined)[] = []
  #from = 0

  get length(): number {
    return this.#items.length - this.#from
  }

  push(waiter: Waiter): void {
    this.#items.push(waiter)
  }

  first(): Waiter | undefined {
    return this.#items[this.#from]
  }

  shift(): Waiter | undefined {
    const waiter = this.#items[this.#from]
    if (this.#from >= this.#items.length) return undefined
    this.#items[this.#from] = undefined
    this.#from += 1
    if (this.#from >= 1024 && this.#from * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#from)
      this.#from = 0
    }
    return waiter
  }
}
