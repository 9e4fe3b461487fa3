// Who listens to this topic? The `mq` of Aedes: a trie of filters, a cache of names, no recursion, nobody is waited for.

/** What is handed on; the emitter looks at the topic only. */
export type Message = { readonly topic: string }
export type Listener<M extends Message> = (message: M, done: () => void) => void

type Node<M extends Message> = {
  readonly children: Map<string, Node<M>>
  /** Listeners of the filter that ends at this level. */
  readonly here: Set<Listener<M>>
  /** Listeners of the filter that goes on with `#`, which covers this level too [MQTT-4.7.1-2]. */
  readonly below: Set<Listener<M>>
}

export type EmitterOptions = {
  /** Names whose listeners are remembered; the oldest is forgotten first. */
  readonly cacheLimit?: number
  /** A listener that throws keeps the message from nobody else. */
  readonly onError: (error: unknown, topic: string) => void
}

const CACHE_LIMIT = 16_384
const noop = () => {}

export class Emitter<M extends Message> {
  /** Part of mqemitter's interface: 0 is "no limit", because nothing ever waits here. */
  readonly concurrency = 0
  readonly #root: Node<M> = newNode()
  readonly #cache = new Map<string, readonly Listener<M>[]>()
  readonly #cacheLimit: number
  readonly #onError: EmitterOptions['onError']
  #waiting: M[] = []
  #isDraining = false
  #settled: (() => void)[] = []
  #isClosed = false

  constructor(options: EmitterOptions) {
    this.#cacheLimit = options.cacheLimit ?? CACHE_LIMIT
    this.#onError = options.onError
  }

  /** Messages handed on whose callback has not run yet. */
  get current(): number {
    return this.#settled.length
  }

  get cached(): number {
    return this.#cache.size
  }

  /**
   * At once: when this returns, the next message reaches the listener. `done` is called at once as well: the engine books a
   * subscription in it, and an UNSUBSCRIBE booked later than the SUBSCRIBE that follows it would end that one.
   */
  on(filter: string, listener: Listener<M>, done?: () => void): this {
    const { node, isOpen } = this.#reach(filter)
    const set = isOpen ? node.below : node.here
    set.add(listener)
    this.#forget(filter)
    done?.()
    return this
  }

  /** At once: when this returns, no message emitted later reaches the listener. */
  removeListener(filter: string, listener: Listener<M>, done?: () => void): this {
    const levels = filter.split('/')
    const isOpen = levels.at(-1) === '#'
    if (isOpen) levels.pop()
    const path: Node<M>[] = [this.#root]
    for (const level of levels) {
      const next = path.at(-1)?.children.get(level)
      if (!next) break
      path.push(next)
    }
    if (path.length === levels.length + 1) {
      const node = path.at(-1)
      const set = isOpen ? node?.below : node?.here
      set?.delete(listener)
      prune(path, levels)
      this.#forget(filter)
    }
    done?.()
    return this
  }

  /** Calls every listener once per filter of its that matches; `done` runs in a later turn and waits for no listener. */
  emit(message: M, done?: (error?: Error) => void): this {
    if (this.#isClosed) {
      if (done) setImmediate(done, new Error('the emitter is closed'))
      return this
    }
    this.#waiting.push(message)
    if (done) this.#settle(done)
    // A listener may emit: its message takes its turn after this one, instead of deepening the stack.
    if (!this.#isDraining) this.#drain()
    return this
  }

  close(done?: () => void): this {
    this.#isClosed = true
    this.#cache.clear()
    if (done) setImmediate(done)
    return this
  }

  #drain(): void {
    this.#isDraining = true
    for (let index = 0; index < this.#waiting.length; index++) {
      const message = this.#waiting[index] as M // index is below the length
      for (const listener of this.#listenersOf(message.topic)) {
        try {
          listener(message, noop)
        } catch (error) {
          this.#onError(error, message.topic)
        }
      }
    }
    this.#waiting = []
    this.#isDraining = false
  }

  // Aedes reads on from inside the callback: called here and now it would parse within its own parser, ever deeper.
  #settle(done: () => void): void {
    this.#settled.push(done)
    if (this.#settled.length > 1) return
    setImmediate(() => {
      const settled = this.#settled
      this.#settled = []
      for (const each of settled) each()
    })
  }

  #listenersOf(topic: string): readonly Listener<M>[] {
    const known = this.#cache.get(topic)
    if (known) return known
    const found = this.#search(topic)
    if (this.#cache.size >= this.#cacheLimit) {
      const oldest = this.#cache.keys().next()
      if (!oldest.done) this.#cache.delete(oldest.value)
    }
    this.#cache.set(topic, found)
    return found
  }

  #search(topic: string): readonly Listener<M>[] {
    const levels = topic.split('/')
    const found: Listener<M>[] = []
    // [MQTT-4.7.2-1]: a leading wildcard does not match `$` topics.
    const isReserved = topic.startsWith('$')
    let front: Node<M>[] = [this.#root]
    for (const [depth, level] of levels.entries()) {
      const next: Node<M>[] = []
      for (const node of front) {
        const mayWild = !(isReserved && depth === 0)
        if (mayWild) found.push(...node.below)
        const exact = node.children.get(level)
        const any = mayWild && level !== '+' ? node.children.get('+') : undefined
        if (exact) next.push(exact)
        if (any) next.push(any)
      }
      front = next
    }
    for (const node of front) found.push(...node.here, ...node.below)
    return found
  }

  #reach(filter: string): { node: Node<M>; isOpen: boolean } {
    const levels = filter.split('/')
    const isOpen = levels.at(-1) === '#'
    if (isOpen) levels.pop()
    let node = this.#root
    for (const level of levels) {
      let next = node.children.get(level)
      if (!next) {
        next = newNode()
        node.children.set(level, next)
      }
      node = next
    }
    return { node, isOpen }
  }

  // A filter without wildcards concerns its own name only, so that readers of single devices do not empty the cache.
  #forget(filter: string): void {
    if (filter.includes('+') || filter.includes('#')) this.#cache.clear()
    else this.#cache.delete(filter)
  }
}

function prune<M extends Message>(path: readonly Node<M>[], levels: readonly string[]): void {
  for (let depth = path.length - 1; depth > 0; depth--) {
    const node = path[depth]
    const level = levels[depth - 1]
    if (!node || level === undefined || node.children.size + node.here.size + node.below.size > 0) return
    path[depth - 1]?.children.delete(level)
  }
}

function newNode<M extends Message>(): Node<M> {
  return { children: new Map(), here: new Set(), below: new Set() }
}
