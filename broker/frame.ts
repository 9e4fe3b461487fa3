// Bytes to whole MQTT packets and back: where a packet begins and ends, and how a PUBLISH is written [MQTT-2.2].

export const PACKET = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const

export type Frame = {
  /** The whole packet, header included. */
  readonly bytes: Buffer
  readonly type: number
  readonly flags: number
  /** Where the variable header begins. */
  readonly body: number
}

export type FrameFault = 'packet-too-large' | 'length-malformed'

const NOTHING = Buffer.alloc(0)

/**
 * Cuts a stream of bytes into packets, in place where a packet lies whole in what came. Memory follows the bytes that came,
 * never the length that a packet claims.
 */
export class FrameReader {
  /** Highest remaining length [MQTT-2.2.3] that is let in, in bytes. */
  limit: number
  /** The packet that `advance` found: `bytes[at]` is its first byte, `body` where the variable header begins, `end` where it ends. */
  bytes: Buffer = NOTHING
  at = 0
  body = 0
  end = 0
  /** What came last and is not read yet. */
  #chunk: Buffer = NOTHING
  #next = 0
  /** The beginning of a packet whose rest has not come. */
  #carry: Buffer = NOTHING
  #carried = 0
  #headerBytes = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that wait to be read, or for the rest of their packet. */
  get held(): number {
    return this.#carried + this.#chunk.length - this.#next
  }

