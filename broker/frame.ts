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

/** Cuts a stream of bytes into packets. Memory follows the bytes that came, never the length that a packet claims. */
export class FrameReader {
  /** Highest remaining length [MQTT-2.2.3] that is let in, in bytes. */
  limit: number
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  #isOwn = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that wait for the rest of their packet. */
  get held(): number {
    return this.#end - this.#start
  }

  /** The first byte of what waits: enough to see that somebody does not speak MQTT. */
  peek(): number | undefined {
    return this.held > 0 ? this.#buffer[this.#start] : undefined
  }

  feed(chunk: Buffer): void {
    const held = this.held
    if (held === 0) {
      this.#buffer = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    // Packets handed out lie before #start, so that bytes after #end may be written without harming them.
    if (!this.#isOwn || this.#end + chunk.length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(2 * (held + chunk.length))
      this.#buffer.copy(grown, 0, this.#start, this.#end)
      this.#buffer = grown
      this.#start = 0
      this.#end = held
      this.#isOwn = true
    }
    chunk.copy(this.#buffer, this.#end)
    this.#end += chunk.length
  }

  /** The next whole packet, `undefined` while bytes are missing, or what is wrong: then the stream makes no sense any more. */
  next(): Frame | FrameFault | undefined {
    let length = 0
    for (let index = 1; index <= 4; index++) {
      const at = this.#start + index
      if (at >= this.#end) return undefined
      const byte = this.#buffer[at] ?? 0
      length += (byte & 0x7f) * 128 ** (index - 1)
      if ((byte & 0x80) !== 0) continue
      if (length > this.limit) return 'packet-too-large'
      const total = 1 + index + length
      if (this.held < total) return undefined
      return this.#take(total, 1 + index)
    }
    return 'length-malformed'
  }

  #take(total: number, body: number): Frame {
    const bytes = this.#buffer.subarray(this.#start, this.#start + total)
    this.#start += total
    const first = bytes[0] ?? 0
    return { bytes, type: first >> 4, flags: first & 0x0f, body }
  }
}

export type TextAt = { readonly text: string; readonly end: number }

/** A length-prefixed string at `at`, within the packet; `undefined` when it is cut off, not UTF-8 or holds NUL [MQTT-1.5.3]. */
export function textAt(bytes: Buffer, at: number): TextAt | undefined {
  const field = bytesAt(bytes, at)
  if (!field) return undefined
  const text = asUtf8(field.bytes)
  return text === undefined || text.includes('\0') ? undefined : { text, end: field.end }
}

/** Length-prefixed bytes at `at`, within the packet. */
export function bytesAt(bytes: Buffer, at: number): { readonly bytes: Buffer; readonly end: number } | undefined {
  if (at + 2 > bytes.length) return undefined
  const end = at + 2 + bytes.readUInt16BE(at)
  return end > bytes.length ? undefined : { bytes: bytes.subarray(at + 2, end), end }
}

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

/** A PUBLISH for many receivers: at QoS 1 each takes a copy with its own packet identifier. */
export type PublishFrame = { readonly qos: QoS; readonly bytes: Buffer; readonly idAt: number }

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
  return { qos, bytes, idAt }
}

export function withPacketId(frame: PublishFrame, id: number): Buffer {
  const bytes = Buffer.from(frame.bytes)
  bytes.writeUInt16BE(id, frame.idAt)
  return bytes
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
