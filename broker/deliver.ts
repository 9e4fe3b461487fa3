// The only way from the broker to a client's socket for messages: checked on each delivery, encoded once for all.
import { randomUUID } from 'node:crypto'
import type { Clock } from '@ridethrough/db/clock.ts'
import { ConnectionUses, type Uses } from '@ridethrough/db/uses.ts'
import type { RefusalMessage } from '@ridethrough/protocol/message/error.ts'
import type { Via } from '@ridethrough/protocol/policy.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import { ERRORS_TOPIC, parseTopic, type Topic, type TopicName } from '@ridethrough/protocol/topic.ts'
import type { AedesPublishPacket } from 'aedes'
import type { Reviewer } from './connection.ts'
import type { Emitter } from './emitter.ts'
import { encodePublish, type PublishFrame, type QoS, withPacketId } from './frame.ts'
import type { Metrics } from './metrics.ts'
import { qosFor, type Session, type Sessions, takePacketId } from './sessions.ts'

export type DeliverOptions = {
  readonly emitter: Emitter<AedesPublishPacket>
  readonly sessions: Sessions
  readonly isServing: () => boolean
  /** Asks for the lease anew when it has ended; `false`: nobody is served, and who was has been cut. */
  readonly whenServing: () => Promise<boolean>
  readonly clock: Clock
  readonly metrics: Metrics
  /** Keeps count of what is made of shares. */
  readonly uses: Uses
}

/** Messages that may wait for the lease; beyond it those who wait for them lose their connection, so that they know. */
const MAX_HELD = 10_000

type Held = { readonly topic: TopicName; readonly payload: Buffer; readonly qos: QoS }

export class Delivery {
  readonly #options: DeliverOptions
  /** Stamped on what the broker itself publishes. A client cannot know it, and the engine stamps its own id on what clients send. */
  readonly #stamp = randomUUID()
  #counter = 0
  /** The message that is being handed out, with what is the same for all its receivers. */
  #current: { counter: number; topic: Topic | undefined; frames: (PublishFrame | undefined)[] } | undefined

  /** What came while the lease was in doubt, oldest first: judged when it is settled. */
  #held: Held[] = []

  constructor(options: DeliverOptions) {
    this.#options = options
  }

  /** Hands a message of the broker's own to every subscriber that may have it. */
  fanOut(topic: TopicName, payload: Buffer, qos: QoS = 1): void {
    const message = { topic, payload, qos }
    if (this.#mustWait(topic)) this.#hold(message)
    else this.#emit(message)
  }

  /** False: nobody is served. */
  async whenServing(): Promise<boolean> {
    return this.#options.isServing() || (await this.#options.whenServing())
  }

  get isServing(): boolean {
    return this.#options.isServing()
  }

  /** The look at what has waited to be written. */
  reviewerOf(session: Session): Reviewer {
    const { isServing, clock } = this.#options
    return {
      isServing,
      whenServing: () => this.whenServing(),
      mayStillHave: (deviceId) =>
        this.#wayTo(session, { kind: 'device', deviceId, suffix: 'state' }, clock.now()) !== undefined,
    }
  }

  #mustWait(topic: TopicName): boolean {
    if (this.#held.length === 0 && this.#options.isServing()) return false
    if (parseTopic(topic)?.kind === 'agent') return false
    return this.#held.length > 0 || this.#options.sessions.persons().length > 0
  }

  #hold(message: Held): void {
    if (this.#held.length >= MAX_HELD) {
      for (const { connection } of this.#options.sessions.persons()) connection.cut('lease-lost')
      return
    }
    this.#held.push(message)
    if (this.#held.length > 1) return
    void this.#options.whenServing().then((isServing) => {
      const held = this.#held
      this.#held = []
      if (isServing) for (const one of held) this.#emit(one)
    })
  }

