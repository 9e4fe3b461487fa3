// A bare MQTT client for load: encodes with mqtt-packet, reads frames itself, keeps nothing.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import packets from 'mqtt-packet'

export type Wire = {
  readonly socket: Socket
  /** QoS 1; the acknowledgement is counted. */
  publish(topic: string, payload: string): void
  /** Resolves with the SUBACK. */
  subscribe(filter: string, qos: 0 | 1): Promise<void>
  readonly unacknowledged: () => number
  end(): void
}

/** `onPublish` gets the frame's bytes and where topic and payload begin and end; it must not keep the buffer. */
export type OnPublish = (bytes: Buffer, topicFrom: number, payloadFrom: number, end: number) => void

export async function openWire(
  port: number,
  login: { readonly clientId: string; readonly username: string; readonly password: string },
  onPublish: OnPublish = () => {},
): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  let waiting = 0
  let nextId = 0
  let rest: Buffer = Buffer.alloc(0)
  let opened: ((code: number) => void) | undefined
  const subscribed: (() => void)[] = []
  socket.on('data', (chunk) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    rest = bytes.subarray(
      eachFrame(bytes, (from, body, end) => {
        const type = (bytes[from] ?? 0) >> 4
        if (type === 3) {
          const topicLength = bytes.readUInt16BE(body)
          const qos = ((bytes[from] ?? 0) >> 1) & 3
          const payloadFrom = body + 2 + topicLength + (qos > 0 ? 2 : 0)
          onPublish(bytes, body + 2, payloadFrom, end)
          if (qos > 0) socket.write(Buffer.from([0x40, 2, bytes[payloadFrom - 2] ?? 0, bytes[payloadFrom - 1] ?? 0]))
        } else if (type === 4) waiting -= 1
        else if (type === 2) opened?.(bytes[body + 1] ?? 255)
        else if (type === 9) subscribed.shift()?.()
      }),
    )
  })
  const connack = new Promise<number>((resolve, reject) => {
    opened = resolve
    socket.once('close', () => reject(new Error(`${login.clientId} was closed before it was connected`)))
  })
  socket.write(
    packets.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 300,
      clientId: login.clientId,
      username: login.username,
      password: Buffer.from(login.password),
    }),
  )
  const code = await connack
  if (code !== 0) throw new Error(`${login.clientId} was refused: ${code}`)
  return {
    socket,
    publish: (topic, payload) => {
      nextId = nextId >= 65_535 ? 1 : nextId + 1
      waiting += 1
      socket.write(
        packets.generate({ cmd: 'publish', topic, payload, qos: 1, messageId: nextId, retain: false, dup: false }),
      )
    },
    subscribe: (filter, qos) => {
      socket.write(packets.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] }))
      return new Promise((resolve) => void subscribed.push(resolve))
    },
    unacknowledged: () => waiting,
    end: () => socket.destroy(),
  }
}

/** Where the rest begins that is no whole frame yet. */
export function eachFrame(bytes: Buffer, each: (from: number, body: number, end: number) => void): number {
  let from = 0
  for (;;) {
    let length = 0
    let at = from + 1
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length) return from
      const byte = bytes[at] ?? 0
      at += 1
      length += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    if (at + length > bytes.length) return from
    each(from, at, at + length)
    from = at + length
  }
}
