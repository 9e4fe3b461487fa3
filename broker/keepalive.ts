// Who has said nothing for one and a half times the interval it named is gone [MQTT-3.1.2-24].
import type { Clock } from '@ridethrough/db/clock.ts'

export type Watched = {
  /** Seconds, as named in CONNECT. */
  readonly keepaliveS: number
  /** On the monotonic clock. */
  readonly heardAt: number
  readonly isHeld: boolean
  silent(): void
}

const LOOK_MS = 1000

/** One timer for all: with thousands of connections, a timer each costs more than a look at each. */
export class Keepalive {
  readonly #watched: Iterable<Watched>
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout

  constructor(watched: Iterable<Watched>, clock: Clock) {
    this.#watched = watched
    this.#clock = clock
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  look(): void {
    const now = this.#clock.monotonic()
    for (const one of this.#watched) {
      // whom we do not read from ourselves cannot be heard
      if (one.keepaliveS > 0 && !one.isHeld && now - one.heardAt > one.keepaliveS * 1500) one.silent()
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