  #emit({ topic, payload, qos }: Held): void {
    this.#counter += 1
    const packet = {
      cmd: 'publish' as const,
      brokerId: this.#stamp,
      brokerCounter: this.#counter,
      topic,
      payload,
      qos,
      retain: false,
      dup: false,
    }
    this.#options.emitter.emit(packet as AedesPublishPacket)
  }

  /**
   * Asked by the engine for each receiver of each message, and by nobody else: writes the message when this client may
   * have it now. The engine itself writes none, so that none can be between the check and the socket when rights end.
   */
  forward(client: object, packet: AedesPublishPacket): void {
    if (packet.brokerId !== this.#stamp) return
    const session = this.#options.sessions.of(client)
    if (!session || session.lastDelivered === packet.brokerCounter) return
    session.lastDelivered = packet.brokerCounter
    const message = this.#messageOf(packet)
    const now = this.#options.clock.now()
    const way = message.topic && this.#wayTo(session, message.topic, now)
    if (!message.topic || way === undefined) return
    const granted = qosFor(session, packet.topic)
    if (granted === undefined) return
    const qos: QoS = granted === 1 && packet.qos > 0 ? 1 : 0
    message.frames[qos] ??= encodePublish(packet.topic, packet.payload as Buffer, qos, false)
    if (this.#write(session, message.frames[qos], message.topic)) this.#noteUse(session, way, message.topic, now)
  }

  /** Whether this client may be told something on this topic at this instant. */
  mayHave(session: Session, topic: Topic): boolean {
    return this.#wayTo(session, topic, this.#options.clock.now()) !== undefined
  }

  /** By what right this client may be told something on this topic; `undefined`: it may not. */
  #wayTo(session: Session, topic: Topic, now: number): Via | 'itself' | undefined {
    const { principal } = session
    if (principal.isEnded) return undefined
    if (principal.kind === 'agent') {
      const isOwn = topic.kind === 'agent' && topic.agentId === principal.id && topic.suffix === 'commands'
      return isOwn ? 'itself' : undefined
    }
    if (!this.#options.isServing()) return undefined
    if (principal.expiresAt !== null && now >= principal.expiresAt) return undefined
    if (topic.kind === 'errors') return 'itself'
    if (topic.kind !== 'device' || topic.suffix === 'backlog') return undefined
    return mayOn(principal.rights, 'monitor', topic.deviceId, now)
  }

  /** For the ledgers: asked on every delivery, so it is a look at a map where nothing is new. */
  #noteUse(session: Session, way: Via | 'itself', topic: Topic, now: number): void {
    if (way === 'itself' || topic.kind !== 'device') return
    session.uses ??= new ConnectionUses(this.#options.uses, session.principal.credentialId)
    session.uses.note(way, topic.deviceId, now)
  }

  /** One message to one client only: a retained state, a refusal. False when it may not have it or did not ask for it. */
  sendTo(session: Session, name: TopicName, payload: Buffer, options: { qos: QoS; retain: boolean }): boolean {
    const topic = parseTopic(name)
    const now = this.#options.clock.now()
    const way = topic && this.#wayTo(session, topic, now)
    if (!topic || way === undefined || session.connection.destroyed) return false
    const isSent = this.#write(session, encodePublish(name, payload, options.qos, options.retain), topic)
    if (isSent) this.#noteUse(session, way, topic, now)
    return isSent
  }

  /** Tells a client why something of its was refused, where it reads such messages. */
  refuse(session: Session, refusal: RefusalMessage): void {
    const qos = qosFor(session, ERRORS_TOPIC)
    if (qos === undefined) return
    this.sendTo(session, ERRORS_TOPIC, Buffer.from(JSON.stringify(refusal)), { qos, retain: false })
  }

  #write(session: Session, frame: PublishFrame, topic: Topic): boolean {
    const bytes = frame.qos === 1 ? withPacketId(frame, takePacketId(session)) : frame.bytes
    const deviceId = topic.kind === 'device' ? topic.deviceId : undefined
    const isSent = session.connection.send(bytes, frame.qos, deviceId)
    if (isSent) this.#options.metrics.deliveries.inc()
    return isSent
  }

  #messageOf(packet: AedesPublishPacket) {
    if (this.#current?.counter !== packet.brokerCounter) {
      this.#current = { counter: packet.brokerCounter, topic: parseTopic(packet.topic), frames: [] }
    }
    return this.#current
  }
}
