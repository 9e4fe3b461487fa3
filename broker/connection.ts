// One client's socket with the guard in front of it: whole, sane packets in; bounded, tagged messages out.
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type Connect, readConnect } from './connect.ts'
import { connack, type Frame, FrameReader, freeNow, PACKET, type PublishFrame } from './frame.ts'
import { inspect } from './guard.ts'
import type { LimitName, Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { Outbox } from './outbox.ts'
import type { Cut, Refused } from './reasons.ts'
import type { Slab, Turn } from './turn.ts'

/** How long the last answers may take to leave after the connection was given up. */
const LINGER_MS = 2000
/** What is read, and thrown away, meanwhile: a client that is shown out does not get to send a megabyte first. */
const LINGER_BYTES = 64 * 1024
/** Beyond this the engine is told that its answers wait. */
const ENGINE_BACKLOG_BYTES = 64 * 1024
/** What one connection may bring in one turn while others wait, in bytes; packets that take long count for more. */
const FAIR_BYTES = 256 * 1024
const COUNTED_AS = { forEngine: 8192, acknowledgement: 64 } as const
/** A message that has waited longer than this is judged again before it is handed to the socket. */
const STALE_MS = 10

/** Why a connection is not read from for now; each is a bit. */
export const HOLD = { turn: 1, unanswered: 2, rate: 4, engine: 8, store: 16, stopping: 32 } as const
export type Hold = (typeof HOLD)[keyof typeof HOLD]

export type ConnectionOptions = {
  readonly socket: Duplex
  /** Of the client, where a proxy in front has named it; otherwise the socket's own. */
  readonly address: string
  readonly turn: Turn
  readonly limits: Limits
  readonly metrics: Metrics
  readonly log: Logger
  /** Whether so many bytes may be held for somebody who has not signed in. */
  readonly mayHold?: (bytes: number) => boolean
  /** A well-formed CONNECT has come; the engine must be attached before this returns. */
  readonly onConnect: (connection: Connection, connect: Connect) => void
}

/** Asked about what has waited: the process may have been stopped, or the reader slow, since it was judged. */
export type Reviewer = {
  isServing(): boolean
  whenServing(): Promise<boolean>
  mayStillHave(deviceId: string): boolean
}

/** Takes what a client that is signed in publishes, past the engine. */
export type Taker = {
  publish(reader: FrameReader): void
  /** Nothing more is at hand for now. */
  pumped(): void
}

/** What the engine takes for the client's stream. */
export class Connection extends EventEmitter {
  readonly address: string
  destroyed = false
  /** Set when the client has signed in. */
  taker: Taker | undefined
  /** Of readers: set when one has signed in. */
  reviewer: Reviewer | undefined
  keepaliveS = 0
  isHeard = true
  silentFor = 0
  readonly #socket: Duplex
  readonly #options: ConnectionOptions
  readonly #reader: FrameReader
  readonly #outbox: Outbox
  #phase: 'expecting' | 'connecting' | 'open' = 'expecting'
  #connectTimer: NodeJS.Timeout | undefined
  #holds = 0
  #turn = -1
  #spentThisTurn = 0
  #forEngine: Buffer[] = []
  /** What the socket has and the kernel may not have taken yet. */
  #handedOver: Slab | undefined
  /** When the oldest of those that wait began to. */
  #waitingSince = 0
  #isFlushPlanned = false
  #isDrainAwaited = false
  #isEndedByClient = false
  #lingered = 0
  #isPumping = false
  /** Called when the kernel has taken something, or never will. */
  #waiters: (() => void)[] = []
  #packetId = 0
  #unacknowledged = 0

  constructor(options: ConnectionOptions) {
    super()
    const { socket, limits } = options
    this.#options = options
    this.#socket = socket
    this.#reader = new FrameReader(limits.packetBytesBeforeConnack)
    this.#outbox = new Outbox(options.turn)
    this.address = options.address
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#endInput())
    // 'close' follows and says all that matters; a reset by the peer is no event of ours.
    socket.on('error', () => {})
    socket.on('close', () => this.#socketClosed())
    this.#connectTimer = setTimeout(() => this.refuse('connect-too-late'), limits.connectMs)
  }

  /** CONNACK has been sent: larger packets are let in, and what waited behind CONNECT is read. */
  open(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'open'
    this.#reader.limit = this.#options.limits.packetBytesAfterConnack
    this.#goOn()
  }

  get isHeld(): boolean {
    return this.#holds !== 0
  }

  /** Bits of HOLD. */
  get holds(): number {
    return this.#holds
  }

  /** Stops reading until the same hold is released; the kernel makes the client wait. */
  hold(why: Hold): void {
    this.#holds |= why
  }

  release(why: Hold): void {
    if ((this.#holds & why) === 0) return
    this.#holds &= ~why
    if (this.#holds === 0 && !this.#isPumping) this.#goOn()
  }

  /** Has said nothing for too long. */
  silent(): void {
    this.refuse('keepalive-missed')
  }

  /** Ends the connection because of what the client sent. */
  refuse(reason: Refused, answer?: Buffer): void {
    const { metrics, log } = this.#options
    if (this.destroyed) return
    metrics.packetsRefused.inc({ reason })
    const limit = this.#limitBehind(reason)
    if (limit) hit(metrics, limit)
    log.info({ address: this.address, reason }, 'a client was refused')
    if (answer) this.answer(answer)
    this.destroy()
  }

  /** Ends the connection at once; nothing that waits is written any more. */
  cut(reason: Cut): void {
    if (this.destroyed) return
    this.#options.metrics.connectionsCut.inc({ reason })
    this.#outbox.clear()
    this.destroy()
    this.#socket.destroy()
  }

  /** Bytes that the kernel has not taken yet. */
  get backlog(): number {
    return this.#outbox.length + this.#socket.writableLength
  }

  /** An answer of the protocol's own. */
  answer(bytes: Buffer): void {
    if (this.destroyed) return
    if (this.#outbox.length === 0) this.#waitingSince = performance.now()
    this.#outbox.append(bytes, 0, bytes.length, undefined)
    this.#planFlush()
    if (this.backlog > this.#options.limits.backlogBytes) this.#cutSlow()
  }

  /** Never waits: a receiver that falls behind loses QoS 0 first, then its connection. False when nothing will be written. */
  send(frame: PublishFrame, deviceId: string | undefined): boolean {
    const { metrics, limits } = this.#options
    if (this.destroyed) return false
    const { bytes, start, end, qos } = frame
    const backlog = this.backlog + end - start
    if (qos === 0 && backlog > limits.backlogBytesQos0) {
      metrics.deliveriesDropped.inc({ reason: 'slow-receiver' }, frame.count)
      hit(metrics, 'backlogBytesQos0')
      return false
    }
    if (backlog > limits.backlogBytes || this.#unacknowledged >= limits.unacknowledgedDeliveries) {
      this.#cutSlow()
      return false
    }
    if (this.#outbox.length === 0) this.#waitingSince = performance.now()
    if (qos === 0) this.#outbox.append(bytes, start, end, deviceId)
    else this.#sendAtLeastOnce(frame, deviceId)
    this.#planFlush()
    return true
  }

  /**
   * Takes back every waiting message about such a device. Where the socket holds one that the kernel has not taken,
   * nothing but ending the connection keeps it from being written. True when there was any.
   */
  takeBack(isGone: (deviceId: string) => boolean): boolean {
    const concerns = (deviceId: string | undefined) => deviceId !== undefined && isGone(deviceId)
    if (this.#socket.writableLength > 0 && this.#handedOver?.devices.some(concerns)) {
      this.cut('revoked-behind')
      return true
    }
    return this.#outbox.takeBack(isGone)
  }

  /** Resolves when what waits is less than so many bytes; false when the connection has ended. */
  async whenBelow(bytes: number): Promise<boolean> {
    while (!this.destroyed && this.backlog >= bytes) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return !this.destroyed
  }

  // From here on: what the engine asks of a stream.

  /** The packets that the guard has passed on, or null. */
  read(): Buffer | null {
    if (this.#forEngine.length === 0) return null
    const bytes = Buffer.concat(this.#forEngine)
    this.#forEngine = []
    this.release(HOLD.engine)
    return bytes
  }

  // Acknowledgements and pings come piece by piece; they leave with the next batch.
  write(chunk: string | Uint8Array): boolean {
    this.answer(
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    )
    if (this.destroyed) return false
    if (this.backlog <= ENGINE_BACKLOG_BYTES) return true
    this.#isDrainAwaited = true
    return false
  }

  cork(): void {}
  uncork(): void {}

  destroy(): void {
    if (this.destroyed) return
    // before 'destroyed' is said: the answers may leave, messages may not
    clearTimeout(this.#connectTimer)
    this.#outbox.keepAnswers()
    const owesAnswer = this.#outbox.length > 0
    this.#handOver()
    this.destroyed = true
    this.#outbox.clear()
    // samples that wait to be stored may lie in what an open one has read
    if (this.#phase !== 'open') this.#reader.drop()
    // who has never said anything that makes sense is owed nothing, not even a reading of the rest
    if (this.#phase === 'expecting' && !owesAnswer) this.#socket.destroy()
    if (!this.#socket.destroyed) {
      this.#socket.end()
      const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS)
      this.#socket.once('close', () => clearTimeout(timer))
      // Unread bytes must not keep the socket open.
      this.#socket.resume()
    }
    this.#tellWaiters()
    // Never an 'error' event: whoever listens learns of the end by 'close'.
    process.nextTick(() => this.emit('close'))
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) {
      this.#lingered += chunk.length
      freeNow(chunk)
      if (this.#lingered > LINGER_BYTES) this.#socket.destroy()
      return
    }
    const { metrics } = this.#options
    this.isHeard = true
    metrics.counts.bytesIn += chunk.length
    this.#reader.feed(chunk)
    if (this.#phase === 'expecting' && this.#reader.peek() !== PACKET.connect << 4) {
      this.refuse('connect-missing')
      return
    }
    // before its CONNECT is looked at: whoever is refused for what comes behind it shall not cost a sign-in
    if (!this.#mayHold()) {
      this.refuse('too-much-before-connack')
      return
    }
    this.#spend(chunk.length)
    this.#pump()
    if (!this.#mayHold()) this.refuse('too-much-before-connack')
  }

  #mayHold(): boolean {
    return this.#phase === 'open' || this.#options.mayHold?.(this.#reader.held) !== false
  }

  /** Whoever has used up a share of this turn, or comes when it has taken its time, goes on in a next one. */
  #spend(bytes: number): void {
    const { turn } = this.#options
    if (turn.number !== this.#turn) {
      this.#turn = turn.number
      this.#spentThisTurn = 0
    }
    this.#spentThisTurn += bytes
    const hasHadEnough = this.#spentThisTurn > FAIR_BYTES || turn.isOver
    if (!hasHadEnough || (this.#holds & HOLD.turn) !== 0) return
    this.hold(HOLD.turn)
    turn.next(() => this.release(HOLD.turn))
  }

  #pump(): void {
    this.#isPumping = true
    while (this.#holds === 0 && this.#phase !== 'connecting' && !this.destroyed) {
      const found = this.#reader.advance()
      if (found === false) break
      if (found !== true) this.refuse(found)
      else if (this.#phase === 'expecting') this.#first(this.#reader.frame())
      else this.#packet()
    }
    this.taker?.pumped()
    this.#isPumping = false
    if (this.destroyed) return
    if (this.#holds !== 0 || this.#phase === 'connecting') this.#socket.pause()
    else if (this.#isEndedByClient) this.destroy()
  }

  #goOn(): void {
    if (this.destroyed) return
    this.#pump()
    if (this.#holds === 0 && !this.destroyed) this.#socket.resume()
  }

  #first(frame: Frame): void {
    const { limits, metrics } = this.#options
    const connect = readConnect(frame, limits)
    if ('reason' in connect) {
      metrics.connects.inc({ outcome: connect.reason })
      this.refuse(connect.reason, connect.code === undefined ? undefined : connack(connect.code))
    } else {
      clearTimeout(this.#connectTimer)
      this.#phase = 'connecting'
      this.#options.onConnect(this, connect)
      if (!this.destroyed) this.#toEngine(frame.bytes)
    }
  }

  #packet(): void {
    const reader = this.#reader
    const type = (reader.bytes[reader.at] as number) >> 4
    if (type === PACKET.publish && this.taker) {
      this.taker.publish(reader)
      return
    }
    const frame = reader.frame()
    const verdict = inspect(frame, this.#options.limits)
    if (verdict.do === 'close') this.refuse(verdict.reason)
    else if (verdict.do === 'answer') {
      this.#options.metrics.packetsRefused.inc({ reason: verdict.reason })
      if (verdict.reason === 'too-many-filters') hit(this.#options.metrics, 'filtersPerSubscribe')
      this.answer(verdict.bytes)
    } else if (type === PACKET.puback) this.#acknowledged()
    else {
      // what was published before a subscription is not told to it
      this.taker?.pumped()
      this.#toEngine(frame.bytes)
    }
  }

  /** Sessions are clean, so that nothing is ever sent again: an acknowledgement only makes room. */
  #acknowledged(): void {
    this.#spend(COUNTED_AS.acknowledgement)
    if (this.#unacknowledged > 0) this.#unacknowledged -= 1
    else this.#options.metrics.packetsRefused.inc({ reason: 'puback-unexpected' })
  }

  // A copy: the engine may keep parts of it for long, and the chunk that it lies in is large.
  #toEngine(bytes: Buffer): void {
    this.#spend(COUNTED_AS.forEngine)
    this.#forEngine.push(Buffer.from(bytes))
    this.hold(HOLD.engine)
    this.emit('readable')
  }

  #sendAtLeastOnce({ bytes, start, end, idAt }: PublishFrame, deviceId: string | undefined): void {
    this.#packetId = this.#packetId >= 65_535 ? 1 : this.#packetId + 1
    this.#unacknowledged += 1
    // never a repeat, whatever the publisher's was
    const first = (bytes[start] as number) & ~0x08
    this.#outbox.appendWithId(bytes, start, end, { first, idAt, packetId: this.#packetId }, deviceId)
  }

  #limitBehind(reason: Refused): LimitName | undefined {
    if (reason === 'connect-too-late') return 'connectMs'
    if (reason === 'payload-too-large') return 'payloadBytes'
    if (reason !== 'packet-too-large') return undefined
    return this.#phase === 'open' ? 'packetBytesAfterConnack' : 'packetBytesBeforeConnack'
  }

  #cutSlow(): void {
    const { metrics, limits } = this.#options
    hit(metrics, this.#unacknowledged >= limits.unacknowledgedDeliveries ? 'unacknowledgedDeliveries' : 'backlogBytes')
    const { address, backlog } = this
    this.#options.log.info({ address, backlog, unacknowledged: this.#unacknowledged }, 'a receiver was too slow')
    this.cut('slow-receiver')
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#options.turn.flushLater(this)
  }

  /** One slab at a time, and the next only when the kernel has taken the last: what waits here can still be taken back. */
  flush(): void {
    this.#isFlushPlanned = false
    if (this.destroyed || !this.#isReviewed()) return
    this.#handOver()
    if (this.#isDrainAwaited && this.backlog === 0) {
      this.#isDrainAwaited = false
      this.emit('drain')
    }
  }

  #handOver(): void {
    while (this.#outbox.length > 0 && this.#socket.writableLength === 0 && this.#socket.writable) {
      const slab = this.#outbox.shift()
      if (!slab) return
      this.#handedOver = slab
      this.#options.metrics.counts.bytesOut += slab.end
      this.#socket.write(slab.bytes.subarray(0, slab.end), () => this.#taken(slab))
    }
  }

  #taken(slab: Slab): void {
    this.#options.turn.give(slab)
    if (this.#handedOver === slab) this.#handedOver = undefined
    if (this.destroyed) return
    if (this.#outbox.length > 0 && !this.#isFlushPlanned) this.flush()
    this.#tellWaiters()
  }

  #tellWaiters(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const tell of waiters) tell()
  }

  /** False when nothing may be written yet: who was stopped for a while learns first what has been taken away meanwhile. */
  #isReviewed(): boolean {
    const { reviewer } = this
    const isStale = this.#outbox.length > 0 && performance.now() - this.#waitingSince > STALE_MS
    if (!reviewer || !isStale) return true
    if (!reviewer.isServing()) {
      void reviewer.whenServing().then((isServing) => isServing && this.flush())
      return false
    }
    this.takeBack((deviceId) => !reviewer.mayStillHave(deviceId))
    this.#waitingSince = performance.now()
    return !this.destroyed
  }

  #endInput(): void {
    if (this.#isEndedByClient || this.destroyed) return
    this.#isEndedByClient = true
    // What the client sent before it left (a last message, DISCONNECT) may still wait to be read.
    if (!this.isHeld && this.#phase !== 'connecting') this.destroy()
    else setTimeout(() => this.destroy(), LINGER_MS).unref()
  }

  #socketClosed(): void {
    if (this.#isEndedByClient && this.isHeld) setTimeout(() => this.destroy(), LINGER_MS).unref()
    else this.destroy()
  }
}
