// One live connection: what it watches, what it has been shown, and how far behind it is.
import type { Principal } from '@ridethrough/db/edge.ts'
import type { ConnectionUses } from '@ridethrough/db/uses.ts'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import { devicesWith, mayOn } from '@ridethrough/protocol/rights.ts'
import type { WebSocket } from 'ws'
import type { Metrics } from '../metrics.ts'
import { type Face, type Frame, PERSON } from './face.ts'

/** Above it, frames that a newer one replaces are left out. */
const DROP_BYTES = 256 * 1024
/** Above it, nobody is reading. */
const CUT_BYTES = 1024 * 1024
const CAUGHT_UP_BYTES = 64 * 1024
const LONGEST_BEHIND_MS = 20_000
const CLOSE_GRACE_MS = 1000

export class Viewer {
  readonly principal: Principal
  /** How devices are put to it. */
  readonly face: Face
  /** What it was shown of each device besides the state, to tell whether it must be told anew. */
  readonly shown = new Map<string, string>()
  /** Devices whose newest state it has not got: left out because it was slow, or because its snapshot was under way. */
  readonly dirty = new Set<string>()
  /** Devices whose changes the hub passes on to it, shown or about to be. */
  readonly registered = new Set<string>()
  /** What it is to be shown is put together one after the other. */
  work: Promise<void> = Promise.resolve()
  watchesAll = false
  /** Told of the account's notices: somebody who is signed in, never a token. */
  hearsNotices = false
  /** What it has made of what others share; there once it was shown something. */
  uses?: ConnectionUses
  readonly watched = new Set<string>()
  isLoading = false
  readonly #socket: WebSocket
  readonly #metrics: Metrics
  #behindSince: number | undefined
  #killTimer: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, principal: Principal, metrics: Metrics, face: Face = PERSON) {
    this.#socket = socket
    this.principal = principal
    this.face = face
    this.#metrics = metrics
    socket.once('close', () => clearTimeout(this.#killTimer))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Asked at each frame, on the rights that are in place at that moment. */
  maySee(deviceId: string, now: number): boolean {
    const { principal } = this
    if (principal.isEnded || (principal.expiresAt !== null && principal.expiresAt <= now)) return false
    return mayOn(principal.rights, 'monitor', deviceId, now) !== undefined
  }

  /** What it wants and may see now. */
  visible(now: number): string[] {
    const ids = devicesWith(this.principal.rights, 'monitor', now)
    return this.watchesAll ? ids : ids.filter((id) => this.watched.has(id))
  }

  send(event: Frame): void {
    this.sendText(JSON.stringify(event))
  }

  /** False when it was left out because the viewer is slow: the caller remembers to send the newest later. */
  sendReplaceable(text: string): boolean {
    if (this.#socket.bufferedAmount <= DROP_BYTES) {
      this.sendText(text)
      return true
    }
    this.#metrics.dropped.inc()
    return false
  }

  sendText(text: string): void {
    if (!this.isOpen) return
    if (this.#socket.bufferedAmount > CUT_BYTES) {
      this.#metrics.slowViewers.inc()
      this.#socket.terminate()
      return
    }
    this.#metrics.frames.inc()
    this.#socket.send(text)
  }

  get isCaughtUp(): boolean {
    return this.#socket.bufferedAmount < CAUGHT_UP_BYTES
  }

  /** Called now and then: whoever stays behind for long is told so and cut off. */
  checkPace(now: number): void {
    if (this.#socket.bufferedAmount <= DROP_BYTES) {
      this.#behindSince = undefined
      return
    }
    this.#behindSince ??= now
    if (now - this.#behindSince < LONGEST_BEHIND_MS) return
    this.#metrics.slowViewers.inc()
    this.close(LIVE_CLOSE.tooSlow, 'this connection does not keep up')
  }

  /** Whoever does not answer the closing handshake is cut off. */
  close(code: number, reason: string): void {
    if (this.#killTimer) return
    this.#socket.close(code, reason)
    this.#killTimer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS)
  }
}
