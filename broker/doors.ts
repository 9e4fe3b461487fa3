// The ports: who may come in, whom a proxy names, and that nobody is left when they are shut.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Handshakes } from './handshakes.ts'
import type { Limits } from './limits.ts'
import { readProxyLine, type TrustedProxies } from './proxy.ts'

/** The kernel's own bound is usually 4096 [somaxconn]; 511 is what Node asks for by itself. */
const BACKLOG = 4096

export type DoorsOptions = {
  readonly host: string
  readonly proxies: TrustedProxies
  readonly handshakes: Handshakes
  readonly limits: Limits
}

export type Door = {
  /** TLS or an upgrade comes before MQTT. */
  readonly hasHandshake: boolean
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
    // No delay: what is written is already all that there is to write.
    const server = createServer({ noDelay: true }, (socket) => this.#enter(socket, door))
    server.maxConnections = this.#options.limits.connections
    await listening(server, port, this.#options.host)
    this.#servers.push(server)
    return (server.address() as AddressInfo).port
  }

  /** Nobody new comes in while those that are in are shown out; whoever is still there then, or only half in, is hung up on. */
  async shut(showOut: () => Promise<void>): Promise<void> {
    const areClosed = Promise.all(this.#servers.map(closed))
    await showOut()
    for (const socket of this.#sockets) socket.destroy()
    await areClosed
  }

  #enter(socket: Socket, { hasHandshake, hand }: Door): void {
    const { proxies, handshakes } = this.#options
    const isProxy = proxies.trusts(socket.remoteAddress)
    if ((hasHandshake || isProxy) && !handshakes.enter(socket, isProxy)) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!isProxy) hand(socket)
    else {
      readProxyLine(socket, (address) => {
        handshakes.name(socket, address)
        hand(socket)
      })
    }
  }
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // thousands come at once after a restart: who finds the queue full tries again a second later at the earliest
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
