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
import type { Identity } from './identity.ts'
import type { Outbox, Send } from './outbox.ts'

export type LinkOptions = {
  readonly url: string
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly identity: Identity
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

const KEEPALIVE_S = 20
const CONNECT_TIMEOUT_MS = 10_000
/** A connection that held so long was a good one: the next try comes soon. */
const GOOD_CONNECTION_MS = 60_000
/** After so long without the cloud's word on which devices may report, the inventory goes again. */
const ANSWER_TIMEOUT_MS = 10_000
/** A server that lets a message wait for so long has lost it. */
const PUBACK_TIMEOUT_MS = 60_000
const GOODBYE_MS = 2000

type Connection = { readonly client: MqttClient; sentInventory: string; isReady: boolean; gotPuback: boolean }

export class Link {
  readonly #options: LinkOptions
  readonly #stopping = new AbortController()
  #connection: Connection | undefined
  #running: Promise<void> = Promise.resolve()

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
    const { clock, random, reconnectMinMs, reconnectMaxMs, log, outbox } = this.#options
    const { signal } = this.#stopping
    let attempt = -1
    while (!signal.aborted) {
      const since = clock.monotonic()
      const { reason, wasGood } = await this.#connectOnce()
      await outbox.close()
      if (signal.aborted) return
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

  /** Resolves when the connection has ended, with the reason, and whether any sample was stored over it. */
  async #connectOnce(): Promise<{ reason: string; wasGood: boolean }> {
    const client = mqtt.connect(this.#connectOptions())
    const connection: Connection = { client, sentInventory: '', isReady: false, gotPuback: false }
    this.#connection = connection
    let reason = 'the server closed the connection'
    client.on('error', (error) => {
      reason = reasonOf(error, this.#options.url)
    })
    client.on('message', (topic, payload, packet) => this.#hear(connection, topic, payload, packet))
    client.on('connect', () => void this.#greet(connection))
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
    return { reason, wasGood: connection.gotPuback }
  }

  #connectOptions() {
    const { identity, url } = this.#options
    const { protocol, hostname, port } = new URL(url)
    return {
      protocol: protocol === 'mqtts:' ? ('mqtts' as const) : ('mqtt' as const),
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'mqtts:' ? 8883 : 1883),
      protocolVersion: 4 as const,
      clean: true,
      clientId: `agent-${identity.agentId}`,
      username: `agent:${identity.agentId}`,
      password: identity.token,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // A new client for each try: the journal, not the library, knows what is still to be sent.
      reconnectPeriod: 0,
      queueQoSZero: false,
      will: { topic: this.#statusTopic(), payload: Buffer.from(this.#status(false)), qos: 1 as const, retain: true },
    }
  }

  async #greet({ client }: Connection): Promise<void> {
    const { identity, url, log } = this.#options
    const connection = this.#connection
    if (connection?.client !== client) return
    log.info({ agentId: identity.agentId }, `linked to ${url}`)
    const commands = agentTopic(identity.agentId, 'commands')
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
    const { identity, inventory } = this.#options
    const payload = JSON.stringify(inventory())
    if (payload === connection.sentInventory || !connection.client.connected) return
    connection.sentInventory = payload
    connection.client.publish(agentTopic(identity.agentId, 'inventory'), payload, { qos: 1 })
  }

  #hear(connection: Connection, topic: string, payload: Buffer, packet: IPublishPacket): void {
    const { identity, log } = this.#options
    if (topic === ERRORS_TOPIC) this.#hearRefusal(payload)
    if (topic !== agentTopic(identity.agentId, 'commands')) return
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
    return agentTopic(this.#options.identity.agentId, 'status')
  }

  #status(online: boolean): string {
    const { version, intervalS, clock } = this.#options
    return JSON.stringify({ online, version, interval: intervalS, at: clock.wall() } satisfies AgentStatus)
  }
}

/** What a person can do about it. */
function reasonOf(error: Error, url: string): string {
  const code = 'code' in error ? error.code : undefined
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${url}: check the address, and that the server runs`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name in ${url} is not known: check it, and this machine's DNS`
    case 4: // bad user name or password
    case 5: // not authorised
      return 'the server refuses this agent: its identity.json is not the one that was first used there, or it was revoked'
    default:
      return error.message === 'connack timeout' ? `no answer from ${url}` : error.message
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
