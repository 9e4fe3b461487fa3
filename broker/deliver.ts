// The only way from the broker to a client's socket for messages: checked on each delivery, encoded once for all.
import { randomUUID } from 'node:crypto'
import type { Clock } from '@ridethrough/db/clock.ts'
import type { RefusalMessage } from '@ridethrough/protocol/message/error.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import { ERRORS_TOPIC, parseTopic, type Topic, type TopicName } from '@ridethrough/protocol/topic.ts'
import type { AedesPublishPacket } from 'aedes'
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
    if (!message.topic || !this.mayHave(session, message.topic)) return
    const granted = qosFor(session, packet.topic)
    if (granted === undefined) return
    const qos: QoS = granted === 1 && packet.qos > 0 ? 1 : 0
    message.frames[qos] ??= encodePublish(packet.topic, packet.payload as Buffer, qos, false)
    this.#write(session, message.frames[qos], message.topic)
  }

  /** Whether this client may be told something on this topic at this instant. */
  mayHave(session: Session, topic: Topic): boolean {
    const { principal } = session
    if (principal.isEnded) return false
    if (principal.kind === 'agent') {
      return topic.kind === 'agent' && topic.agentId === principal.id && topic.suffix === 'commands'
    }
    const { isServing, clock } = this.#options
    if (!isServing()) return false
    const now = clock.now()
    if (principal.expiresAt !== null && now >= principal.expiresAt) return false
    if (topic.kind === 'errors') return true
    if (topic.kind !== 'device' || topic.suffix === 'backlog') return false
    return mayOn(principal.rights, 'monitor', topic.deviceId, now) !== undefined
  }

  /** One message to one client only: a retained state, a refusal. False when it may not have it or did not ask for it. */
  sendTo(session: Session, name: TopicName, payload: Buffer, options: { qos: QoS; retain: boolean }): boolean {
    const topic = parseTopic(name)
    if (!topic || session.connection.destroyed || !this.mayHave(session, topic)) return false
    return this.#write(session, encodePublish(name, payload, options.qos, options.retain), topic)
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
