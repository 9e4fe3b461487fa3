// PUBLISH packets made once and sent again and again: only stamp, number and packet identifier are written anew.

/** Where things lie in a frame whose topic and payload have a fixed length. */
export type Layout = {
  readonly qos: 0 | 1
  /** Of the whole frame. */
  readonly bytes: number
  readonly head: number
  readonly packetIdAt: number
  readonly payloadAt: number
}

/** In the payload: when it was sent (ms, float64), who sent it (uint32), which of its messages it is, from 1 (uint32). */
export const SENDER_AT = 8
export const NUMBER_AT = 12
export const LEAST_PAYLOAD = 16

const HEADER = 3

/** Throws where the length would not take two bytes: frames would have different lengths. */
export function layoutOf(topicBytes: number, payloadBytes: number, qos: 0 | 1): Layout {
  const packetId = qos === 1 ? 2 : 0
  const remaining = 2 + topicBytes + packetId + payloadBytes
  if (remaining < 128 || remaining > 16_383 || payloadBytes < LEAST_PAYLOAD) {
    throw new Error(`frames of ${remaining} bytes are not measured with`)
  }
  const packetIdAt = HEADER + 2 + topicBytes
  return { qos, bytes: HEADER + remaining, head: 0x30 | (qos << 1), packetIdAt, payloadAt: packetIdAt + packetId }
}

/** The frames of one publisher, one for each of its topics in turn, as often as fit in what may be on its way. */
export class Ring {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #layout: Layout
  readonly frames: number
  #next = 0

  constructor(
    topics: readonly string[],
    layout: Layout,
    options: { payloadBytes: number; sender: number; least: number },
  ) {
    const { payloadBytes, sender, least } = options
    this.#layout = layout
    this.frames = topics.length * Math.ceil(least / topics.length)
    this.#bytes = Buffer.alloc(this.frames * layout.bytes, 'x')
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
    const remaining = layout.bytes - HEADER
    for (let index = 0; index < this.frames; index += 1) {
      const at = index * layout.bytes
      const topic = topics[index % topics.length] ?? ''
      this.#bytes[at] = layout.head
      this.#bytes[at + 1] = (remaining & 127) | 128
      this.#bytes[at + 2] = remaining >> 7
      this.#bytes.writeUInt16BE(topic.length, at + HEADER)
      if (this.#bytes.write(topic, at + HEADER + 2, 'latin1') !== layout.packetIdAt - HEADER - 2) {
        throw new Error('topics of different lengths')
      }
      this.#bytes.fill('x', at + layout.payloadAt, at + layout.payloadAt + payloadBytes)
      this.#view.setUint32(at + layout.payloadAt + SENDER_AT, sender)
    }
  }

  /**
   * The next frames, stamped and numbered from `number` on: at most `count`, fewer at the ring's end. The bytes are the
   * ring's own, and are written again when it comes round.
   */
  take(count: number, number: number, now: number): Buffer {
    const { bytes, packetIdAt, payloadAt, qos } = this.#layout
    const from = this.#next
    const taken = Math.min(count, this.frames - from)
    for (let index = 0; index < taken; index += 1) {
      const at = (from + index) * bytes
      this.#view.setFloat64(at + payloadAt, now)
      this.#view.setUint32(at + payloadAt + NUMBER_AT, number + index)
      if (qos === 1) this.#view.setUint16(at + packetIdAt, packetIdOf(number + index))
    }
    this.#next = from + taken === this.frames ? 0 : from + taken
    return this.#bytes.subarray(from * bytes, (from + taken) * bytes)
  }

  framesIn(taken: Buffer): number {
    return taken.length / this.#layout.bytes
  }
}

/** 1 to 65,535, by turns. */
export function packetIdOf(number: number): number {
  return ((number - 1) % 65_535) + 1
}
