// One client's socket with the guard in front of it: whole, sane packets in; bounded, tagged messages out.
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type Connect, readConnect } from './connect.ts'
import { connack, type Frame, FrameReader, PACKET } from './frame.ts'
import { inspect, MAX_PACKET_BYTES } from './guard.ts'
import type { Metrics } from './metrics.ts'

/** How far a receiver may fall behind, in bytes not yet taken by the kernel. */
export const MAX_BACKLOG_BYTES = { qos0: 256 * 1024, any: 1024 * 1024 } as const
const CONNECT_WITHIN_MS = 5000
/** How long the last answers may take to leave after the connection was given up. */
const LINGER_MS = 2000
/** What is handed to the socket at once: once there, a message cannot be taken back. */
const BATCH_BYTES = 64 * 1024

export type ConnectionOptions = {
  readonly socket: Socket
  /** Of the client, where a proxy in front has named it; otherwise the socket's own. */
  readonly address?: string | undefined
  readonly metrics: Metrics
  readonly log: Logger
  /** A well-formed CONNECT has come; the engine must be attached before this returns. */
  readonly onConnect: (connection: Connection, connect: Connect) => void
}

/** A message that has waited longer than this is judged again before it is handed to the socket. */
const STALE_MS = 10

/** Asked about what has waited: the process may have been stopped, or the reader slow, since it was judged. */
export type Reviewer = {
  isServing(): boolean
  whenServing(): Promise<boolean>
  mayStillHave(deviceId: string): boolean
}

/** A message that waits; `deviceId` tells which device it is about, so that a revoke can take it back. */
type Waiting = { readonly bytes: Buffer; readonly deviceId: string | undefined }

export class Connection extends Duplex {
  readonly address: string
  /** Of readers: set when one has signed in. */
  reviewer: Reviewer | undefined
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #reader = new FrameReader(MAX_PACKET_BYTES.beforeConnack)
  #phase: 'expecting' | 'connecting' | 'open' = 'expecting'
  #connectTimer: NodeJS.Timeout | undefined
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Devices in the batch that the socket has and the kernel may not have taken yet. */
  #handedOver: (string | undefined)[] = []
  /** When the oldest of those that wait began to. */
  #waitingSince = 0
  #isFlushPlanned = false
  #isDrainAwaited = false
  #isEndedByClient = false

