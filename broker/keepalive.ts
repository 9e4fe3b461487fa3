// Who has said nothing for one and a half times the interval it named is gone [MQTT-3.1.2-24].

export type Watched = {
  /** Seconds, as named in CONNECT; 0 before it has come. */
  readonly keepaliveS: number
  /** Set when something has come. */
  isHeard: boolean
  /** Looks since then. */
  silentFor: number
  /** Whom we do not read from ourselves cannot be heard. */
  readonly isHeld: boolean
  silent(): void
}

const LOOK_S = 1

/**
 * One timer for all: with thousands of connections, a timer each costs more than a look at each. Silence is counted in
 * looks, not by a clock: a process that was stopped for an hour must read what has come meanwhile before it judges.
 */
export class Keepalive {
  readonly #watched: Iterable<Watched>
  readonly #timer: NodeJS.Timeout

  constructor(watched: Iterable<Watched>) {
    this.#watched = watched
    this.#timer = setInterval(() => this.look(), LOOK_S * 1000)
    this.#timer.unref()
  }

  /** To be called each second. */
  look(): void {
    for (const one of this.#watched) {
      one.silentFor = one.isHeard || one.isHeld ? 0 : one.silentFor + 1
      one.isHeard = false
      if (one.keepaliveS > 0 && one.silentFor * LOOK_S > one.keepaliveS * 1.5) one.silent()
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
