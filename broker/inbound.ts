// What clients publish: judged, then given to whom it concerns. Nothing that a client sends is ever handed on as it came.
import type { Clock } from '@ridethrough/db/clock.ts'
import { AgentStatus, Inventory } from '@ridethrough/protocol/message/agent.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import type { Agents } from './agents.ts'
import { decidePublish, type PersonRefusal, type Published } from './authorize.ts'
import type { Delivery } from './deliver.ts'
import type { QoS } from './frame.ts'
import type { Ingest } from './ingest.ts'
import type { Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { readBacklog, readMessage, readSample } from './sample.ts'
import type { Session } from './sessions.ts'

export type InboundOptions = {
  readonly ingest: Ingest
  readonly agents: Agents
  readonly delivery: Delivery
  readonly clock: Clock
  readonly limits: Limits
  readonly log: Logger
  readonly metrics: Metrics
}

/** Acknowledged without an argument; a reason ends the connection, since MQTT 3.1.1 knows no refusal of a publish. */
export type Settle = (reason?: string) => void

export type Message = Published & { readonly qos: QoS; readonly payload: Buffer }

export class Inbound {
  readonly #options: InboundOptions

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** `settle` is called exactly once, after what the message brought is stored. */
  receive(session: Session, message: Message, settle: Settle): void {
    const { clock, metrics } = this.#options
    const decision = decidePublish(session, message, clock.now())
    const counted: Settle = (reason) => {
      metrics.publishes.inc({ outcome: reason === undefined && decision.do !== 'foreign' ? decision.do : 'ended' })
      if (reason !== undefined) this.#logEnd(session, message, reason)
      settle(reason)
    }
    switch (decision.do) {
      case 'refuse':
        this.#refusePerson(session, message.topic, decision.code, decision.message)
        counted()
        break
      case 'foreign':
        counted(decision.reason)
        break
      case 'forget':
      case 'replies':
        counted()
        break
      case 'status':
        this.#status(session, message, counted)
        break
      case 'inventory':
        this.#inventory(session, message, counted)
        break
      case 'state':
        this.#state(decision.deviceId, message, counted)
        break
      case 'backlog':
        this.#backlog(decision.deviceId, message, counted)
        break
      case 'live':
        // for those that follow, the topic is known
        this.#options.delivery.fanOut(deviceTopic(decision.deviceId, 'live'), message.payload, message.qos)
        counted()
    }
  }

  /** A person has published more than it may: dropped, and named where it reads such messages. */
  refuseTooMany(session: Session, topic: string): void {
    const { limits, metrics } = this.#options
    const most = limits.publishesPerSecondPerCredential
    hit(metrics, 'publishesPerSecondPerCredential')
    this.#refusePerson(session, topic, 'too-many-tries', `At most ${most} messages a second are taken.`)
  }

  #state(deviceId: string, { payload }: Message, settle: Settle): void {
    const sample = readSample(payload)
    if (typeof sample === 'string') settle(sample)
    else this.#options.ingest.add({ deviceId, samples: [sample], payload }, settle)
  }

  #backlog(deviceId: string, { payload }: Message, settle: Settle): void {
    const samples = readBacklog(payload)
    if (typeof samples === 'string') settle(samples)
    else this.#options.ingest.add({ deviceId, samples, payload: undefined }, settle)
  }

  #status(session: Session, { payload }: Message, settle: Settle): void {
    const status = readMessage(AgentStatus, payload)
    if (typeof status === 'string') settle(status)
    else void this.#options.agents.reportStatus(session.principal.id, status).then(() => settle())
  }

  #inventory(session: Session, { payload }: Message, settle: Settle): void {
    const inventory = readMessage(Inventory, payload)
    if (typeof inventory === 'string') {
      settle(inventory)
      return
    }
    this.#options.agents.reportInventory(session, inventory).then(
      (isTaken) => settle(isTaken ? undefined : 'claim-code-taken'),
      (error: unknown) => {
        this.#options.log.warn({ err: error, agent: session.principal.id }, 'an inventory could not be stored')
        settle('store-unavailable')
      },
    )
  }

  #refusePerson(session: Session, topic: string, code: PersonRefusal, message: string): void {
    this.#options.metrics.packetsRefused.inc({ reason: code })
    this.#options.delivery.refuse(session, { topic, code, message })
  }

  #logEnd({ principal, connection }: Session, { topic }: Message, reason: string): void {
    const who = principal.kind === 'agent' ? { agent: principal.id } : { account: principal.id }
    this.#options.log.warn(
      { ...who, address: connection.address, topic, reason },
      'a connection was ended for what it published',
    )
  }
}
