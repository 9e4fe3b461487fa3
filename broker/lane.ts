// What signed-in clients publish, past the engine: live messages as the bytes they are, everything else to be read and stored.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Principal } from '@ridethrough/db/edge.ts'
import { parseTopic, type Topic } from '@ridethrough/protocol/topic.ts'
import { type Connection, HOLD, type Taker } from './connection.ts'
import type { Delivery } from './deliver.ts'
import { type Frame, type FrameReader, type PublishFrame, type QoS, type TextAt, textAt } from './frame.ts'
import { inspect } from './guard.ts'
import type { Inbound } from './inbound.ts'
import type { Ingest } from './ingest.ts'
import { Bucket, type Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { publishFaultOf } from './reasons.ts'
import type { Route, Router } from './router.ts'
import type { Session } from './sessions.ts'

export type LaneOptions = {
  readonly router: Router
  readonly delivery: Delivery
  readonly inbound: Inbound
  readonly ingest: Ingest
  readonly clock: Clock
  readonly limits: Limits
  readonly metrics: Metrics
}

/** Of one connection's publishes that wait for the store; the packets are held in memory. */
const MAX_UNANSWERED_BYTES = 1024 * 1024

/** One for all: it is copied as soon as it is filled in. */
const PUBACK = Buffer.from([0x40, 2, 0, 0])

export class Lane {
  readonly options: LaneOptions
  /** Shared by all connections of a credential. */
  readonly #rates = new WeakMap<Principal, Rates>()

  constructor(options: LaneOptions) {
    this.options = options
  }

  publisherFor(session: Session): Publisher {
    const { principal } = session
    let rates = this.#rates.get(principal)
    if (!rates) {
      rates = newRates(this.options.limits, principal, this.options.clock.monotonic())
      this.#rates.set(principal, rates)
    }
    return new Publisher(this.options, session, rates)
  }
}

type Rates = { readonly publishes: Bucket; readonly bytes: Bucket }

function newRates(limits: Limits, { kind }: Principal, now: number): Rates {
  const isAgent = kind === 'agent'
  const publishes = isAgent ? limits.publishesPerSecondPerAgent : limits.publishesPerSecondPerCredential
  const bytes = isAgent ? limits.bytesPerSecondPerAgent : limits.bytesPerSecondPerCredential
  return { publishes: new Bucket(publishes, publishes, now), bytes: new Bucket(bytes, bytes, now) }
}

/** A publish that has its answer, or waits for it behind others: PUBACKs leave in the order of the publishes. */
type Unanswered = { readonly packetId: number; readonly bytes: number; isSettled: boolean }

class Publisher implements Taker {
  readonly #options: LaneOptions
  readonly #session: Session
  readonly #connection: Connection
  readonly #rates: Rates
  /** The route of the last live message, and the devices under which it was found right. */
  #route: Route | undefined
  #devices: ReadonlySet<string> | undefined
  /** Live messages at QoS 0 that lie in a row, not handed out yet. */
  #run: { bytes: Buffer; start: number; end: number; count: number } | undefined
  #unanswered: Unanswered[] = []
  #unansweredBytes = 0
  /** Read, and not yet counted against the rates. */
  #messages = 0
  #bytes = 0
  #pausedUntil = 0
  #onRoom: (() => void) | undefined

  constructor(options: LaneOptions, session: Session, rates: Rates) {
    this.#options = options
    this.#session = session
    this.#connection = session.connection
    this.#rates = rates
  }

  publish(reader: FrameReader): void {
    if (this.#session.principal.kind === 'agent') this.#messages += 1
    this.#bytes += reader.end - reader.at
    if (!this.#tryLive(reader)) this.#read(reader.frame())
  }

  pumped(): void {
    this.#handOutRun()
    if (this.#bytes > 0) this.#payFor()
  }

  /** False when this is no live message of an agent's, or has something about it that must be looked at closely. */
  #tryLive(reader: FrameReader): boolean {
    const { bytes, at, body, end } = reader
    const first = bytes[at] as number
    // neither retained nor a repeat, QoS 0 or 1
    if ((first & 0x0d) !== 0) return false
    const route = this.#liveRouteAt(bytes, body, end)
    if (!route) return false
    const idAt = body + route.bytes.length
    if (first === 0x30) {
      if (end - idAt > this.#options.limits.payloadBytes) return false
      this.#extendRun(bytes, at, end)
      return true
    }
    const packetId = idAt + 2 <= end ? bytes.readUInt16BE(idAt) : 0
    if (packetId === 0 || end - idAt - 2 > this.#options.limits.payloadBytes) return false
    this.#handOutRun()
    this.#handOut(route, { qos: 1, bytes, start: at, end, idAt, count: 1 })
    this.#answer({ packetId, bytes: 0, isSettled: true })
    return true
  }

  /** The route of a device of this agent's, when these bytes name its live topic and have been looked at before. */
  #liveRouteAt(bytes: Buffer, at: number, end: number): Route | undefined {
    const { devices } = this.#session
    if (this.#route && this.#devices === devices && startsWith(bytes, at, end, this.#route.bytes)) return this.#route
    if (this.#session.principal.kind !== 'agent' || at + 2 > end) return undefined
    const nameEnd = at + 2 + bytes.readUInt16BE(at)
    if (nameEnd > end) return undefined
    const route = this.#options.router.knownRoute(bytes.toString('latin1', at + 2, nameEnd))
    const isLive = route?.topic.kind === 'device' && route.topic.suffix === 'live' && devices.has(route.topic.deviceId)
    if (!isLive) return undefined
    this.#handOutRun()
    this.#route = route
    this.#devices = devices
    return route
  }

  #extendRun(bytes: Buffer, start: number, end: number): void {
    const run = this.#run
    if (run && run.bytes === bytes && run.end === start) {
      run.end = end
      run.count += 1
    } else {
      this.#handOutRun()
      this.#run = { bytes, start, end, count: 1 }
    }
  }

  #handOutRun(): void {
    const run = this.#run
    const route = this.#route
    if (!run || !route) return
    this.#run = undefined
    this.#handOut(route, { qos: 0, bytes: run.bytes, start: run.start, end: run.end, idAt: 0, count: run.count })
  }

  #handOut(route: Route, frame: PublishFrame): void {
    const { delivery, metrics, clock, limits } = this.#options
    metrics.counts.live += frame.count
    delivery.handOut(route, frame)
    const second = Math.floor(clock.monotonic() / 1000)
    if (route.second !== second) {
      route.second = second
      route.count = 0
    }
    route.count += frame.count
    if (route.count > limits.livePerSecondPerDevice) {
      hit(metrics, 'livePerSecondPerDevice')
      this.#pause((second + 1) * 1000 - clock.monotonic())
    }
  }

  /** Everything else: looked at byte by byte, then read. */
  #read(frame: Frame): void {
    this.#handOutRun()
    const { limits, inbound, metrics } = this.#options
    const known = this.#knownTopicIn(frame)
    const verdict = inspect(frame, limits, known)
    const topic = known ?? textAt(frame.bytes, frame.body)
    if (verdict.do === 'close' || !topic) {
      this.#connection.refuse(verdict.do === 'close' ? verdict.reason : 'packet-malformed')
      return
    }
    const qos: QoS = (frame.flags & 6) === 0 ? 0 : 1
    const payloadAt = topic.end + 2 * qos
    const one: Unanswered = {
      packetId: qos === 0 ? 0 : frame.bytes.readUInt16BE(topic.end),
      bytes: frame.bytes.length,
      isSettled: false,
    }
    this.#answer(one)
    const settle = (reason?: string) => {
      if (reason === undefined) this.#settle(one)
      else {
        metrics.packetsRefused.inc({ reason: publishFaultOf(reason) })
        this.#connection.destroy()
      }
    }
    // A copy: what waits for the store must not keep the whole chunk that it came in.
    const payload = Buffer.from(frame.bytes.subarray(payloadAt))
    if (this.#isTooMuch()) {
      inbound.refuseTooMany(this.#session, topic.text)
      this.#settle(one)
      return
    }
    if (this.#options.ingest.isCrowded) this.#waitForRoom()
    const parsed = known ? known.topic : parseTopic(topic.text)
    const retain = (frame.flags & 1) !== 0
    inbound.receive(this.#session, { topic: topic.text, parsed, retain, qos, payload }, settle)
  }

  /** What has a route was found to be a topic before. */
  #knownTopicIn({ bytes, body }: Frame): (TextAt & { readonly topic: Topic }) | undefined {
    if (body + 2 > bytes.length) return undefined
    const end = body + 2 + bytes.readUInt16BE(body)
    const route = end <= bytes.length && this.#options.router.knownRoute(bytes.toString('latin1', body + 2, end))
    return route ? { text: route.name, end, topic: route.topic } : undefined
  }

  /** The store has more than it can take: agents keep theirs until it has room again. */
  #waitForRoom(): void {
    if (this.#session.principal.kind !== 'agent') return
    const { ingest } = this.#options
    this.#connection.hold(HOLD.store)
    if (!this.#onRoom) {
      const onRoom = () => this.#connection.release(HOLD.store)
      this.#onRoom = onRoom
      this.#connection.once('close', () => ingest.offRoom(onRoom))
    }
    ingest.onRoom(this.#onRoom)
  }

  /** A person's publishes too many are refused one by one, by name; an agent's make it wait. */
  #isTooMuch(): boolean {
    if (this.#session.principal.kind === 'agent') return false
    return this.#rates.publishes.take(1, this.#options.clock.monotonic()) > 0
  }

  #answer(one: Unanswered): void {
    if (one.isSettled && this.#unanswered.length === 0) {
      this.#acknowledge(one)
      return
    }
    this.#unanswered.push(one)
    this.#unansweredBytes += one.bytes
    const isMuch = this.#unanswered.length >= this.#options.limits.unansweredPublishes
    if (!isMuch && this.#unansweredBytes < MAX_UNANSWERED_BYTES) return
    if (isMuch) hit(this.#options.metrics, 'unansweredPublishes')
    this.#connection.hold(HOLD.unanswered)
  }

  #settle(one: Unanswered): void {
    one.isSettled = true
    let count = 0
    for (const each of this.#unanswered) {
      if (!each.isSettled) break
      count += 1
      this.#unansweredBytes -= each.bytes
      this.#acknowledge(each)
    }
    if (count === 0) return
    this.#unanswered.splice(0, count)
    this.#connection.release(HOLD.unanswered)
  }

  #acknowledge({ packetId }: Unanswered): void {
    if (packetId === 0) return
    PUBACK.writeUInt16BE(packetId, 2)
    this.#connection.answer(PUBACK)
  }

  /** What was taken counts against the rates; who has used them up is read from again when it is made up for. */
  #payFor(): void {
    const { clock, metrics } = this.#options
    const isAgent = this.#session.principal.kind === 'agent'
    const now = clock.monotonic()
    const forMessages = this.#messages === 0 ? 0 : this.#rates.publishes.take(this.#messages, now)
    if (forMessages === 0) this.#messages = 0
    else hit(metrics, 'publishesPerSecondPerAgent')
    const forBytes = this.#rates.bytes.take(this.#bytes, now)
    if (forBytes === 0) this.#bytes = 0
    else hit(metrics, isAgent ? 'bytesPerSecondPerAgent' : 'bytesPerSecondPerCredential')
    const wait = Math.max(forMessages, forBytes)
    if (wait > 0) this.#pause(wait)
  }

  #pause(ms: number): void {
    if (this.#connection.destroyed) return
    const now = this.#options.clock.monotonic()
    const isPaused = this.#pausedUntil > now
    this.#pausedUntil = Math.max(this.#pausedUntil, now + ms)
    this.#connection.hold(HOLD.rate)
    if (!isPaused) this.#wakeUp()
  }

  #wakeUp(): void {
    const rest = this.#pausedUntil - this.#options.clock.monotonic()
    if (rest <= 0) this.#connection.release(HOLD.rate)
    else setTimeout(() => this.#wakeUp(), Math.ceil(rest)).unref()
  }
}

function startsWith(bytes: Buffer, at: number, end: number, beginning: Buffer): boolean {
  const { length } = beginning
  if (at + length > end) return false
  for (let index = 0; index < length; index++) if (bytes[at + index] !== beginning[index]) return false
  return true
}
