// Several brokers on one PostgreSQL: a client that comes to another one leaves this one [MQTT-3.1.4-2].
import { Collector } from '@ridethrough/db/collector.ts'
import type { Listener } from '@ridethrough/db/listen.ts'
import { type Arrival, readArrivals, tellArrivals } from '@ridethrough/db/query/arrival.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Logger } from 'pino'
import type { Session, Sessions } from './sessions.ts'

export type ElsewhereOptions = {
  readonly db: Db
  readonly listener: Listener
  readonly sessions: Sessions
  /** Of this broker, new at each start. */
  readonly brokerId: string
  readonly log: Logger
}

/** A client does not wait longer for what concerns other brokers. */
const PATIENCE_MS = 1000

type Told = { readonly serial: number; isHeard: boolean }

/**
 * Each sign-in is told to all brokers, and all hear of them in one order. Who hears of a client's arrival elsewhere after
 * its arrival here gives its own up: of however many that come at once, the last stays and no other.
 */
export class Elsewhere {
  readonly #options: ElsewhereOptions
  readonly #told = new WeakMap<Session, Told>()
  readonly #arrivals: Collector<Arrival, undefined>
  readonly #offs: readonly (() => void)[]
  #serial = 0

  constructor(options: ElsewhereOptions) {
    const { db, listener, brokerId } = options
    this.#options = options
    this.#arrivals = new Collector(async (arrivals) => {
      await tellArrivals(db, brokerId, arrivals)
      return arrivals.map(() => undefined)
    })
    this.#offs = [
      listener.on('client_arrived', (payload) => this.#heard(payload)),
      // What was said meanwhile is lost: who says it last, stays.
      listener.onUp(() => {
        for (const session of options.sessions.all()) void this.tell(session)
      }),
    ]
  }

  /** The client is in, here. Resolves when the others will hear of it, or the database does not take it in time. */
  async tell(session: Session): Promise<void> {
    this.#serial += 1
    const told = { serial: this.#serial, isHeard: false }
    this.#told.set(session, told)
    const saying = this.#arrivals.ask({ key: session.key, serial: told.serial }).catch((error: unknown) => {
      this.#options.log.debug(
        { err: error },
        'an arrival could not be told; it is told again when the database is back',
      )
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS)
    })
    await Promise.race([saying, late])
    clearTimeout(timer)
  }

  stop(): void {
    for (const off of this.#offs) off()
  }

  #heard(payload: string): void {
    const { sessions, brokerId, log } = this.#options
    const said = readArrivals(payload)
    for (const { key, serial } of said.arrivals) {
      const session = sessions.withKey(key)
      const told = session && this.#told.get(session)
      if (!told) continue
      if (said.brokerId === brokerId) told.isHeard ||= told.serial === serial
      else if (told.isHeard) {
        const { kind, id } = session.principal
        log.info({ kind, id, address: session.connection.address }, 'a newer connection at another broker takes over')
        // it is not gone: nobody is to be told so
        sessions.remove(session)
        session.connection.cut('taken-over')
      }
    }
  }
}