  /** The first byte of what waits: enough to see that somebody does not speak MQTT. */
  peek(): number | undefined {
    if (this.#carried > 0) return this.#carry[0]
    return this.#chunk[this.#next]
  }

  /** The chunk must not be written to afterwards: packets are handed out where they lie. */
  feed(chunk: Buffer): void {
    const rest = this.#chunk.length - this.#next
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#next), chunk])
    this.#next = 0
  }

  /** True when `bytes`, `at`, `body` and `end` tell of the next packet, false while bytes are missing, or what is wrong: then the stream makes no sense any more. */
  advance(): boolean | FrameFault {
    if (this.#carried > 0) return this.#advanceCarried()
    const total = this.#measure(this.#chunk, this.#next, this.#chunk.length)
    // what was read before must not be kept alive by whoever waits for the next
    this.bytes = NOTHING
    if (typeof total === 'string') return total
    const end = this.#next + total
    if (total === 0 || end > this.#chunk.length) {
      this.#carryRest()
      return false
    }
    this.bytes = this.#chunk
    this.at = this.#next
    this.body = this.#next + this.#headerBytes
    this.end = end
    this.#next = end
    if (end === this.#chunk.length) {
      this.#chunk = NOTHING
      this.#next = 0
    }
    return true
  }

  /** The packet that `advance` found, as a thing of its own. */
  frame(): Frame {
    const first = this.bytes[this.at] ?? 0
    const bytes = this.bytes.subarray(this.at, this.end)
    return { bytes, type: first >> 4, flags: first & 0x0f, body: this.body - this.at }
  }

  /** `advance` and `frame` in one. */
  next(): Frame | FrameFault | undefined {
    const found = this.advance()
    if (found === true) return this.frame()
    return found === false ? undefined : found
  }

  /** Forgets what waits, and gives its memory back: nobody may have a part of it. */
  drop(): void {
    freeNow(this.#chunk)
    this.#chunk = NOTHING
    this.#next = 0
    this.#carry = NOTHING
    this.#carried = 0
  }

  #advanceCarried(): boolean | FrameFault {
    for (;;) {
      const total = this.#measure(this.#carry, 0, this.#carried)
      if (typeof total === 'string') return total
      // the header byte by byte: only it tells how much belongs to this packet
      const wanted = total === 0 ? this.#carried + 1 : total
      this.#take(wanted)
      if (this.#carried < wanted) return false
      if (total === 0) continue
      this.bytes = this.#carry
      this.at = 0
      this.body = this.#headerBytes
      this.end = total
      this.#carry = NOTHING
      this.#carried = 0
      return true
    }
  }

  /** Moves bytes of the chunk over until `wanted` are carried, or there are no more. */
  #take(wanted: number): void {
    const isUntouched = this.#next === 0
    const count = Math.min(wanted - this.#carried, this.#chunk.length - this.#next)
    if (this.#carried + count > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(wanted, 2 * (this.#carried + count)))
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    this.#chunk.copy(this.#carry, this.#carried, this.#next, this.#next + count)
    this.#carried += count
    this.#next += count
    if (this.#next < this.#chunk.length) return
    // all of it is elsewhere now, and no packet of it was handed out
    if (isUntouched) freeNow(this.#chunk)
    this.#chunk = NOTHING
    this.#next = 0
  }

  #carryRest(): void {
    const rest = this.#chunk.length - this.#next
    if (rest === 0) return
    // Room for a header's bytes, so that the next few need no other buffer.
    this.#carry = Buffer.allocUnsafeSlow(Math.max(rest, 8))
    this.#take(rest)
  }

  /** Length of the whole packet at `start`, 0 while its header is cut off. Sets `#headerBytes`. */
  #measure(bytes: Buffer, start: number, end: number): number | FrameFault {
    let length = 0
    let factor = 1
    for (let at = start + 1; at <= start + 4; at++) {
      if (at >= end) return 0
      const byte = bytes[at] as number // below the end
      length += (byte & 0x7f) * factor
      if ((byte & 0x80) === 0) {
        if (length > this.limit) return 'packet-too-large'
        this.#headerBytes = at + 1 - start
        return this.#headerBytes + length
      }
      factor *= 128
    }
    return 'length-malformed'
  }
}

/** Less is not worth the asking. */
const FREED_FROM_BYTES = 4096

/**
 * Memory that a socket has read into, up to 64 KiB each time, counts for the collector only when there is much of it: a
 * thousand who are refused in one moment would leave 64 MiB behind. A buffer that is part of another stays as it is.
 */
export function freeNow({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && length >= FREED_FROM_BYTES && length === buffer.byteLength) buffer.transfer(0)
}

export type TextAt = { readonly text: string; readonly end: number }

/**
 * A length-prefixed string at `at`, within the packet; `undefined` when it is cut off, not UTF-8, or holds NUL, other control
 * characters or what is no character at all: a server may refuse those [MQTT-1.5.3], and nobody has a use for them.
 */
export function textAt(bytes: Buffer, at: number): TextAt | undefined {
  const field = bytesAt(bytes, at)
  if (!field) return undefined
  const text = asUtf8(field.bytes)
  return text === undefined || NO_TEXT.test(text) ? undefined : { text, end: field.end }
}

/** Length-prefixed bytes at `at`, within the packet. */
export function bytesAt(bytes: Buffer, at: number): { readonly bytes: Buffer; readonly end: number } | undefined {
  if (at + 2 > bytes.length) return undefined
  const end = at + 2 + bytes.readUInt16BE(at)
  return end > bytes.length ? undefined : { bytes: bytes.subarray(at + 2, end), end }
}

const NO_TEXT = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]/
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function asUtf8(bytes: Buffer): string | undefined {
  try {
    return strict.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

export type QoS = 0 | 1

/** PUBLISH packets for many receivers, where they lie: one, or at QoS 0 several of the same topic in a row. */
export type PublishFrame = {
  readonly qos: QoS
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Where the packet identifier lies, at QoS 1: each receiver gets its own. */
  readonly idAt: number
  /** How many packets it is. */
  readonly count: number
}

export function encodePublish(topic: string, payload: Buffer, qos: QoS, retain: boolean): PublishFrame {
  const name = Buffer.from(topic)
  const length = 2 + name.length + (qos > 0 ? 2 : 0) + payload.length
  const prefix = lengthBytes(length)
  const bytes = Buffer.allocUnsafe(1 + prefix.length + length)
  bytes[0] = (PACKET.publish << 4) | (qos << 1) | (retain ? 1 : 0)
  bytes.set(prefix, 1)
  let at = 1 + prefix.length
  bytes.writeUInt16BE(name.length, at)
  bytes.set(name, at + 2)
  at += 2 + name.length
  const idAt = at
  if (qos > 0) at = bytes.writeUInt16BE(0, at)
  bytes.set(payload, at)
  return { qos, bytes, start: 0, end: bytes.length, idAt, count: 1 }
}

/** The same at QoS 0, for receivers who asked for no more; `topic` is what the packet has. */
export function lowered(frame: PublishFrame, topic: string): PublishFrame {
  return encodePublish(topic, frame.bytes.subarray(frame.idAt + 2, frame.end), 0, false)
}

/** For what must outlive the turn: the bytes are somebody's reading buffer otherwise. */
export function kept(frame: PublishFrame): PublishFrame {
  const { start } = frame
  const bytes = Buffer.from(frame.bytes.subarray(start, frame.end))
  return { ...frame, bytes, start: 0, end: bytes.length, idAt: frame.idAt - start }
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest % 128) | (rest > 127 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return bytes
}

/** CONNACK [MQTT-3.2]: session present is always 0, for nothing is kept. */
export function connack(code: number): Buffer {
  return Buffer.from([PACKET.connack << 4, 2, 0, code])
}

/** SUBACK that refuses `count` filters [MQTT-3.9.3]. */
export function refusingSuback(packetId: number, count: number): Buffer {
  const bytes = Buffer.alloc(4 + count, 0x80)
  bytes[0] = PACKET.suback << 4
  bytes[1] = 2 + count
  bytes.writeUInt16BE(packetId, 2)
  return bytes
}
