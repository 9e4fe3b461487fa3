// What is done once per turn of the event loop for all connections: handing to the sockets what was written for them.

/** Small ones for those who get little, large ones for those who get much: what waits for a slow reader costs about what it holds. */
export const SLAB_BYTES = { small: 4 * 1024, large: 64 * 1024 } as const
/** 9 MB at most. */
const KEPT = { small: 256, large: 128 } as const

export type Slab = {
  readonly bytes: Buffer
  end: number
  readonly ends: number[]
  readonly devices: (string | undefined)[]
}

/** After so long in one turn, whoever comes next waits for the next one: timers, lease and health answers have their part in between. */
const TURN_MS = 10

export type Flushable = { flush(): void }

export class Turn {
  #dirty: Flushable[] = []
  #later: (() => void)[] = []
  #isPlanned = false
  #number = 0
  #startedAt = 0
  readonly #small: Buffer[] = []
  readonly #large: Buffer[] = []

  /** Counts up with each turn in which it is asked for. */
  get number(): number {
    this.#plan()
    return this.#number
  }

  /** Whether this turn has taken its time. */
  get isOver(): boolean {
    return this.#isPlanned && performance.now() - this.#startedAt > TURN_MS
  }

  /** Calls `flush` at the end of this turn; to be asked once a turn only. */
  flushLater(one: Flushable): void {
    this.#dirty.push(one)
    this.#plan()
  }

  /** Calls it when everybody else had their turn; in the order of asking, and no more of them in one turn than there is time for. */
  next(then: () => void): void {
    this.#later.push(then)
    this.#plan()
  }

  /** An empty slab for at least so many bytes. */
  take(bytes: number, isSmall: boolean): Slab {
    const size = isSmall && bytes <= SLAB_BYTES.small ? SLAB_BYTES.small : Math.max(SLAB_BYTES.large, bytes)
    const kept = size === SLAB_BYTES.small ? this.#small : size === SLAB_BYTES.large ? this.#large : []
    return { bytes: kept.pop() ?? Buffer.allocUnsafeSlow(size), end: 0, ends: [], devices: [] }
  }

  /** Nobody reads or writes it any more. */
  give({ bytes }: Slab): void {
    if (bytes.length === SLAB_BYTES.small && this.#small.length < KEPT.small) this.#small.push(bytes)
    else if (bytes.length === SLAB_BYTES.large && this.#large.length < KEPT.large) this.#large.push(bytes)
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#startedAt = performance.now()
    setImmediate(() => this.#run())
  }

  #run(): void {
    this.#isPlanned = false
    this.#number += 1
    const [dirty, later] = [this.#dirty, this.#later]
    this.#dirty = []
    this.#later = []
    for (const one of dirty) one.flush()
    const until = performance.now() + TURN_MS
    let done = 0
    for (; done < later.length && performance.now() < until; done += 1) later[done]?.()
    if (done === later.length) return
    this.#later = [...later.slice(done), ...this.#later]
    this.#plan()
  }
}
