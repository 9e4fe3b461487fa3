// One viewer of the load: counts what comes, sees that nothing is missing, takes times, acknowledges.
import { type Layout, NUMBER_AT, SENDER_AT } from './frames.ts'
import { incomingView, type LoadSocket } from './socket.ts'

const MAX_SAMPLES = 1_000_000

/** Times of all viewers, in ms. */
export class Times {
  readonly #values = new Float64Array(MAX_SAMPLES)
  #count = 0
  isTaking = false
  /** Every so many messages of a publisher are timed. */
  readonly every: number

  constructor(every: number) {
    this.every = every
  }

  add(ms: number): void {
    if (this.#count < MAX_SAMPLES) this.#values[this.#count++] = ms
  }

  spread(): { p50: number; p99: number; max: number; samples: number } {
    const sorted = this.#values.subarray(0, this.#count).toSorted()
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
    return { p50: at(0.5), p99: at(0.99), max: at(1), samples: sorted.length }
  }
}

export class Viewer {
  readonly #client: LoadSocket
  readonly #layout: Layout
  readonly #times: Times
  /** The number of the last message that came, by publisher. */
  readonly seen: Uint32Array
  readonly #part: Buffer
  readonly #partView: DataView
  #partLength = 0
  received = 0
  /** Counts what came, and what must be lost because something later came. */
  reached = 0
  /** Called when messages have come. */
  onArrival: () => void = () => {}
  outOfOrder = 0
  fault: Error | undefined

  constructor(client: LoadSocket, layout: Layout, publishers: number, times: Times) {
    this.#client = client
    this.#layout = layout
    this.#times = times
    this.seen = new Uint32Array(publishers)
    this.#part = Buffer.alloc(layout.bytes)
    this.#partView = new DataView(this.#part.buffer, this.#part.byteOffset, this.#part.length)
    client.onBytes = (bytes, length) => this.#read(bytes, length)
  }

  /** Every frame has the same length, so that nothing needs to be parsed: what is no such frame is noticed by its first byte. */
  #read(bytes: Buffer, length: number): void {
    if (this.fault) return
    const size = this.#layout.bytes
    let at = 0
    let frames = Math.floor((this.#partLength + length) / size)
    const acks = this.#layout.qos === 1 && frames > 0 ? Buffer.allocUnsafe(frames * 4) : undefined
    const now = performance.now()
    if (this.#partLength > 0) {
      at = bytes.copy(this.#part, this.#partLength, 0, Math.min(length, size - this.#partLength))
      this.#partLength += at
      if (this.#partLength < size) return
      this.#frame(this.#partView, 0, now)
      if (acks) this.#acknowledge(acks, 0, this.#part, 0)
      this.#partLength = 0
      frames -= 1
    }
    let acked = acks ? acks.length / 4 - frames : 0
    for (; frames > 0; frames -= 1, at += size) {
      this.#frame(incomingView, at, now)
      if (acks) this.#acknowledge(acks, acked++, bytes, at)
    }
    if (at < length) this.#partLength = bytes.copy(this.#part, 0, at, length)
    if (acks) this.#client.socket.write(acks)
    this.onArrival()
  }

  #frame(view: DataView, at: number, now: number): void {
    const { head, payloadAt } = this.#layout
    const payload = at + payloadAt
    const sender = view.getUint32(payload + SENDER_AT)
    const number = view.getUint32(payload + NUMBER_AT)
    const last = this.seen[sender]
    if (view.getUint8(at) !== head || last === undefined) {
      this.fault = new Error(`not what was sent: ${view.getUint8(at).toString(16)} from ${sender}`)
      return
    }
    this.received += 1
    if (number > last) {
      this.reached += number - last
      this.seen[sender] = number
    } else this.outOfOrder += 1
    if (this.#times.isTaking && number % this.#times.every === 0) this.#times.add(now - view.getFloat64(payload))
  }

  #acknowledge(acks: Buffer, index: number, bytes: Buffer, at: number): void {
    const from = at + this.#layout.packetIdAt
    acks[index * 4] = 0x40
    acks[index * 4 + 1] = 2
    acks[index * 4 + 2] = bytes[from] ?? 0
    acks[index * 4 + 3] = bytes[from + 1] ?? 0
  }

  end(): void {
    this.#client.socket.destroy()
  }
}
