// Who may be told about this topic? A trie of filters, and a memory of routes: what has been looked up once is not looked up again.
import type { Grant, Via } from '@ridethrough/protocol/policy.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { parseTopic, type Topic } from '@ridethrough/protocol/topic.ts'
import type { QoS } from './frame.ts'
import type { Session } from './sessions.ts'

/** `grants` are those of `rights` on the route's device; looked up again when the session's rights are others. */
export type Receiver = {
  readonly session: Session
  /** The highest of its filters that the topic falls under [MQTT-3.3.5-1]: overlapping filters deliver once. */
  readonly qos: QoS
  rights: Rights | undefined
  grants: readonly Grant[] | undefined
  /** By these grants it may monitor at any time: they need not be walked for each message. */
  steady: Via | undefined
  /** When its use of the device was last counted, and by which way. */
  notedAt: number
  notedVia: Via | undefined
}

export type Route = {
  readonly name: string
  /** The topic as it lies in a packet, with its length in front. */
  readonly bytes: Buffer
  readonly topic: Topic
  /** What a right is asked on; `undefined` for topics that are about no device. */
  readonly deviceId: string | undefined
  receivers: readonly Receiver[]
  generation: number
  /** It is the one that exact filters are told to; false once it was forgotten. */
  isRemembered: boolean
  /** Messages in the present second, for the bound on each device. */
  second: number
  count: number
}

/** What is empty is left out: with a filter for each of 10,000 agents, empty maps would be most of it. */
type Node = {
  children?: Map<string, Node>
  /** Subscribers of the filter that ends at this level. */
  here?: Map<Session, QoS>
  /** Subscribers of the filter that goes on with `#`, which covers this level too [MQTT-4.7.1-2]. */
  below?: Map<Session, QoS>
}

/** Routes that are remembered, some 500 bytes each; the oldest is forgotten first. */
const MOST_ROUTES = 131_072
const STALE = -1

export class Router {
  readonly #root: Node = {}
  readonly #routes = new Map<string, Route>()
  readonly #mostRoutes: number
  #generation = 0
  #subscriptions = 0

  constructor(options: { readonly mostRoutes?: number } = {}) {
    this.#mostRoutes = options.mostRoutes ?? MOST_ROUTES
  }

  /** Filters of all sessions. */
  get subscriptions(): number {
    return this.#subscriptions
  }

  get size(): number {
    return this.#routes.size
  }

  /** At once: the next message reaches the session. */
  subscribe(session: Session, filter: string, qos: QoS): void {
    const { levels, isOpen } = split(filter)
    let node = this.#root
    for (const level of levels) {
      node.children ??= new Map()
      let next = node.children.get(level)
      if (!next) {
        next = {}
        node.children.set(level, next)
      }
      node = next
    }
    const place = isOpen ? 'below' : 'here'
    node[place] ??= new Map()
    if (!node[place].has(session)) this.#subscriptions += 1
    node[place].set(session, qos)
    this.#forget(filter)
  }

