// The only way from the broker to a client's socket for messages: checked on each delivery, encoded once for all.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Principal } from '@ridethrough/db/edge.ts'
import { ConnectionUses, USE_MS, type Uses } from '@ridethrough/db/uses.ts'
import type { RefusalMessage } from '@ridethrough/protocol/message/error.ts'
import { steadyVia, type Via, viaOf } from '@ridethrough/protocol/policy.ts'
import { ERRORS_TOPIC, parseTopic, type Topic, type TopicName } from '@ridethrough/protocol/topic.ts'
import type { Reviewer } from './connection.ts'
import { encodePublish, kept, lowered, type PublishFrame, type QoS } from './frame.ts'
import type { Metrics } from './metrics.ts'
import type { Receiver, Route, Router } from './router.ts'
import { qosFor, type Session, type Sessions } from './sessions.ts'

export type DeliverOptions = {
  readonly router: Router
  readonly sessions: Sessions
  readonly isServing: () => boolean
  /** Asks for the lease anew when it has ended; `false`: nobody is served, and who was has been cut. */
  readonly whenServing: () => Promise<boolean>
  readonly clock: Clock
  readonly metrics: Metrics
  /** Keeps count of what is made of shares. */
  readonly uses: Uses
}

/** What may wait for the lease; beyond it those who wait for it lose their connection, so that they know. */
const MAX_HELD = { frames: 10_000, bytes: 16 * 1024 * 1024 } as const

type Waiting = { readonly route: Route; readonly frame: PublishFrame }
/** What somebody holds on one device. */
type Held = Pick<Receiver, 'grants' | 'steady'>
type Way = Via | 'itself'

export class Delivery {
  readonly #options: DeliverOptions
  /** What came while the lease was in doubt, oldest first: judged when it is settled. */
  #held: Waiting[] = []
  #heldBytes = 0

  constructor(options: DeliverOptions) {
    this.#options = options
  }

  /** Hands a message to every subscriber that may have it. */
  fanOut(topic: TopicName, payload: Buffer, qos: QoS = 1): void {
    const { router, isServing } = this.#options
    const route = router.routeOf(topic)
    if (!route) return
    // nearly nobody watches nearly all devices
    const isForNobody = !this.#mustWait(route.topic, isServing()) && router.receiversOf(route).length === 0
    if (!isForNobody) this.handOut(route, encodePublish(topic, payload, qos, false))
  }

  /** The same for packets that are encoded already; their bytes are read before this returns. */
  handOut(route: Route, frame: PublishFrame): void {
    const isServing = this.#options.isServing()
    if (this.#mustWait(route.topic, isServing)) this.#hold({ route, frame: kept(frame) })
    else this.#giveAll(route, frame, isServing)
  }

  /** False: nobody is served. */
  async whenServing(): Promise<boolean> {
    return this.#options.isServing() || (await this.#options.whenServing())
  }

  get isServing(): boolean {
    return this.#options.isServing()
  }

  /** The look at what has waited to be written. */
  reviewerOf({ principal }: Session): Reviewer {
    const { isServing, clock } = this.#options
    return {
      isServing,
      whenServing: () => this.whenServing(),
      mayStillHave: (deviceId) => {
        const topic = stateOf(deviceId)
        return this.#wayTo(principal, topic, grantsFor(principal, topic), clock.now(), isServing()) !== undefined
      },
    }
  }

  /** Whether this client may be told something on this topic at this instant. */
  mayHave({ principal }: Session, topic: Topic): boolean {
    const { clock, isServing } = this.#options
    return this.#wayTo(principal, topic, grantsFor(principal, topic), clock.now(), isServing()) !== undefined
  }

  /** One message to one client only: a retained state, a refusal. False when it may not have it or keeps up too badly. */
  sendTo(session: Session, name: TopicName, payload: Buffer, options: { qos: QoS; retain: boolean }): boolean {
    const topic = parseTopic(name)
    const { principal } = session
    const { isServing, clock } = this.#options
    const now = clock.now()
    const way = topic && this.#wayTo(principal, topic, grantsFor(principal, topic), now, isServing())
    if (!topic || way === undefined) return false
    const deviceId = topic.kind === 'device' ? topic.deviceId : undefined
    if (!this.#write(session, encodePublish(name, payload, options.qos, options.retain), deviceId)) return false
    if (way !== 'itself' && isLent(way) && deviceId !== undefined) this.#usesOf(session).note(way, deviceId, now)
    return true
  }

  /** Tells a client why something of its was refused, where it reads such messages. */
  refuse(session: Session, refusal: RefusalMessage): void {
    const qos = qosFor(session, ERRORS_TOPIC)
    if (qos === undefined) return
    this.sendTo(session, ERRORS_TOPIC, Buffer.from(JSON.stringify(refusal)), { qos, retain: false })
  }

  /** What waits for the lease. */
  get held(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#held.reduce((sum, { frame }) => sum + frame.count, 0), bytes: this.#heldBytes }
  }

  #mustWait({ kind }: Topic, isServing: boolean): boolean {
    if (this.#held.length === 0 && isServing) return false
    if (kind === 'agent') return false
    return this.#held.length > 0 || this.#options.sessions.persons().length > 0
  }

  #hold(held: Waiting): void {
    if (this.#held.length >= MAX_HELD.frames || this.#heldBytes >= MAX_HELD.bytes) {
      for (const { connection } of this.#options.sessions.persons()) connection.cut('lease-lost')
      return
    }
    this.#held.push(held)
    this.#heldBytes += held.frame.bytes.length
    if (this.#held.length > 1) return
    void this.#options.whenServing().then((isServing) => {
      const waited = this.#held
      this.#held = []
      this.#heldBytes = 0
      if (isServing) for (const { route, frame } of waited) this.#giveAll(route, frame, this.#options.isServing())
    })
  }

  /** In one turn: the lease and the clock are looked at once for all receivers of a message. */
  #giveAll(route: Route, frame: PublishFrame, isServing: boolean): void {
    const now = this.#options.clock.now()
    let low: PublishFrame | undefined
    for (const receiver of this.#options.router.receiversOf(route)) {
      const { session, qos } = receiver
      if (session.connection.destroyed) continue
      const { principal } = session
      if (receiver.rights !== principal.rights) remember(receiver, route.deviceId)
      const way = this.#wayTo(principal, route.topic, receiver, now, isServing)
      if (way === undefined) continue
      if (qos < frame.qos) low ??= lowered(frame, route.name)
      const isSent = this.#write(session, qos < frame.qos && low ? low : frame, route.deviceId)
      if (isSent && way !== 'itself' && isLent(way)) this.#noteUse(receiver, way, route.deviceId, now)
    }
  }

