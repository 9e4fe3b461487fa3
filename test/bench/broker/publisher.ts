// One publisher of the load, and the window that publishers of the same viewers share.
import type { Ring } from './frames.ts'
import type { LoadSocket } from './socket.ts'
import type { Viewer } from './viewer.ts'

export class Publisher {
  readonly #client: LoadSocket
  readonly #ring: Ring
  readonly #index: number
  readonly #viewers: readonly Viewer[]
  #answerBytes = 0
  /** Called when something was answered. */
  onAnswer: () => void = () => {}
  sent = 0
  writes = 0

  constructor(client: LoadSocket, ring: Ring, index: number, viewers: readonly Viewer[]) {
    this.#client = client
    this.#ring = ring
    this.#index = index
    this.#viewers = viewers
    client.onBytes = (_bytes, length) => {
      this.#answerBytes += length
      this.onAnswer()
    }
  }

  get unanswered(): number {
    // a PUBACK has four bytes
    return this.sent - (this.#answerBytes >> 2)
  }

  /** What has not come to the slowest of its viewers. */
  get onTheWay(): number {
    let least = this.sent
    for (const viewer of this.#viewers) least = Math.min(least, viewer.seen[this.#index] ?? 0)
    return this.sent - least
  }

  /** Those that would overwrite what is on its way are left out. Returns how many were sent. */
  send(count: number): number {
    const most = Math.max(0, Math.min(count, this.#ring.frames - 1 - this.onTheWay))
    for (let left = most; left > 0; ) {
      const frames = this.#ring.take(left, this.sent + 1, performance.now())
      const taken = this.#ring.framesIn(frames)
      this.sent += taken
      this.writes += 1
      left -= taken
      this.#client.socket.write(frames)
    }
    return most
  }

  end(): void {
    this.#client.socket.destroy()
  }
}

export type Bounds = {
  /** Messages on their way to the slowest viewer. */
  readonly window: number
  /** Sent at once. */
  readonly burst: number
  /** QoS 1: what one publisher may have without an answer. */
  readonly unanswered: number
}

/** Publishers that are not looked at for room any more when so many before them had none. */
const MOST_ASKED = 16

/** Publishers send by turns, a burst each, while there is room on the way to the viewers that all of them have. */
export class Window {
  readonly #publishers: readonly Publisher[]
  readonly #viewers: readonly Viewer[]
  readonly #bounds: Bounds
  #turn = 0
  #sent = 0
  isOpen = false

  constructor(publishers: readonly Publisher[], viewers: readonly Viewer[], bounds: Bounds) {
    this.#publishers = publishers
    this.#viewers = viewers
    this.#bounds = bounds
    const topUp = () => this.topUp()
    for (const viewer of viewers) viewer.onArrival = topUp
    for (const publisher of publishers) publisher.onAnswer = topUp
  }

  topUp(): void {
    if (!this.isOpen) return
    const { window, burst, unanswered } = this.#bounds
    let reached = this.#sent
    for (const viewer of this.#viewers) reached = Math.min(reached, viewer.reached)
    for (let asked = 0; asked < MOST_ASKED && this.#sent - reached + burst <= window; asked += 1) {
      const publisher = this.#publishers[this.#turn]
      this.#turn = (this.#turn + 1) % this.#publishers.length
      if (!publisher || publisher.unanswered + burst > unanswered) continue
      const sent = publisher.send(burst)
      this.#sent += sent
      if (sent > 0) asked = -1
    }
  }

  /** What was lost never comes: whoever waits for it would wait for ever. It stays counted as lost. */
  forgive(): void {
    for (const viewer of this.#viewers) viewer.reached = this.#sent
    this.topUp()
  }
}
