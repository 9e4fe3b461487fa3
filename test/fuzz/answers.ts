// Reads what the broker answers: sane packets of the kinds that a server sends, and messages about one's own devices only.
import { puback } from './bytes.ts'

export type AnswerOptions = {
  readonly isOwnTopic: (topic: string) => boolean
  readonly acknowledge: (puback: Buffer) => void
}

/** First byte without flags, and which remaining lengths are right. */
const LENGTHS: Readonly<Record<number, (length: number) => boolean>> = {
  2: (length) => length === 2,
  3: (length) => length >= 2,
  4: (length) => length === 2,
  9: (length) => length >= 3,
  11: (length) => length === 2,
  13: (length) => length === 0,
}

export class AnswerReader {
  readonly #options: AnswerOptions
  #rest: Buffer = Buffer.alloc(0)
  connack: number | undefined
  pings = 0
  received = 0
  pubacks = 0
  unsubacks = 0
  /** The codes of all SUBACKs, in their order. */
  readonly granted: number[] = []
  /** What the broker sent that it should not have. */
  fault: string | undefined

  constructor(options: AnswerOptions) {
    this.#options = options
  }

  feed(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let from = 0
    for (;;) {
      const frame = frameAt(bytes, from)
      if (!frame) break
      this.#read(bytes, from, frame)
      from = frame.end
    }
    this.#rest = bytes.subarray(from)
  }

  #read(bytes: Buffer, from: number, { body, end }: FrameAt): void {
    const first = bytes[from] ?? 0
    const type = first >> 4
    if (!LENGTHS[type]?.(end - body) || (type !== 3 && (first & 15) !== 0)) {
      this.fault ??= `an answer that is none: ${bytes.subarray(from, Math.min(end, from + 20)).toString('hex')}`
    } else if (type === 2) this.#connack(bytes[body + 1] ?? 255)
    else if (this.connack !== 0) this.fault ??= `packet type ${type} before CONNACK`
    else if (type === 13) this.pings += 1
    else if (type === 3) this.#publish(bytes, first, body)
    else if (type === 4) this.pubacks += 1
    else if (type === 9) this.granted.push(...bytes.subarray(body + 2, end))
    else this.unsubacks += 1
  }

  #connack(code: number): void {
    if (this.connack !== undefined) this.fault ??= 'a second CONNACK'
    this.connack = code
  }

  #publish(bytes: Buffer, first: number, body: number): void {
    this.received += 1
    const topicEnd = body + 2 + bytes.readUInt16BE(body)
    const topic = bytes.toString('latin1', body + 2, topicEnd)
    if (!this.#options.isOwnTopic(topic)) this.fault ??= `a message on ${topic}`
    if ((first & 6) !== 0) this.#options.acknowledge(puback(bytes.readUInt16BE(topicEnd)))
  }
}

type FrameAt = { readonly body: number; readonly end: number }

function frameAt(bytes: Buffer, from: number): FrameAt | undefined {
  let length = 0
  for (let size = 1; size <= 4; size += 1) {
    const byte = bytes[from + size]
    if (byte === undefined) return undefined
    length += (byte & 127) * 128 ** (size - 1)
    if (byte >= 128) continue
    const body = from + 1 + size
    return body + length <= bytes.length ? { body, end: body + length } : undefined
  }
  return undefined
}
