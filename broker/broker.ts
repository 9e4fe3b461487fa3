// The engine (Aedes) with our hooks around it. All that touches Aedes beyond its types is here.
import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge, Principal } from '@ridethrough/db/edge.ts'
import { AgentStatus } from '@ridethrough/protocol/message/agent.ts'
import { devicesWith } from '@ridethrough/protocol/rights.ts'
import { agentTopic } from '@ridethrough/protocol/topic.ts'
import { Aedes, type AedesOptions, type AedesPublishPacket, type AuthenticateError, type Client } from 'aedes'
import type { Logger } from 'pino'
import type { Agents } from './agents.ts'
import { type Authenticator, CODE_OF } from './authenticate.ts'
import { refuseSubscribe } from './authorize.ts'
import { CONNACK, type Connect, type Will } from './connect.ts'
import { Connection } from './connection.ts'
import type { Delivery } from './deliver.ts'
import type { Emitter } from './emitter.ts'
import { Inbound } from './inbound.ts'
import type { Ingest } from './ingest.ts'
import type { Metrics } from './metrics.ts'
import { noPersistence } from './persistence.ts'
import type { RetainedStates } from './retained.ts'
import { keyOf, type Session, type Sessions } from './sessions.ts'
import { type ShownKey, shownKeyOf } from './tls.ts'

