// PostgreSQL's LISTEN on a connection of its own. A notification says "look", never what: what counts is read from the tables.
import pg from 'pg'
import type { Logger } from 'pino'

export const CHANNELS = [
  'access_change',
  'edge_applied',
  'device_state',
  'agent_state',
  'notice',
  'client_arrived',
] as const
export type Channel = (typeof CHANNELS)[number]

type Handler = (payload: string) => void

const RETRY_MS = 250

/** Reconnects by itself. `onUp` runs at each (re)connection: whoever listens must then look at the tables, since notifications were lost. */
export class Listener {
  readonly #databaseUrl: string
  readonly #log: Logger
  readonly #handlers = new Map<Channel, Set<Handler>>()
  readonly #upHandlers = new Set<() => void>()
  #client: pg.Client | undefined
  #isStopped = false
  #retry: NodeJS.Timeout | undefined

  constructor(databaseUrl: string, log: Logger) {
    this.#databaseUrl = databaseUrl
    this.#log = log
  }

  /** Resolves once listening. */
  static async start(databaseUrl: string, log: Logger): Promise<Listener> {
    const listener = new Listener(databaseUrl, log)
    await listener.#connect()
    return listener
  }

  on(channel: Channel, handler: Handler): () => void {
    const handlers = this.#handlers.get(channel) ?? new Set()
    this.#handlers.set(channel, handlers.add(handler))
    return () => handlers.delete(handler)
  }

  onUp(handler: () => void): () => void {
    this.#upHandlers.add(handler)
    return () => this.#upHandlers.delete(handler)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#retry)
    await this.#client?.end().catch((error: unknown) => this.#log.debug({ err: error }, 'listening connection ended'))
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#databaseUrl, keepAlive: true })
    client.on('error', (error) => this.#log.warn({ err: error }, 'the listening connection was lost'))
    client.on('end', () => this.#reconnect(client))
    client.on('notification', ({ channel, payload }) => {
      for (const handler of this.#handlers.get(channel as Channel) ?? []) handler(payload ?? '')
    })
    this.#client = client
    await client.connect()
    await client.query(CHANNELS.map((channel) => `listen ${channel}`).join(';'))
    for (const handler of this.#upHandlers) handler()
  }

  #reconnect(lost: pg.Client): void {
    if (this.#isStopped || this.#client !== lost) return
    this.#retry = setTimeout(() => {
      this.#connect().catch((error: unknown) => {
        this.#log.warn({ err: error }, 'cannot listen to the database')
        if (this.#client) this.#reconnect(this.#client)
      })
    }, RETRY_MS)
  }
}
