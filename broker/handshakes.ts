// Connections that are nobody's yet: about their PROXY line, their TLS handshake, their upgrade. They are few, and not for long.
import type { Socket } from 'node:net'
import type { Clock } from '@ridethrough/db/clock.ts'
import { addressKey } from './address.ts'
import type { LimitName, Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import type { ProxyFault } from './proxy.ts'

export type HandshakesOptions = { readonly limits: Limits; readonly clock: Clock; readonly metrics: Metrics }

type Pending = { readonly socket: Socket; readonly place: string | undefined; readonly since: number; address: string }

const LOOK_MS = 1000
/** A handshake that takes longer than this makes room for a new one; in a rush of honest clients all are younger. */
const GIVES_WAY_MS = 3000

export class Handshakes {
  readonly #options: HandshakesOptions
  /** The oldest first. */
  readonly #pending = new Map<string, Pending>()
  readonly #perPlace = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(options: HandshakesOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  /** False: it is to be closed without a word. All clients of a proxy come from one address, which is not counted. */
  enter(socket: Socket, isProxy: boolean): boolean {
    const { limits, clock } = this.#options
    const { remoteAddress: address } = socket
    // who has gone again already has no address
    if (address === undefined) return false
    const place = isProxy ? undefined : addressKey(address)
    const count = place === undefined ? 0 : (this.#perPlace.get(place) ?? 0)
    if (count >= limits.handshakesPerAddress) return this.#refuse('handshakesPerAddress')
    if (this.#pending.size >= limits.handshakes && !this.#makeRoom()) return this.#refuse('handshakes')
    const key = keyOf(socket)
    this.#pending.set(key, { socket, place, since: clock.monotonic(), address })
    if (place !== undefined) this.#perPlace.set(place, count + 1)
    socket.once('close', () => this.#remove(key, socket))
    this.#show()
    return true
  }

  /** A proxy has said whose connection this is. */
  name(socket: Socket, address: string | undefined): void {
    const pending = this.#pending.get(keyOf(socket))
    if (pending && address !== undefined) pending.address = address
  }

  /** Somebody does not keep to the protocol that comes first. */
  refused(reason: ProxyFault): void {
    this.#options.metrics.packetsRefused.inc({ reason })
  }

  /** Its handshake is done: the address of its client, or `undefined` when it was given up. `socket` may be the TLS socket. */
  leave(socket: Socket): string | undefined {
    const key = keyOf(socket)
    const pending = this.#pending.get(key)
    if (pending) this.#remove(key, pending.socket)
    return pending?.address
  }

  /** Ends those that take too long. */
  look(): void {
    const { limits, clock } = this.#options
    const now = clock.monotonic()
    for (const pending of this.#pending.values()) {
      if (now - pending.since < limits.handshakeMs) return
      this.#giveUp(pending, 'handshakeMs')
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #makeRoom(): boolean {
    const [oldest] = this.#pending.values()
    if (!oldest || this.#options.clock.monotonic() - oldest.since < GIVES_WAY_MS) return false
    this.#giveUp(oldest, 'handshakes')
    return true
  }

  #giveUp({ socket }: Pending, why: LimitName): void {
    hit(this.#options.metrics, why)
    this.#remove(keyOf(socket), socket)
    socket.destroy()
  }

  #remove(key: string, socket: Socket): void {
    const pending = this.#pending.get(key)
    // a later connection may have the same port again
    if (pending?.socket !== socket) return
    this.#pending.delete(key)
    const { place } = pending
    const left = place === undefined ? 0 : (this.#perPlace.get(place) ?? 0) - 1
    if (place !== undefined && left > 0) this.#perPlace.set(place, left)
    else if (place !== undefined) this.#perPlace.delete(place)
    this.#show()
  }

  #refuse(name: LimitName): false {
    hit(this.#options.metrics, name)
    return false
  }

  #show(): void {
    this.#options.metrics.handshakes.set(this.#pending.size)
  }
}

/** The same for a socket and for the TLS socket over it. */
function keyOf({ localPort, remoteAddress, remotePort }: Socket): string {
  return `${localPort} ${remoteAddress} ${remotePort}`
}