  constructor(options: ConnectionOptions) {
    super({ highWaterMark: BATCH_BYTES, decodeStrings: false })
    const { socket } = options
    this.#options = options
    this.#socket = socket
    this.address = options.address ?? socket.remoteAddress ?? ''
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('end', () => this.#endInput())
    // 'close' follows and says all that matters; a reset by the peer is no event of ours.
    socket.on('error', () => {})
    socket.on('close', () => this.#socketClosed())
    this.#connectTimer = setTimeout(() => this.refuse('connect-too-late'), CONNECT_WITHIN_MS)
  }

  /** CONNACK has been sent: larger packets are let in, and what waited behind CONNECT is read. */
  open(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'open'
    this.#reader.limit = MAX_PACKET_BYTES.afterConnack
    this.#pump()
    this.#socket.resume()
  }

  /** Ends the connection because of what the client sent. */
  refuse(reason: string, answer?: Buffer): void {
    const { metrics, log } = this.#options
    if (this.destroyed) return
    metrics.packetsRefused.inc({ reason })
    log.info({ address: this.address, reason }, 'a client was refused')
    if (answer) this.#queue(answer, undefined)
    this.destroy()
  }

  /** Ends the connection at once; nothing that waits is written any more. */
  cut(reason: string): void {
    if (this.destroyed) return
    this.#options.metrics.connectionsCut.inc({ reason })
    this.#forgetWaiting()
    this.destroy()
    this.#socket.destroy()
  }

  /** Bytes that the kernel has not taken yet. */
  get backlog(): number {
    return this.#waitingBytes + this.#socket.writableLength
  }

  /** Never waits: a receiver that falls behind loses QoS 0 first, then its connection. False when nothing will be written. */
  send(bytes: Buffer, qos: 0 | 1, deviceId: string | undefined): boolean {
    const { metrics, log } = this.#options
    if (this.destroyed) return false
    if (qos === 0 && this.backlog + bytes.length > MAX_BACKLOG_BYTES.qos0) {
      metrics.deliveriesDropped.inc({ reason: 'slow-receiver' })
      return false
    }
    if (this.backlog + bytes.length > MAX_BACKLOG_BYTES.any) {
      log.info({ address: this.address, backlog: this.backlog }, 'a receiver was too slow')
      this.cut('slow-receiver')
      return false
    }
    this.#queue(bytes, deviceId)
    return true
  }

  /**
   * Takes back every waiting message about such a device. Where the socket holds one that the kernel has not taken,
   * nothing but ending the connection keeps it from being written. Returns how many were taken back.
   */
  takeBack(isGone: (deviceId: string) => boolean): number {
    const concerns = (deviceId: string | undefined) => deviceId !== undefined && isGone(deviceId)
    const before = this.#waiting.length
    if (this.#socket.writableLength > 0 && this.#handedOver.some(concerns)) {
      this.cut('revoked-behind')
      return before
    }
    this.#waiting = this.#waiting.filter(({ deviceId }) => !concerns(deviceId))
    this.#waitingBytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return before - this.#waiting.length
  }

  // The engine's own answers (acknowledgements, pings) come here piece by piece; they leave with the next batch.
  override write(chunk: unknown, ..._rest: unknown[]): boolean {
    if (this.destroyed) return false
    this.#queue(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array), undefined)
    if (this.backlog > MAX_BACKLOG_BYTES.any) {
      this.cut('slow-receiver')
      return false
    }
    if (this.backlog <= BATCH_BYTES) return true
    this.#isDrainAwaited = true
    return false
  }

  // Batching is done here already.
  override cork(): void {}
  override uncork(): void {}

  override _read(): void {
    if (this.#phase === 'open') this.#socket.resume()
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#connectTimer)
    this.#waiting = this.#waiting.filter(({ deviceId }) => deviceId === undefined)
    this.#flush()
    if (this.#waiting.length > 0) this.#forgetWaiting()
    if (!this.#socket.destroyed) {
      this.#socket.end()
      const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS)
      this.#socket.once('close', () => clearTimeout(timer))
      // Unread bytes must not keep the socket open.
      this.#socket.resume()
    }
    // Never an 'error' event: whoever listens learns of the end by 'close'.
    done(null)
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return
    this.#reader.feed(chunk)
    if (this.#phase === 'expecting' && this.#reader.peek() !== PACKET.connect << 4) this.refuse('connect-missing')
    this.#pump()
  }

  #pump(): void {
    let mayGoOn = true
    while (this.#phase !== 'connecting' && !this.destroyed) {
      const frame = this.#reader.next()
      if (frame === undefined) break
      if (typeof frame === 'string') this.refuse(frame)
      else if (this.#phase === 'expecting') this.#first(frame)
      else mayGoOn = this.#packet(frame) && mayGoOn
    }
    if (!this.destroyed && (!mayGoOn || this.#phase === 'connecting')) this.#socket.pause()
  }

  #first(frame: Frame): void {
    const connect = readConnect(frame)
    if ('reason' in connect) {
      this.#options.metrics.connects.inc({ outcome: connect.reason })
      this.refuse(connect.reason, connect.code === undefined ? undefined : connack(connect.code))
    } else {
      clearTimeout(this.#connectTimer)
      this.#phase = 'connecting'
      this.#options.onConnect(this, connect)
      this.push(frame.bytes)
    }
  }

  #packet(frame: Frame): boolean {
    const verdict = inspect(frame)
    if (verdict.do === 'pass') return this.push(frame.bytes)
    if (verdict.do === 'close') {
      this.refuse(verdict.reason)
      return false
    }
    this.#options.metrics.packetsRefused.inc({ reason: verdict.reason })
    this.#queue(verdict.bytes, undefined)
    return true
  }

  #queue(bytes: Buffer, deviceId: string | undefined): void {
    if (this.#waiting.length === 0) this.#waitingSince = performance.now()
    this.#waiting.push({ bytes, deviceId })
    this.#waitingBytes += bytes.length
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(() => {
      this.#isFlushPlanned = false
      this.#flush()
    })
  }

  // One buffer per turn, and the next only when the kernel has taken the last: what waits here can still be taken back.
  #flush(): void {
    if (!this.#isReviewed()) return
    while (this.#waiting.length > 0 && this.#socket.writableLength === 0 && this.#socket.writable) {
      const batch: Buffer[] = []
      let bytes = 0
      let count = 0
      for (const one of this.#waiting) {
        if (count > 0 && bytes + one.bytes.length > BATCH_BYTES) break
        batch.push(one.bytes)
        bytes += one.bytes.length
        count += 1
      }
      this.#handedOver = this.#waiting.splice(0, count).map(({ deviceId }) => deviceId)
      this.#waitingBytes -= bytes
      this.#socket.write(count === 1 ? (batch[0] as Buffer) : Buffer.concat(batch, bytes), () => this.#taken())
    }
    if (this.#isDrainAwaited && this.backlog === 0) {
      this.#isDrainAwaited = false
      this.emit('drain')
    }
  }

  /** False when nothing may be written yet: who was stopped for a while learns first what has been taken away meanwhile. */
  #isReviewed(): boolean {
    const { reviewer } = this
    const isStale = this.#waiting.length > 0 && performance.now() - this.#waitingSince > STALE_MS
    if (!reviewer || !isStale || this.destroyed) return true
    if (!reviewer.isServing()) {
      void reviewer.whenServing().then((isServing) => isServing && this.#flush())
      return false
    }
    this.takeBack((deviceId) => !reviewer.mayStillHave(deviceId))
    return true
  }

  #taken(): void {
    if (!this.destroyed) this.#flush()
  }

  #forgetWaiting(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #endInput(): void {
    if (this.#isEndedByClient || this.destroyed) return
    this.#isEndedByClient = true
    this.push(null)
  }

  #socketClosed(): void {
    // What the client sent before it left (a last message, DISCONNECT) may still wait to be read.
    if (this.#isEndedByClient && this.readableLength > 0) {
      const timer = setTimeout(() => this.destroy(), LINGER_MS)
      this.once('close', () => clearTimeout(timer))
    } else this.destroy()
  }
}
