// A live WebSocket: notices silence, and comes back after a cut. A signed-in console has one, and so has an open link.
import { LIVE_CLOSE, LiveEvent, type LiveRequest } from '@ridethrough/protocol/http/live.ts'
import type { z } from 'zod'

export type Connection = {
  readonly phase: 'connecting' | 'live' | 'lost'
  /** Since when the stream is what it is, in milliseconds since 1970 by this computer's clock. */
  readonly since: number
  /** Counts the streams that came up: what was drawn before the last one may have a gap. */
  readonly epoch: number
  /** Add to this computer's clock to get the server's, in milliseconds. */
  readonly clockOffset: number
}

export type LiveTiming = {
  /** A stream that says nothing for so long is dead: the server sends a heartbeat every 5 s. */
  readonly silenceMs: number
  /** First and longest wait before another try; each is drawn at random up to the bound. */
  readonly firstRetryMs: number
  readonly lastRetryMs: number
}

const TIMING: LiveTiming = { silenceMs: 12_500, firstRetryMs: 500, lastRetryMs: 15_000 }

/** What both sides say. */
export type Stream<E> = {
  readonly frame: z.ZodType<E>
  /** Sent first, where the server waits for it. */
  readonly greeting?: LiveRequest
  readonly protocols?: readonly string[]
}

type Frame = { readonly type: string; readonly at?: string }

/** Of the console: every device that the account may see. */
export const EVERYTHING: Stream<LiveEvent> = { frame: LiveEvent, greeting: { type: 'watch', devices: 'all' } }

export type LiveLinkOptions<E> = {
  readonly url: string
  readonly stream: Stream<E>
  readonly onEvent: (event: E) => void
  /** The server says that nobody is signed in any more, or that the link has ended. */
  readonly onSignedOut: () => void
  readonly timing?: LiveTiming
}

export class LiveLink<E extends Frame = LiveEvent> {
  readonly #options: LiveLinkOptions<E>
  readonly #timing: LiveTiming
  readonly #listeners = new Set<() => void>()
  #socket: WebSocket | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #isStarted = false
  #connection: Connection = { phase: 'connecting', since: Date.now(), epoch: 0, clockOffset: 0 }

  constructor(options: LiveLinkOptions<E>) {
    this.#options = options
    this.#timing = options.timing ?? TIMING
  }

  readonly connection = (): Connection => this.#connection

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#failures = 0
    this.#become('connecting')
    this.#open()
  }

  stop(): void {
    this.#isStarted = false
    clearTimeout(this.#retry)
    clearTimeout(this.#watchdog)
    this.#socket?.close()
    this.#socket = undefined
  }

  /** Tries at once instead of waiting: the network came back, or somebody looks at the page again. */
  readonly hurry = (): void => {
    if (!this.#isStarted || this.#socket) return
    clearTimeout(this.#retry)
    this.#open()
  }

  #open(): void {
    const { url, stream } = this.#options
    const socket = new WebSocket(url, [...(stream.protocols ?? [])])
    this.#socket = socket
    this.#watch(socket)
    socket.onopen = () => stream.greeting && socket.send(JSON.stringify(stream.greeting))
    socket.onmessage = (message) => {
      if (this.#socket === socket) this.#take(socket, String(message.data))
    }
    socket.onclose = (close) => this.#lose(socket, close.code)
  }

  #take(socket: WebSocket, text: string): void {
    this.#watch(socket)
    const event = parseFrame(this.#options.stream.frame, text)
    if (!event) return
    if (event.type === 'heartbeat' && event.at !== undefined)
      this.#tell({ clockOffset: Date.parse(event.at) - Date.now() })
    if (event.type === 'snapshot') {
      this.#failures = 0
      this.#become('live')
    }
    this.#options.onEvent(event)
  }

  // A cut cable closes no socket: only silence shows it.
  #watch(socket: WebSocket): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => {
      socket.close()
      this.#lose(socket, undefined)
    }, this.#timing.silenceMs)
  }

  #lose(socket: WebSocket, code: number | undefined): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    clearTimeout(this.#watchdog)
    if (this.#connection.phase !== 'lost') this.#become('lost')
    if (!this.#isStarted) return
    if (code === LIVE_CLOSE.signedOut) {
      this.stop()
      this.#options.onSignedOut()
      return
    }
    const bound = Math.min(this.#timing.lastRetryMs, this.#timing.firstRetryMs * 2 ** this.#failures)
    this.#failures += 1
    // Spread at random, so that a restarted server is not met by everybody in the same second.
    this.#retry = setTimeout(() => this.#open(), bound * (0.3 + 0.7 * Math.random()))
  }

  #become(phase: Connection['phase']): void {
    this.#tell({ phase, since: Date.now(), ...(phase === 'live' ? { epoch: this.#connection.epoch + 1 } : {}) })
  }

  #tell(change: Partial<Connection>): void {
    // Heartbeats jitter by milliseconds: that alone is no news.
    if (change.clockOffset !== undefined && Math.abs(change.clockOffset - this.#connection.clockOffset) < 500) return
    this.#connection = { ...this.#connection, ...change }
    for (const listener of [...this.#listeners]) listener()
  }
}

/** `undefined` for a frame of a newer server that this console does not know: it is skipped, the stream goes on. */
function parseFrame<E>(frame: z.ZodType<E>, text: string): E | undefined {
  try {
    return frame.safeParse(JSON.parse(text)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
