// A WebSocket as the stream of bytes that MQTT is: where its frames begin and end means nothing [MQTT-6.0.0-2].
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'

/** RFC 6455 section 7.4.1. */
const CLOSE = { normal: 1000, notBinary: 1003, tooLarge: 1009 } as const
/** How long a client may take to answer that we close. */
const CLOSE_WITHIN_MS = 2000

export type WebSocketFault = 'websocket-frame-text' | 'websocket-frame-malformed' | 'packet-too-large'

export type WebSocketBytesOptions = {
  readonly webSocket: WebSocket
  /** The TCP or TLS socket below. */
  readonly carrier: Socket
  /** A page of another site has opened it: what the browser shows of its own accord in TLS proves nothing about the page. */
  readonly isForeignPage: boolean
  /** What may come, frame headers included, before the broker has answered anything, in bytes. */
  readonly maxEarlyBytes: number
  readonly onFault: (reason: WebSocketFault) => void
}

/**
 * A write calls back when the kernel has its bytes, so `writableLength` is what it has not. One message at most is held
 * on the way in, and nothing is read while the stream is paused.
 */
export class WebSocketBytes extends Duplex {
  readonly carrier: Socket
  readonly isForeignPage: boolean
  readonly #webSocket: WebSocket
  readonly #options: WebSocketBytesOptions
  #earlyBytes = 0
  /** Nothing that comes is read any more. */
  #isDeaf = false
  #closeCode: number = CLOSE.normal
  #closeTimer: NodeJS.Timeout | undefined

  constructor(options: WebSocketBytesOptions) {
    super({ allowHalfOpen: false })
    const { webSocket, carrier } = options
    this.#options = options
    this.#webSocket = webSocket
    this.carrier = carrier
    this.isForeignPage = options.isForeignPage
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    // Already answered by a closing frame of the right code; the rest of what comes is not looked at.
    webSocket.on('error', () => this.#refuse('websocket-frame-malformed'))
    webSocket.on('close', () => this.#closed())
    // A failed write, or what the broker does to a client: 'close' follows and says all that matters.
    this.on('error', () => {})
    // A message is seen when it is whole; what is held of it until then is bounded here.
    carrier.on('data', this.#countEarly)
  }

  override pause(): this {
    this.#hold()
    return super.pause()
  }

  override resume(): this {
    this.#webSocket.resume()
    return super.resume()
  }

  override _read(): void {
    if (!this.isPaused()) this.#webSocket.resume()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.carrier.off('data', this.#countEarly)
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) done(new Error('the WebSocket is closing'))
    else this.#webSocket.send(bytes, { binary: true }, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#endInput()
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) {
      done()
      return
    }
    this.#webSocket.once('close', () => done())
    this.#close(this.#closeCode)
  }

  /** At once: nothing that the kernel has not taken is written any more. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#closeTimer)
    this.carrier.off('data', this.#countEarly)
    this.#webSocket.terminate()
    done(error)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#isDeaf) return
    const bytes = bytesOf(data)
    if (!isBinary) this.#refuse('websocket-frame-text', CLOSE.notBinary)
    else if (bytes.length > 0 && !this.push(bytes)) this.#hold()
  }

  /** Once it is closing, what comes is only the end, and that has to be seen. */
  #hold(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.pause()
  }

  readonly #countEarly = (chunk: Buffer): void => {
    this.#earlyBytes += chunk.length
    // Whoever is paused has sent its CONNECT, and what came in the same chunk was not ours to stop.
    if (this.#earlyBytes > this.#options.maxEarlyBytes && !this.isPaused())
      this.#refuse('packet-too-large', CLOSE.tooLarge)
  }

  #refuse(reason: WebSocketFault, code?: number): void {
    if (this.#isDeaf || this.destroyed) return
    this.#options.onFault(reason)
    if (code !== undefined) this.#closeCode = code
    this.#close(code)
    this.#endInput()
  }

  #close(code: number | undefined): void {
    if (code !== undefined) this.#webSocket.close(code)
    // the client's answer has to be read
    this.#webSocket.resume()
    this.#closeTimer ??= setTimeout(() => this.#webSocket.terminate(), CLOSE_WITHIN_MS)
  }

  #closed(): void {
    clearTimeout(this.#closeTimer)
    this.#endInput()
  }

  /** What came before (a last message, DISCONNECT) may still have to be read. */
  #endInput(): void {
    if (this.#isDeaf) return
    this.#isDeaf = true
    this.push(null)
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