  /**
   * By what right this client may be told something on this topic; `undefined`: it may not. Asked for each receiver of each
   * message, whichever way the message came, with the grants on its device at hand.
   */
  #wayTo(principal: Principal, topic: Topic, held: Held, now: number, isServing: boolean): Way | undefined {
    if (principal.isEnded) return undefined
    if (principal.kind === 'agent') {
      const isOwn = topic.kind === 'agent' && topic.agentId === principal.id && topic.suffix === 'commands'
      return isOwn ? 'itself' : undefined
    }
    if (!isServing) return undefined
    if (principal.expiresAt !== null && now >= principal.expiresAt) return undefined
    if (topic.kind === 'errors') return 'itself'
    if (topic.kind !== 'device' || topic.suffix === 'backlog') return undefined
    return held.steady ?? (held.grants && viaOf(held.grants, 'monitor', now))
  }

  #write(session: Session, frame: PublishFrame, deviceId: string | undefined): boolean {
    if (!session.connection.send(frame, deviceId)) return false
    this.#options.metrics.counts.deliveries += frame.count
    return true
  }

  /** For the ledgers: asked on every delivery of what somebody was lent, and most of the time nothing is new. */
  #noteUse(receiver: Receiver, way: Via, deviceId: string | undefined, now: number): void {
    if (receiver.notedVia === way && now >= receiver.notedAt && now - receiver.notedAt < USE_MS) return
    receiver.notedVia = way
    receiver.notedAt = now
    if (deviceId !== undefined) this.#usesOf(receiver.session).note(way, deviceId, now)
  }

  #usesOf(session: Session): ConnectionUses {
    session.uses ??= new ConnectionUses(this.#options.uses, session.principal.credentialId)
    return session.uses
  }
}

/** What owners and members do with their own devices is nothing that they were lent. */
function isLent(way: Via): boolean {
  return way !== 'owner' && way !== 'member'
}

function grantsFor({ rights }: Principal, topic: Topic): Held {
  return { steady: undefined, grants: topic.kind === 'device' ? rights.byDevice.get(topic.deviceId) : undefined }
}

/** What was looked up for these very rights is not looked up again. */
function remember(receiver: Receiver, deviceId: string | undefined): void {
  const { rights } = receiver.session.principal
  const grants = deviceId === undefined ? undefined : rights.byDevice.get(deviceId)
  receiver.rights = rights
  receiver.grants = grants
  receiver.steady = grants && steadyVia(grants, 'monitor')
}

function stateOf(deviceId: string): Topic {
  return { kind: 'device', deviceId, suffix: 'state' }
}
