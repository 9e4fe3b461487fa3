// The MQTT connection to the cloud: comes back by itself, says who is here and what it has, and hears what the cloud wants.
import {
  type AgentCommand,
  AgentCommand as AgentCommandSchema,
  type AgentStatus,
  type Inventory,
} from '@ridethrough/protocol/message/agent.ts'
import { RefusalMessage } from '@ridethrough/protocol/message/error.ts'
import { agentTopic, ERRORS_TOPIC, type TopicName } from '@ridethrough/protocol/topic.ts'
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { type ConnectOptions, connectOptions } from './link-options.ts'
import { isRefusal, reasonOf } from './link-reason.ts'
import type { Outbox, Send } from './outbox.ts'
import type { Rotation } from './rotation.ts'
import type { Secret } from './secret.ts'

export type LinkOptions = {
  readonly url: string
  /** File of the certificates that the server's must lead to; `null`: those that Node brings. */
  readonly ca: string | null
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly rotation: Rotation
  readonly version: string
  /** Seconds between readings of the slowest device: tells the cloud what is late. */
  readonly intervalS: number
  readonly outbox: Outbox
  readonly inventory: () => Inventory
  /** The cloud said which devices have an owner, and up to which number it holds their samples. */
  readonly onRegistered: (devices: ReadonlyMap<string, number>) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** A connection that held so long was a good one: the next try comes soon. */
const GOOD_CONNECTION_MS = 60_000
/** After so long without the cloud's word on which devices may report, the inventory goes again. */
const ANSWER_TIMEOUT_MS = 10_000
/** A server that lets a message wait for so long has lost it. */
const PUBACK_TIMEOUT_MS = 60_000
const GOODBYE_MS = 2000

type Connection = {
  readonly client: MqttClient
  readonly secret: Secret
  sentInventory: string
  isReady: boolean
  gotPuback: boolean
}

/** `refused`: by this secret there is no way in. `renewing`: the next secret is to be shown at once. */
type End = { readonly reason: string; readonly wasGood: boolean; readonly how: 'lost' | 'refused' | 'renewing' }

export class Link {
  readonly #options: LinkOptions
  readonly #stopping = new AbortController()
  #connection: Connection | undefined
  #running: Promise<void> = Promise.resolve()
  #renew: (connection: Connection) => void = () => {}

  constructor(options: LinkOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Sends the inventory again when it differs from what this connection has sent. */
  announce(): void {
    if (this.#connection?.sentInventory) this.#sendInventory(this.#connection)
  }

  /** Says goodbye, for the will is only for those who cannot. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const client = this.#connection?.client
    if (client?.connected) await this.#sayGoodbye(client)
    client?.end(true)
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, random, reconnectMinMs, reconnectMaxMs, log } = this.#options
    const { signal } = this.#stopping
    let attempt = -1
    while (!signal.aborted) {
      const since = clock.monotonic()
      const { reason, wasGood, how } = await this.#connect()
      if (signal.aborted) return
      if (how === 'renewing') continue
      if (wasGood || clock.monotonic() - since > GOOD_CONNECTION_MS) attempt = -1
      attempt += 1
      const waitMs = backoffMs(attempt, reconnectMinMs, reconnectMaxMs, random)
      log.warn(
        { reason, waitMs: Math.round(waitMs) },
        `no link to the server: ${reason}; next try in ${Math.round(waitMs / 1000)} s`,
      )
      await clock.wait(waitMs, signal)
    }
  }

  /** One connection; where the server does not know the secret that is shown, the next one is tried at once. */
  async #connect(): Promise<End> {
    const { rotation, outbox } = this.#options
    let end: End = { reason: 'there is nothing to show to the server', wasGood: false, how: 'lost' }
    for (const secret of rotation.candidates()) {
      const options = this.#connectOptions(secret)
      end = typeof options === 'string' ? { ...end, reason: options } : await this.#connectOnce(secret, options)
      await outbox.close()
      if (end.how !== 'refused' || this.#stopping.signal.aborted) return end
      rotation.refused(secret)
    }
    return end
  }

  /** Resolves when the connection has ended, with the reason, and whether any sample was stored over it. */
  async #connectOnce(secret: Secret, options: ConnectOptions): Promise<End> {
    const client = mqtt.connect(options)
    const connection: Connection = { client, secret, sentInventory: '', isReady: false, gotPuback: false }
    this.#connection = connection
    let reason = 'the server closed the connection'
    let how: End['how'] = 'lost'
    client.on('error', (error) => {
      reason = reasonOf(error, { ...this.#options, wasLinked: connection.sentInventory !== '' })
      if (isRefusal(error)) how = 'refused'
    })
    this.#renew = (which) => {
      if (which !== connection) return
      how = 'renewing'
      client.end(true)
    }
    client.on('message', (topic, payload, packet) => this.#hear(connection, topic, payload, packet))
    client.on('connect', () => this.#greet(connection))
    const ended = new AbortController()
    await new Promise<void>((resolve) => {
      client.once('close', resolve)
      void this.#watch(connection, ended.signal, (why) => {
        reason = why
      })
    })
    ended.abort()
    this.#connection = undefined
    client.removeAllListeners('message')
    client.end(true)
    return { reason, wasGood: connection.gotPuback, how }
  }

  #connectOptions(secret: Secret): ConnectOptions | string {
    const { rotation, url, ca } = this.#options
    const will = {
      topic: this.#statusTopic(),
      payload: Buffer.from(this.#status(false)),
      qos: 1 as const,
      retain: true,
    }
    return connectOptions({ url, ca, secret, agentId: rotation.agentId, will })
  }

  #greet(connection: Connection): void {
    const { rotation, url, log } = this.#options
    const { client, secret } = connection
    if (this.#connection !== connection) return
    const { agentId } = rotation
    log.info({ agentId, identity: secret.kind }, `linked to ${url}`)
    rotation.signedIn(secret)
    const commands = agentTopic(agentId, 'commands')
    client.subscribe(commands, { qos: 1 }, (error) => {
      if (this.#connection !== connection) return
      if (error) {
        log.error({ reason: error.message }, `the server does not let this agent listen on ${commands}`)
        client.end(true)
        return
      }
      client.publish(this.#statusTopic(), this.#status(true), { qos: 1, retain: true })
      this.#sendInventory(connection)
    })
    // Where the server says why it refuses something; nothing depends on being allowed to hear it.
    client.subscribe(ERRORS_TOPIC, { qos: 0 }, (error) => {
      if (error && this.#connection === connection)
        log.debug({ reason: error.message }, `not allowed to hear ${ERRORS_TOPIC}`)
    })
  }

  #sendInventory(connection: Connection): void {
    const { rotation, inventory } = this.#options
    const nextIdentity = rotation.announcement()
    const payload = JSON.stringify({ ...inventory(), ...(nextIdentity ? { nextIdentity } : {}) } satisfies Inventory)
    if (payload === connection.sentInventory || !connection.client.connected) return
    connection.sentInventory = payload
    connection.client.publish(agentTopic(rotation.agentId, 'inventory'), payload, { qos: 1 }, (error) => {
      if (error || !nextIdentity || this.#connection !== connection) return
      if (rotation.announced(nextIdentity)) this.#renew(connection)
    })
  }

  #hear(connection: Connection, topic: string, payload: Buffer, packet: IPublishPacket): void {
    const { rotation, log } = this.#options
    if (topic === ERRORS_TOPIC) this.#hearRefusal(payload)
    if (topic !== agentTopic(rotation.agentId, 'commands')) return
    // A kept command is an old one, whoever kept it: a reboot asked for yesterday never happens today.
    if (packet.retain) {
      log.warn('ignored a retained command: the server must not keep commands')
      return
    }
    const command = AgentCommandSchema.safeParse(parseJson(payload))
    if (command.success) {
      this.#obey(connection, command.data)
      return
    }
    const reason = command.error.issues[0]?.message ?? 'malformed'
    log.warn({ reason }, `ignored a command that this agent does not understand: ${reason}`)
  }

  #obey(connection: Connection, command: AgentCommand): void {
    const { onRegistered, outbox } = this.#options
    onRegistered(new Map(command.devices.map(({ deviceId, seq }) => [deviceId, seq])))
    if (connection.isReady) outbox.wake()
    else outbox.open(this.#sender(connection))
    connection.isReady = true
  }

  #hearRefusal(payload: Buffer): void {
    const refusal = RefusalMessage.safeParse(parseJson(payload))
    if (!refusal.success) return
    const { topic, code, message } = refusal.data
    this.#options.log.error({ topic, code }, `the server refused ${topic}: ${message}`)
  }

  #sender(connection: Connection): Send {
    return (topic, payload, { retain }, done) => {
      connection.client.publish(topic, payload, { qos: 1, retain }, (error) => {
        // Only a PUBACK on this very connection means "stored".
        if (error || this.#connection !== connection) return
        connection.gotPuback = true
        done()
      })
    }
  }

  /** Asks again for the word that never came, and gives up on a server that acknowledges nothing. */
  async #watch(connection: Connection, ended: AbortSignal, because: (why: string) => void): Promise<void> {
    const { clock, outbox, log } = this.#options
    while (!ended.aborted) {
      await clock.wait(ANSWER_TIMEOUT_MS, ended)
      if (ended.aborted || !connection.client.connected) continue
      if (!connection.isReady) {
        log.warn('the server has not answered the inventory: sending it again')
        connection.sentInventory = ''
        this.#sendInventory(connection)
      } else if (outbox.waitingMs() > PUBACK_TIMEOUT_MS) {
        because(`the server has acknowledged nothing for ${PUBACK_TIMEOUT_MS / 1000} s`)
        connection.client.end(true)
      }
    }
  }

  async #sayGoodbye(client: MqttClient): Promise<void> {
    const said = new AbortController()
    const stored = new Promise<void>((resolve) => {
      client.publish(this.#statusTopic(), this.#status(false), { qos: 1, retain: true }, () => resolve())
    })
    await Promise.race([stored, this.#options.clock.wait(GOODBYE_MS, said.signal)])
    said.abort()
  }

  #statusTopic(): TopicName {
    return agentTopic(this.#options.rotation.agentId, 'status')
  }

  #status(online: boolean): string {
    const { version, intervalS, clock } = this.#options
    return JSON.stringify({ online, version, interval: intervalS, at: clock.wall() } satisfies AgentStatus)
  }
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
