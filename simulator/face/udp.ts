// A bound UDP socket in the shape that net-snmp's agent wants from its `dgramModule`: it cannot ask for a free port
// itself (port 0 becomes 161), and what arrives or leaves can be held up or spoilt here.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

type Receive = (message: Buffer, from: RemoteInfo) => void
type Sent = (error: Error | null, bytes: number) => void

export type UdpWireOptions = {
  readonly port: number
  /** Asked for each datagram that arrives; false drops it. */
  readonly hears: () => boolean
  /** What really leaves in place of an answer. */
  readonly spoil: (answer: Buffer) => Buffer
  /** Told what a handler threw: one bad datagram must not end the process. */
  readonly onError: (error: unknown) => void
}

export type UdpWire = {
  readonly port: number
  /** For `createAgent({ dgramModule })`. */
  readonly dgramModule: { createSocket(): unknown }
  stop(): Promise<void>
}

/** Binds 127.0.0.1. Throws what `bind` throws (EADDRINUSE). */
export async function openUdpWire(options: UdpWireOptions): Promise<UdpWire> {
  const socket = createSocket('udp4')
  socket.bind(options.port, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  let stopped: Promise<void> | undefined
  return {
    port,
    dgramModule: { createSocket: () => faceOf(socket, options) },
    stop: () => {
      stopped ??= new Promise((resolve) => socket.close(() => resolve()))
      return stopped
    },
  }
}

function faceOf(socket: Socket, { hears, spoil, onError }: UdpWireOptions) {
  return {
    // Bound already.
    bind: () => {},
    on: (event: string, listener: Receive) => {
      if (event === 'error') socket.on('error', onError)
      if (event !== 'message') return
      socket.on('message', (message, from) => {
        if (!hears()) return
        try {
          listener(message, from)
        } catch (error) {
          onError(error)
        }
      })
    },
    send: (answer: Buffer, offset: number, length: number, port: number, address: string, sent: Sent) => {
      const bytes = spoil(answer.subarray(offset, offset + length))
      socket.send(bytes, port, address, sent)
    },
    address: () => socket.address(),
  }
}