  /** At once: no later message reaches the session by this filter. */
  unsubscribe(session: Session, filter: string): void {
    const { levels, isOpen } = split(filter)
    const path: Node[] = [this.#root]
    for (const level of levels) {
      const next = path.at(-1)?.children?.get(level)
      if (!next) return
      path.push(next)
    }
    const node = path.at(-1) as Node // the root at least
    const place = isOpen ? 'below' : 'here'
    if (!node[place]?.delete(session)) return
    this.#subscriptions -= 1
    if (node[place].size === 0) delete node[place]
    prune(path, levels)
    this.#forget(filter)
  }

  /** Somebody's rights are others: who is told about what has to be looked up again. */
  invalidate(): void {
    this.#generation += 1
  }

  /** The route, when it has been asked for before: the name is fine then. */
  knownRoute(name: string): Route | undefined {
    return this.#routes.get(name)
  }

  /** `undefined`: none of our topics. */
  routeOf(name: string): Route | undefined {
    const known = this.#routes.get(name)
    if (known) return known
    const topic = parseTopic(name)
    if (!topic) return undefined
    const route: Route = {
      name,
      bytes: lengthPrefixed(name),
      topic,
      deviceId: topic.kind === 'device' || topic.kind === 'request' ? topic.deviceId : undefined,
      receivers: [],
      generation: STALE,
      isRemembered: true,
      second: 0,
      count: 0,
    }
    if (this.#routes.size >= this.#mostRoutes) {
      const oldest = this.#routes.values().next()
      if (!oldest.done) {
        oldest.value.isRemembered = false
        this.#routes.delete(oldest.value.name)
      }
    }
    this.#routes.set(name, route)
    return route
  }

  /**
   * Whoever has subscribed and may at some time be told about it: no more than that is remembered. Whether it may be told
   * *now* has to be asked of each, for each message.
   */
  receiversOf(route: Route): readonly Receiver[] {
    // A route that was forgotten meanwhile is not told of exact filters any more: only the remembered one is.
    if (route.generation !== this.#generation || !route.isRemembered) {
      route.receivers = this.#lookUp(route)
      route.generation = this.#generation
    }
    return route.receivers
  }

  #lookUp({ name, topic, deviceId }: Route): readonly Receiver[] {
    const found = new Map<Session, QoS>()
    const add = (subscribers: ReadonlyMap<Session, QoS> | undefined) => {
      for (const [session, qos] of subscribers ?? []) {
        if (mayEverHave(session, topic, deviceId) && (found.get(session) ?? -1) < qos) found.set(session, qos)
      }
    }
    let front: Node[] = [this.#root]
    for (const level of name.split('/')) {
      const next: Node[] = []
      for (const node of front) {
        add(node.below)
        const exact = node.children?.get(level)
        const any = node.children?.get('+')
        if (exact) next.push(exact)
        if (any) next.push(any)
      }
      front = next
    }
    for (const node of front) {
      add(node.here)
      add(node.below)
    }
    return [...found].map(([session, qos]) => newReceiver(session, qos))
  }

  // A filter without wildcards concerns its own name only, so that readers of single devices do not empty the memory.
  #forget(filter: string): void {
    if (filter.includes('+') || filter.includes('#')) this.#generation += 1
    else {
      const route = this.#routes.get(filter)
      if (route) route.generation = STALE
    }
  }
}

function newReceiver(session: Session, qos: QoS): Receiver {
  const unknown = { rights: undefined, grants: undefined, steady: undefined, notedVia: undefined }
  return { session, qos, ...unknown, notedAt: Number.NEGATIVE_INFINITY }
}

/** Wider than what it may have now, and no wider than that: its rights name the device, whatever the hour. */
function mayEverHave({ principal }: Session, topic: Topic, deviceId: string | undefined): boolean {
  if (principal.kind === 'agent') return topic.kind === 'agent' && topic.agentId === principal.id
  return deviceId !== undefined && principal.rights.byDevice.has(deviceId)
}

function split(filter: string): { levels: string[]; isOpen: boolean } {
  const levels = filter.split('/')
  const isOpen = levels.at(-1) === '#'
  if (isOpen) levels.pop()
  return { levels, isOpen }
}

function prune(path: readonly Node[], levels: readonly string[]): void {
  for (let depth = path.length - 1; depth > 0; depth--) {
    const node = path[depth]
    const level = levels[depth - 1]
    const above = path[depth - 1]?.children
    if (!node || level === undefined || !above || node.children || node.here || node.below) return
    above.delete(level)
    if (above.size === 0) delete path[depth - 1]?.children
  }
}

function lengthPrefixed(name: string): Buffer {
  const text = Buffer.from(name)
  const bytes = Buffer.allocUnsafe(2 + text.length)
  bytes.writeUInt16BE(text.length)
  bytes.set(text, 2)
  return bytes
}
