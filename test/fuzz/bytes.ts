// MQTT 3.1.1 packets as bytes, right ones and wrong ones: an encoder that lets everything through, and a cutter of its own.
// Neither shares code with the broker or with mqtt-packet: a mistake common to both ends would hide itself.

/** Remaining length in as few bytes as it takes, or padded to `size` bytes, which 3.1.1 does not forbid. */
export function lengthBytes(length: number, size = 0): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push(rest & 127)
    rest = Math.floor(rest / 128)
  } while (rest > 0 || bytes.length < size)
  return Buffer.from(bytes.map((byte, index) => (index < bytes.length - 1 ? byte | 128 : byte)))
}

/** `claimed`: a remaining length that is not the body's. */
export function packet(
  first: number,
  body: Buffer,
  options: { readonly claimed?: number; readonly size?: number } = {},
): Buffer {
  return Buffer.concat([Buffer.from([first]), lengthBytes(options.claimed ?? body.length, options.size), body])
}

export function u16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 255, value & 255])
}

/** Length-prefixed, as text and binary fields are. */
export function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([u16(bytes.length), bytes])
}

export type ConnectFields = {
  readonly protocol?: string | Buffer
  readonly level?: number
  /** In place of those that follow from the fields. */
  readonly flags?: number
  readonly keepalive?: number
  readonly clientId: string | Buffer
  readonly will?: { readonly topic: string | Buffer; readonly payload: string | Buffer; readonly bits?: number }
  readonly username?: string | Buffer
  readonly password?: string | Buffer
  readonly tail?: Buffer
}

export function connect(fields: ConnectFields): Buffer {
  const { will, username, password } = fields
  const flags =
    2 | (will ? 4 | (will.bits ?? 0) : 0) | (username === undefined ? 0 : 128) | (password === undefined ? 0 : 64)
  const parts = [
    field(fields.protocol ?? 'MQTT'),
    Buffer.from([fields.level ?? 4, fields.flags ?? flags]),
    u16(fields.keepalive ?? 60),
    field(fields.clientId),
  ]
  if (will) parts.push(field(will.topic), field(will.payload))
  if (username !== undefined) parts.push(field(username))
  if (password !== undefined) parts.push(field(password))
  if (fields.tail) parts.push(fields.tail)
  return packet(0x10, Buffer.concat(parts))
}

export function publish(
  topic: string | Buffer,
  payload: string | Buffer,
  options: { readonly flags?: number; readonly id?: number; readonly size?: number } = {},
): Buffer {
  const { flags = 0, id = 1, size = 0 } = options
  const parts = [field(topic)]
  if ((flags & 6) !== 0) parts.push(u16(id))
  parts.push(Buffer.from(payload))
  return packet(0x30 | flags, Buffer.concat(parts), { size })
}

export function subscribe(id: number, filters: readonly (readonly [string | Buffer, number])[], first = 0x82): Buffer {
  return packet(
    first,
    Buffer.concat([u16(id), ...filters.flatMap(([filter, qos]) => [field(filter), Buffer.from([qos])])]),
  )
}

export function unsubscribe(id: number, filters: readonly (string | Buffer)[], first = 0xa2): Buffer {
  return packet(first, Buffer.concat([u16(id), ...filters.map(field)]))
}

export function puback(id: number): Buffer {
  return Buffer.from([0x40, 2, (id >> 8) & 255, id & 255])
}

export const PINGREQ = Buffer.from([0xc0, 0])
export const DISCONNECT = Buffer.from([0xe0, 0])

export type Cut = {
  readonly frames: number
  /** PINGREQs among them, however their length is written. */
  readonly pings: number
  /** A DISCONNECT is among them, which is followed by the end. */
  readonly isLeaving: boolean
  /** What the bytes end in: whole packets, the beginning of one, or a length that is none. */
  readonly end: 'whole' | 'partial' | 'senseless'
  /** Where the last whole packet begins. */
  readonly lastAt: number
}

/** How a reader that knows nothing but [MQTT-2.2.3] sees these bytes. */
export function cut(bytes: Buffer): Cut {
  let at = 0
  const seen = { frames: 0, pings: 0, isLeaving: false, lastAt: 0 }
  while (at < bytes.length) {
    let length = 0
    let size = 0
    for (;;) {
      if (at + 1 + size >= bytes.length) return { ...seen, end: 'partial' }
      const byte = bytes[at + 1 + size] ?? 0
      length += (byte & 127) * 128 ** size
      size += 1
      if (byte < 128) break
      if (size === 4) return { ...seen, end: 'senseless' }
    }
    const end = at + 1 + size + length
    if (end > bytes.length) return { ...seen, end: 'partial' }
    seen.lastAt = at
    seen.frames += 1
    if (bytes[at] === 0xc0 && length === 0) seen.pings += 1
    if (bytes[at] === 0xe0 && length === 0) seen.isLeaving = true
    at = end
  }
  return { ...seen, end: 'whole' }
}

/** How many PINGRESPs are due when the stream ends in the PINGREQ that was put there; `undefined`: it does not. */
export function fenceOf(bytes: Buffer): number | undefined {
  const { end, lastAt, pings } = cut(bytes)
  const isThere = end === 'whole' && lastAt === bytes.length - PINGREQ.length && bytes.subarray(lastAt).equals(PINGREQ)
  return isThere ? pings : undefined
}
