// An MQTT 3.1.1 client of the test's own: every packet that comes is seen, nothing is repaired, resent or hidden.
import { connect, type Socket } from 'node:net'

export type Arrival = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
  readonly dup: boolean
}

const PUBLISH = 3
const CONNACK = 2
const PINGRESP = 13

export class Client {
  readonly socket: Socket
  readonly closed: Promise<void>
  isClosed = false
  readonly #onMessage: (arrival: Arrival) => void
  #rest: Buffer = Buffer.alloc(0)
  #packetId = 0
  /** Answers that are waited for: SUBACK, UNSUBACK and PUBACK by packet id, CONNACK and PINGRESP by order. */
  readonly #waiting = new Map<string, (body: Buffer | undefined) => void>()

  constructor(port: number, onMessage: (arrival: Arrival) => void) {
    this.#onMessage = onMessage
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.isClosed = true
        for (const done of this.#waiting.values()) done(undefined)
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /** The return code; `undefined` when the connection ended without one. */
  async open(options: {
    clientId: string
    username: string
    password: string
    will?: { topic: string; payload: string }
  }): Promise<number | undefined> {
    const { clientId, username, password, will } = options
    const flags = 0x02 | 0x80 | 0x40 | (will ? 0x04 | 0x20 : 0)
    const body = [text('MQTT'), Buffer.from([4, flags, 0, 120]), text(clientId)]
    if (will) body.push(text(will.topic), text(will.payload))
    body.push(text(username), text(password))
    this.#send(1, 0, body)
    return (await this.#answer(`${CONNACK}`))?.[1]
  }

  /** The codes of SUBACK. */
  async subscribe(filters: readonly (readonly [filter: string, qos: number])[]): Promise<number[] | undefined> {
    const id = this.#nextId()
    this.#send(8, 2, [short(id), ...filters.flatMap(([filter, qos]) => [text(filter), Buffer.from([qos])])])
    const body = await this.#answer(`9:${id}`)
    return body && [...body.subarray(2)]
  }

  async unsubscribe(filters: readonly string[]): Promise<boolean> {
    const id = this.#nextId()
    this.#send(10, 2, [short(id), ...filters.map(text)])
    return (await this.#answer(`11:${id}`)) !== undefined
  }

  /** True when it was acknowledged. */
  async publish(topic: string, payload: string, retain = false): Promise<boolean> {
    const id = this.#nextId()
    this.#send(PUBLISH, 2 | (retain ? 1 : 0), [text(topic), short(id), Buffer.from(payload)])
    return (await this.#answer(`4:${id}`)) !== undefined
  }

  /** At QoS 0: the answer to a ping that follows tells that it was read. */
  publishOnce(topic: string, payload: string): void {
    this.#send(PUBLISH, 0, [text(topic), Buffer.from(payload)])
  }

  /** When it is answered, everything that the broker had written before has come. */
  async ping(): Promise<boolean> {
    this.#send(12, 0, [])
    return (await this.#answer(`${PINGRESP}`)) !== undefined
  }

  disconnect(): void {
    this.#send(14, 0, [])
    this.socket.end()
  }

  #nextId(): number {
    this.#packetId = this.#packetId >= 65_535 ? 1 : this.#packetId + 1
    return this.#packetId
  }

  #answer(key: string): Promise<Buffer | undefined> {
    if (this.isClosed) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#waiting.set(key, resolve))
  }

  #send(type: number, flags: number, parts: readonly Buffer[]): void {
    const body = Buffer.concat(parts)
    const length: number[] = []
    for (let rest = body.length; ; ) {
      const byte = rest % 128
      rest = Math.floor(rest / 128)
      length.push(rest > 0 ? byte | 128 : byte)
      if (rest === 0) break
    }
    this.socket.write(Buffer.concat([Buffer.from([(type << 4) | flags, ...length]), body]))
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    for (let packet = packetAt(bytes, at); packet; packet = packetAt(bytes, at)) {
      at = packet.end
      this.#take(packet)
    }
    this.#rest = bytes.subarray(at)
  }

  #take({ type, flags, body }: RawPacket): void {
    if (type === PUBLISH) {
      const message = readPublish(flags, body)
      if (message.id !== undefined) this.#send(4, 0, [short(message.id)])
      this.#onMessage(message)
      return
    }
    const key = type === CONNACK || type === PINGRESP ? `${type}` : `${type}:${body.readUInt16BE(0)}`
    const done = this.#waiting.get(key)
    this.#waiting.delete(key)
    done?.(body)
  }
}

export type RawPacket = { readonly type: number; readonly flags: number; readonly body: Buffer; readonly end: number }

/** The packet that begins at `at`, or `undefined` while bytes are missing. */
export function packetAt(bytes: Buffer, at: number): RawPacket | undefined {
  let length = 0
  for (let index = 1; ; index += 1) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    length += (byte & 127) * 128 ** (index - 1)
    if (byte >= 128) continue
    const start = at + 1 + index
    if (start + length > bytes.length) return undefined
    const first = bytes[at] as number // there is a second byte, so there is a first
    return { type: first >> 4, flags: first & 15, body: bytes.subarray(start, start + length), end: start + length }
  }
}

export function readPublish(flags: number, body: Buffer): Arrival & { readonly id: number | undefined } {
  const qos = (flags >> 1) & 3
  const end = 2 + body.readUInt16BE(0)
  const topic = body.toString('utf8', 2, end)
  const id = qos > 0 ? body.readUInt16BE(end) : undefined
  const payload = body.subarray(qos > 0 ? end + 2 : end)
  return { topic, payload, qos, retain: (flags & 1) === 1, dup: (flags & 8) === 8, id }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([short(bytes.length), bytes])
}

function short(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}