export type BrokerParts = {
  readonly edge: Edge
  readonly sessions: Sessions
  readonly emitter: Emitter<AedesPublishPacket>
  readonly delivery: Delivery
  readonly authenticator: Authenticator
  readonly agents: Agents
  readonly ingest: Ingest
  readonly retained: RetainedStates
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** Parts of Aedes' client that its types leave out. */
type EngineClient = Client & {
  id: string
  duplicates: object
  readonly subscriptions: Record<string, { readonly func: Parameters<Aedes['unsubscribe']>[1] }>
}

/** The engine's own acknowledgements wait this long for a receiver that does not read. */
const DRAIN_TIMEOUT_MS = 5000
const noop = () => {}

export class Broker {
  readonly #parts: BrokerParts
  readonly #inbound: Inbound
  readonly #connections = new Set<Connection>()
  readonly #connects = new WeakMap<object, Connect>()
  readonly #keys = new WeakMap<Connection, ShownKey>()
  #engine: Aedes | undefined

  private constructor(parts: BrokerParts) {
    this.#parts = parts
    this.#inbound = new Inbound(parts)
  }

  static async start(parts: BrokerParts): Promise<Broker> {
    const broker = new Broker(parts)
    broker.#engine = await Aedes.createBroker(broker.#engineOptions())
    broker.#listen(broker.#engine)
    return broker
  }

  /** Takes over a socket that was just accepted; `address` is the client's, where a proxy has named it. */
  accept(socket: Socket, address?: string): void {
    const { metrics, log } = this.#parts
    const connection = new Connection({
      socket,
      address,
      metrics,
      log,
      onConnect: (_, connect) => this.#attach(connection, connect),
    })
    this.#connections.add(connection)
    const key = shownKeyOf(socket)
    if (key) this.#keys.set(connection, key)
    connection.once('close', () => this.#connections.delete(connection))
  }

  /** Ends a live subscription; when this returns, nothing more comes by it. */
  unsubscribe(session: Session, filter: string): void {
    session.subscriptions.delete(filter)
    const { subscriptions } = session.client as EngineClient
    const subscription = subscriptions[filter]
    if (!subscription) return
    delete subscriptions[filter]
    this.#engine?.unsubscribe(filter, subscription.func, noop)
  }

  async stop(): Promise<void> {
    const closed = [...this.#connections].map(
      (connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())),
    )
    for (const connection of this.#connections) connection.cut('stopping')
    await Promise.all(closed)
    await new Promise<void>((resolve) => (this.#engine ? this.#engine.close(resolve) : resolve()))
  }

  #attach(connection: Connection, connect: Connect): void {
    const engine = this.#engine
    if (!engine || engine.closed) {
      connection.cut('stopping')
      return
    }
    const client = engine.handle(connection) as EngineClient
    this.#connects.set(client, connect)
    // The engine drops what it takes for a repeat (T2): by our own counter there is none that it could know better.
    client.duplicates = neverSeen
  }

  #engineOptions(): AedesOptions {
    return {
      // a new name at each boot: nothing of an earlier life can be taken for this one's
      id: `ridethrough-${randomUUID()}`,
      mq: this.#parts.emitter,
      persistence: noPersistence,
      concurrency: 100,
      connectTimeout: 10_000,
      drainTimeout: DRAIN_TIMEOUT_MS,
      preConnect: (_client, packet, done) => {
        // Wills are checked, then left out: that an agent is gone is said when its socket is gone.
        delete packet.will
        done(null, true)
      },
      authenticate: (client, username, password, done) => {
        this.#authenticate(client as EngineClient, username, password, done).catch((error: unknown) => {
          this.#parts.log.error({ err: error }, 'sign-in failed')
          done(refusal(CONNACK.unavailable), false)
        })
      },
      authorizePublish: (client, packet, done) => this.#authorizePublish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#maySubscribe(client, subscription) ? subscription : null)
      },
      authorizeForward: (client, packet) => this.#forward(client, packet),
    }
  }

  #listen(engine: Aedes): void {
    const { log, sessions, retained, delivery } = this.#parts
    engine.on('clientReady', (client) => (client.conn as Connection).open())
    engine.on('subscribe', (subscriptions, client) => {
      const session = sessions.of(client)
      if (session?.principal.kind !== 'person') return
      for (const { topic, qos } of subscriptions) {
        if (qos > 1) continue
        retained.send(delivery, session, topic, qos === 1 ? 1 : 0).catch((error: unknown) => {
          log.warn({ err: error }, 'retained states could not be sent')
        })
      }
    })
    engine.on('unsubscribe', (filters, client) => {
      const session = sessions.of(client)
      for (const filter of filters) session?.subscriptions.delete(filter)
    })
    for (const event of ['clientError', 'connectionError'] as const) {
      engine.on(event, (client, error) =>
        log.debug({ client: client.id, reason: error.message }, 'a client ended in error'),
      )
    }
    // An 'error' without a listener would end the process.
    const events: EventEmitter = engine
    events.on('error', (error) => log.error({ err: error }, 'the engine reports an error'))
  }

  async #authenticate(
    client: EngineClient,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    const { authenticator, metrics, log } = this.#parts
    const connection = client.conn as Connection
    const connect = this.#connects.get(client)
    if (!connect) return done(refusal(CONNACK.unavailable), false)
    const { address } = connection
    const answer = await authenticator.authenticate({
      username,
      password,
      key: this.#keys.get(connection),
      address,
    })
    const refused =
      answer.outcome === 'signed-in' ? this.#refuseLate(answer.principal, connection, connect.will) : answer.outcome
    metrics.connects.inc({ outcome: refused ?? 'signed-in' })
    if (answer.outcome === 'signed-in' && refused === undefined) {
      this.#signIn(client, connection, connect, answer.principal)
      return done(null, true)
    }
    if (answer.outcome === 'signed-in') this.#parts.edge.close(answer.principal)
    const user = username?.startsWith('agent:') ? username : undefined
    log.info({ address, user, reason: refused }, 'a client could not sign in')
    if (!connection.destroyed) done(refusal(codeFor(refused)), false)
  }

  #refuseLate(principal: Principal, connection: Connection, will: Will | undefined) {
    if (connection.destroyed) return 'gone'
    if (principal.isEnded) return 'credentials-wrong'
    return will && !isOwnWill(principal, will) ? 'will-invalid' : undefined
  }

  #signIn(client: EngineClient, connection: Connection, connect: Connect, principal: Principal): void {
    const { sessions, clock, metrics, log } = this.#parts
    const { kind } = principal
    const session: Session = {
      key: keyOf(principal, connect.clientId),
      principal,
      connection,
      client,
      subscriptions: new Map(),
      devices: kind === 'agent' ? principal.devices : new Set(devicesWith(principal.rights, 'monitor', clock.now())),
      formerDevices: new Set(),
      lastDelivered: 0,
      nextPacketId: 1,
      allowance: Number.POSITIVE_INFINITY,
      allowanceAt: clock.monotonic(),
    }
    if (kind === 'person') connection.reviewer = this.#parts.delivery.reviewerOf(session)
    client.id = session.key
    const before = sessions.add(session)
    if (before) {
      log.info({ kind, id: principal.id, address: connection.address }, 'a newer connection takes over')
      before.connection.cut('taken-over')
    }
    metrics.connections.inc({ kind })
    connection.once('close', () => this.#end(session))
  }

  #end(session: Session): void {
    const { sessions, edge, agents, metrics } = this.#parts
    const { principal } = session
    const wasCurrent = sessions.isCurrent(session)
    sessions.remove(session)
    edge.close(principal)
    metrics.connections.dec({ kind: principal.kind })
    if (principal.kind === 'agent' && wasCurrent) agents.reportGone(principal.id)
  }

  #authorizePublish(
    client: Client | null,
    packet: { topic: string; retain: boolean; payload: string | Buffer },
    done: (error?: Error | null) => void,
  ): void {
    const session = this.#parts.sessions.of(client)
    if (!session) {
      done(new Error('not signed in'))
      return
    }
    const { topic, retain } = packet
    packet.retain = false
    const settle = (reason?: string) => {
      if (session.connection.destroyed) return
      if (reason !== undefined) this.#parts.metrics.packetsRefused.inc({ reason: reason.split(':', 1)[0] ?? reason })
      done(reason === undefined ? null : new Error(reason))
    }
    try {
      this.#inbound.receive(session, { topic, retain, payload: Buffer.from(packet.payload) }, settle)
    } catch (error) {
      this.#parts.log.error({ err: error, topic }, 'a publish could not be judged')
      settle('internal')
    }
  }

  /** In one turn with the engine's own bookkeeping: no change of access comes between this and the subscription. */
  #maySubscribe(client: Client, { topic, qos }: { topic: string; qos: number }): boolean {
    const { sessions, clock, metrics, log } = this.#parts
    try {
      const session = sessions.of(client)
      if (!session) return false
      const refused = refuseSubscribe(session, topic, clock.now())
      metrics.subscriptions.inc({ answer: refused ?? 'granted' })
      if (refused) log.debug({ id: session.principal.id, filter: topic, reason: refused }, 'a subscription was refused')
      else session.subscriptions.set(topic, qos > 0 ? 1 : 0)
      return refused === undefined
    } catch (error) {
      log.error({ err: error, filter: topic }, 'a subscription could not be judged')
      return false
    }
  }

  // Always `null`: what may be delivered has been written already when this returns.
  #forward(client: Client, packet: AedesPublishPacket): null {
    try {
      this.#parts.delivery.forward(client, packet)
    } catch (error) {
      this.#parts.log.error({ err: error, topic: packet.topic }, 'a delivery could not be judged')
    }
    return null
  }
}

const neverSeen = new Proxy({}, { get: () => 0, set: () => true })

function isOwnWill(principal: Principal, will: Will): boolean {
  if (principal.kind !== 'agent' || will.topic !== agentTopic(principal.id, 'status')) return false
  try {
    const status = AgentStatus.safeParse(JSON.parse(will.payload.toString('utf8')))
    return status.success && !status.data.online
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function codeFor(outcome: string | undefined): number {
  if (outcome !== undefined && Object.hasOwn(CODE_OF, outcome)) return CODE_OF[outcome as keyof typeof CODE_OF]
  return CONNACK.notAuthorized
}

function refusal(returnCode: number): AuthenticateError {
  return Object.assign(new Error('refused'), { returnCode }) as AuthenticateError
}
