// What the broker writes to its clients' sockets, seen at the moment of writing: later than the answer is later than allowed.
import { Socket } from 'node:net'
import { packetAt, readPublish } from './client.ts'

export type Written = { readonly topic: string; readonly retain: boolean }

export type Tap = {
  /** The broker's side of the connection that the client opened from this port. */
  socketOf(clientPort: number): Socket | undefined
  /** What a socket has been handed and the kernel has not taken: it may still be written. */
  underWay(): { readonly port: number; readonly messages: readonly Written[] }[]
  stop(): void
}

/** `onWrite` is called with the client's port for every buffer with messages that the server on `serverPort` writes. */
export function tapWrites(serverPort: number, onWrite: (clientPort: number, messages: Written[]) => void): Tap {
  const original = Socket.prototype.write
  const sockets = new Map<number, Socket>()
  const last = new Map<Socket, Uint8Array>()
  Socket.prototype.write = function (this: Socket, ...args: Parameters<Socket['write']>) {
    const [chunk] = args
    const { remotePort } = this
    if (this.localPort === serverPort && remotePort !== undefined && chunk instanceof Uint8Array) {
      if (!last.has(this)) {
        sockets.set(remotePort, this)
        this.once('close', () => {
          last.delete(this)
          if (sockets.get(remotePort) === this) sockets.delete(remotePort)
        })
      }
      last.set(this, chunk)
      const messages = messagesIn(chunk)
      if (messages.length > 0) onWrite(remotePort, messages)
    }
    return original.apply(this, args)
  } as Socket['write']
  return {
    socketOf: (port) => sockets.get(port),
    underWay: () =>
      [...last]
        .filter(([socket]) => socket.writableLength > 0 && !socket.destroyed)
        .map(([socket, chunk]) => ({ port: socket.remotePort ?? 0, messages: messagesIn(chunk) })),
    stop: () => {
      Socket.prototype.write = original
    },
  }
}

function messagesIn(chunk: Uint8Array): Written[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const found: Written[] = []
  let at = 0
  for (let packet = packetAt(bytes, at); packet; packet = packetAt(bytes, at)) {
    at = packet.end
    if (packet.type !== 3) continue
    const { topic, retain } = readPublish(packet.flags, packet.body)
    found.push({ topic, retain })
  }
  return found
}
