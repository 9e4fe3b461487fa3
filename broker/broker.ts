// The engine (Aedes) with our hooks around it. All that touches Aedes beyond its types is here.
import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge, Principal } from '@ridethrough/db/edge.ts'
import { AgentStatus } from '@ridethrough/protocol/message/agent.ts'
import { devicesWith } from '@ridethrough/protocol/rights.ts'
import { agentTopic } from '@ridethrough/protocol/topic.ts'
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from 'aedes'
import type { Logger } from 'pino'
import type { Admission, Ticket } from './admission.ts'
import type { Agents } from './agents.ts'
import { type Authenticator, CODE_OF } from './authenticate.ts'
import { refuseSubscribe } from './authorize.ts'
import { CONNACK, type Connect, type Will } from './connect.ts'
import { Connection, HOLD } from './connection.ts'
import type { Delivery } from './deliver.ts'
import type { Elsewhere } from './elsewhere.ts'
import { noEmitter } from './emitter.ts'
import { spread } from './farewell.ts'
import { connack } from './frame.ts'
import { Inbound } from './inbound.ts'
import type { Ingest } from './ingest.ts'
import { Keepalive } from './keepalive.ts'
import { Lane } from './lane.ts'
import type { Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { noPersistence } from './persistence.ts'
import type { RetainedStates } from './retained.ts'
import type { Router } from './router.ts'
import { keyOf, type Session, type Sessions } from './sessions.ts'
import { type ShownKey, shownKeyOf } from './tls.ts'
import { Turn } from './turn.ts'

export type BrokerParts = {
  readonly edge: Edge
  readonly sessions: Sessions
  readonly elsewhere: Elsewhere
  readonly router: Router
  readonly admission: Admission
  readonly limits: Limits
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
  readonly subscriptions: Record<string, unknown>
  readonly _parser: { settings: object }
}

const PARSER_SETTINGS = { protocolVersion: 4 }
/** The engine's own answers wait this long for a receiver that does not read. */
const DRAIN_TIMEOUT_MS = 5000

/** So long a stop waits for the database to take down who is gone; what it has not taken then is corrected at the next start. */
const GOODBYE_MS = 3000

/** Beyond a limit that time or another's leaving makes good. */
const COME_BACK = 'come-back-later'

export class Broker {
  readonly #parts: BrokerParts
  readonly #lane: Lane
  readonly #turn = new Turn()
  readonly #keepalive: Keepalive
  readonly #connections = new Set<Connection>()
  readonly #connects = new WeakMap<object, Connect>()
  readonly #keys = new WeakMap<Connection, ShownKey>()
  readonly #tickets = new WeakMap<Connection, Ticket>()
  #engine: Aedes | undefined

  private constructor(parts: BrokerParts) {
    this.#parts = parts
    this.#lane = new Lane({ ...parts, inbound: new Inbound(parts) })
    this.#keepalive = new Keepalive(this.#connections)
  }

  static async start(parts: BrokerParts): Promise<Broker> {
    const broker = new Broker(parts)
    broker.#engine = await Aedes.createBroker(broker.#engineOptions())
    broker.#listen(broker.#engine)
    parts.log.debug({ engine: broker.#engine.id }, 'the engine is ready')
    return broker
  }

  /** Takes over a socket that was just accepted; `address` is the client's, where a proxy has named it. */
  accept(socket: Duplex & Partial<Pick<Socket, 'remoteAddress' | 'setNoDelay'>>, named?: string): void {
    const { admission, limits, metrics, log } = this.#parts
    const address = named ?? socket.remoteAddress ?? ''
    const ticket = admission.enter(address)
    if (!ticket) {
      socket.destroy()
      return
    }
    socket.setNoDelay?.(true)
    const connection = new Connection({
      socket,
      address,
      turn: this.#turn,
      limits,
      metrics,
      log,
      mayHold: (bytes) => ticket.held(bytes),
      onConnect: (_, connect) => {
        if (ticket.mayConnect()) this.#attach(connection, connect)
        else {
          metrics.connects.inc({ outcome: COME_BACK })
          connection.refuse(COME_BACK, connack(CONNACK.unavailable))
        }
      },
    })
    this.#connections.add(connection)
    this.#tickets.set(connection, ticket)
    const key = shownKeyOf(socket)
    if (key) this.#keys.set(connection, key)
    connection.once('close', () => {
      this.#connections.delete(connection)
      ticket.leave()
    })
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections
  }

  /** Ends a live subscription; when this returns, nothing more comes by it. */
  unsubscribe(session: Session, filter: string): void {
    session.subscriptions.delete(filter)
    this.#parts.router.unsubscribe(session, filter)
    delete (session.client as EngineClient).subscriptions[filter]
  }

  /**
   * What takes a while comes first, while everybody is still connected and waits: who was hung up on is back within two
   * seconds, and if nobody is there then, waits longer each time.
   */
  async stop(): Promise<void> {
    const { agents, sessions } = this.#parts
    this.#keepalive.stop()
    for (const connection of this.#connections) connection.hold(HOLD.stopping)
    const here = [...sessions.all()].map(({ principal }) => principal)
    await agents.leaveAll(
      here.filter(({ kind }) => kind === 'agent').map(({ id }) => id),
      GOODBYE_MS,
    )
    const closed = [...this.#connections].map(
      (connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())),
    )
    await spread(this.#connections, this.#parts.limits.closesPerSecond, (connection) => connection.cut('stopping'))
    await Promise.all(closed)
    await new Promise<void>((resolve) => (this.#engine ? this.#engine.close(resolve) : resolve()))
  }

  #attach(connection: Connection, connect: Connect): void {
    const engine = this.#engine
    if (!engine || engine.closed) {
      connection.cut('stopping')
      return
    }
    // all that the engine asks of a stream
    const client = engine.handle(connection as unknown as Duplex) as EngineClient
    this.#connects.set(client, connect)
    connection.keepaliveS = connect.keepalive
  }

  #engineOptions(): AedesOptions {
    return {
      // a new name at each boot: nothing of an earlier life can be taken for this one's
      id: `ridethrough-${randomUUID()}`,
      mq: noEmitter,
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
      // The guard takes every PUBLISH out before the engine: one that comes here went past it.
      authorizePublish: (_client, _packet, done) => done(new Error('published past the guard')),
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#maySubscribe(client, subscription) ? subscription : null)
      },
      authorizeForward: () => null,
    }
  }

  #listen(engine: Aedes): void {
    const { log, sessions, retained, delivery } = this.#parts
    engine.on('clientReady', (client) => {
      // It keeps the CONNECT, password and all, for as long as the connection lasts; it needs the version only.
      ;(client as EngineClient)._parser.settings = PARSER_SETTINGS
      ;(client.conn as unknown as Connection).open()
    })
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
      if (session) for (const filter of filters) this.unsubscribe(session, filter)
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
    const connection = client.conn as unknown as Connection
    const connect = this.#connects.get(client)
    if (!connect) return done(refusal(CONNACK.unavailable), false)
    const { address } = connection
    const answer = await authenticator.authenticate({
      username,
      password,
      key: this.#keys.get(connection),
      address,
      isGone: () => connection.destroyed,
    })
    const refused =
      answer.outcome === 'signed-in' ? this.#refuseLate(answer.principal, connection, connect) : answer.outcome
    metrics.connects.inc({ outcome: refused ?? 'signed-in' })
    if (answer.outcome === 'signed-in' && refused === undefined) {
      const session = this.#signIn(client, connection, connect, answer.principal)
      // before it is answered: of two sign-ins of one client the later one counts, at whichever brokers they are
      await this.#parts.elsewhere.tell(session)
      if (!connection.destroyed) done(null, true)
      return
    }
    if (answer.outcome === 'signed-in') this.#parts.edge.close(answer.principal)
    const user = username?.startsWith('agent:') ? username : undefined
    log.info({ address, user, reason: refused }, 'a client could not sign in')
    if (!connection.destroyed) done(refusal(codeFor(refused)), false)
  }

  #refuseLate(principal: Principal, connection: Connection, { will, clientId }: Connect) {
    if (connection.destroyed) return 'gone'
    if (principal.isEnded) return 'credentials-wrong'
    if (will && !isOwnWill(principal, will)) return 'will-invalid'
    const { kind, credentialId } = principal
    // an agent has one connection, whatever it calls itself
    const isIn = this.#tickets.get(connection)?.signedIn(`${kind}:${credentialId}`, kind === 'agent' ? '' : clientId)
    return isIn ? undefined : COME_BACK
  }

  #signIn(client: EngineClient, connection: Connection, connect: Connect, principal: Principal): Session {
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
    }
    connection.taker = this.#lane.publisherFor(session)
    if (kind === 'person') connection.reviewer = this.#parts.delivery.reviewerOf(session)
    client.id = session.key
    const before = sessions.add(session)
    if (before) {
      log.info({ kind, id: principal.id, address: connection.address }, 'a newer connection takes over')
      before.connection.cut('taken-over')
    }
    metrics.connections.inc({ kind })
    connection.once('close', () => this.#end(session))
    return session
  }

  #end(session: Session): void {
    const { sessions, edge, agents, metrics, router } = this.#parts
    const { principal } = session
    const wasCurrent = sessions.isCurrent(session)
    sessions.remove(session)
    for (const filter of session.subscriptions.keys()) router.unsubscribe(session, filter)
    edge.close(principal)
    metrics.connections.dec({ kind: principal.kind })
    if (principal.kind === 'agent' && wasCurrent) agents.reportGone(principal.id)
  }

  /** In one turn with the engine's own bookkeeping: no change of access comes between this and the subscription. */
  #maySubscribe(client: Client, { topic, qos }: { topic: string; qos: number }): boolean {
    const { sessions, router, clock, limits, metrics, log } = this.#parts
    try {
      const session = sessions.of(client)
      if (!session) return false
      const refused = refuseSubscribe(session, topic, clock.now(), limits)
      metrics.subscriptions.inc({ answer: refused ?? 'granted' })
      if (refused === 'too-many-subscriptions') hit(metrics, 'subscriptionsPerConnection')
      if (refused) log.debug({ id: session.principal.id, filter: topic, reason: refused }, 'a subscription was refused')
      else {
        const granted = qos > 0 ? 1 : 0
        session.subscriptions.set(topic, granted)
        router.subscribe(session, topic, granted)
      }
      return refused === undefined
    } catch (error) {
      log.error({ err: error, filter: topic }, 'a subscription could not be judged')
      return false
    }
  }
}

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
  return outcome === COME_BACK ? CONNACK.unavailable : CONNACK.notAuthorized
}

function refusal(returnCode: number): AuthenticateError {
  return Object.assign(new Error('refused'), { returnCode }) as AuthenticateError
}
