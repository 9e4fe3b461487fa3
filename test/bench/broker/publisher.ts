// One publisher of the load: sends frames from its ring while no more than its window is on the way.
import type { Ring } from './frames.ts'
import type { LoadSocket } from './socket.ts'
import type { Viewer } from './viewer.ts'

export type Bounds = {
  /** Messages on their way to the slowest of its viewers. */
  readonly window: number
  readonly burst: number
  /** `undefined`: QoS 0, nothing is answered. */
  readonly unanswered: number | undefined
}

export class Publisher {
  readonly #client: LoadSocket
  readonly #ring: Ring
  readonly #bounds: Bounds
  readonly #index: number
  readonly #viewers: readonly Viewer[]
  readonly #enough: number
  #answerBytes = 0
  /** Fills its window by itself whenever something has come. */
  isDriven = false
  sent = 0
  writes = 0

  constructor(client: LoadSocket, ring: Ring, index: number, viewers: readonly Viewer[], bounds: Bounds) {
    this.#client = client
    this.#ring = ring
    this.#bounds = bounds
    this.#index = index
    this.#viewers = viewers
    const most = Math.min(bounds.window, bounds.unanswered ?? bounds.window)
    this.#enough = Math.max(1, Math.min(bounds.burst, most >> 1))
    client.onBytes = (_bytes, length) => {
      this.#answerBytes += length
      this.topUp()
    }
  }

  get answered(): number {
    // a PUBACK has four bytes
    return this.#answerBytes >> 2
  }

  /** What has not come to the slowest of its viewers. */
  get onTheWay(): number {
    let least = this.sent
    for (const viewer of this.#viewers) {
      const seen = viewer.seen[this.#index] ?? 0
      if (seen < least) least = seen
    }
    return this.sent - least
  }

  topUp(): void {
    if (!this.isDriven) return
    const { window, unanswered } = this.#bounds
    let room = window - this.onTheWay
    if (unanswered !== undefined) room = Math.min(room, unanswered - (this.sent - this.answered))
    while (room >= this.#enough) {
      const count = this.send(Math.min(room, this.#bounds.burst))
      if (count === 0) return
      room -= count
    }
  }

  /** Sends so many whatever is on the way; those that would overwrite what is, are left out. Returns how many were sent. */
  send(count: number): number {
    const most = Math.min(count, this.#ring.frames - 1 - this.onTheWay)
    let left = most
    while (left > 0) {
      const frames = this.#ring.take(left, this.sent + 1, performance.now())
      const taken = this.#ring.framesIn(frames)
      this.sent += taken
      this.writes += 1
      left -= taken
      this.#client.socket.write(frames)
    }
    return Math.max(0, most)
  }

  end(): void {
    this.#client.socket.destroy()
  }
}
