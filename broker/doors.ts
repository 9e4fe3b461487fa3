// The ports: who may come in, whom a proxy names, and that nobody is left when they are shut.
import type { Server, Socket } from 'node:net'
import type { Handshakes } from './handshakes.ts'
import type { Limits } from './limits.ts'
import { listen } from './listen.ts'
import { openProxyHeader, type TrustedProxies } from './proxy.ts'

export type DoorsOptions = {
  readonly host: string
  readonly proxies: TrustedProxies
  readonly handshakes: Handshakes
  readonly limits: Limits
}

export type Door = {
  /** What comes before MQTT. */
  readonly handshake: 'none' | 'tls' | 'upgrade'
  readonly hand: (socket: Socket) => void
}

export class Doors {
  readonly #options: DoorsOptions
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  constructor(options: DoorsOptions) {
    this.#options = options
  }

  /**
   * Listens, and hands on each socket when its PROXY line, if it has one, has been read. Behind a door with a handshake,
   * whoever gets the socket tells the handshakes when that is done. Resolves with the port.
   */
  async open(port: number, door: Door): Promise<number> {
    const { host, limits } = this.#options
    const { port: found, servers } = await listen({ port, host }, (socket) => this.#enter(socket, door))
    for (const server of servers) server.maxConnections = limits.connections
    this.#servers.push(...servers)
    return found
  }

  /** Nobody new comes in while those that are in are shown out; whoever is still there then, or only half in, is hung up on. */
  async shut(showOut: () => Promise<void>): Promise<void> {
    const areClosed = Promise.all(this.#servers.map(closed))
    await showOut()
    for (const socket of this.#sockets) socket.destroy()
    await areClosed
  }

  #enter(socket: Socket, { handshake, hand }: Door): void {
    const { proxies, handshakes } = this.#options
    const isProxy = proxies.trusts(socket.remoteAddress)
    if ((handshake !== 'none' || isProxy) && !handshakes.enter(socket, isProxy)) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!isProxy) hand(socket)
    else {
      const named = (address: string | undefined) => {
        handshakes.name(socket, address)
        hand(socket)
        // TLS fetches by itself what was put back; it would be lost on a socket that flows.
        if (handshake !== 'tls') socket.resume()
      }
      openProxyHeader(socket, named, (why) => handshakes.refused(why))
    }
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
