// Who may come in: connections counted by address and by credential, and a turn for each sign-in, in order.
import type { Clock } from '@ridethrough/db/clock.ts'
import { addressKey } from './address.ts'
import { Bucket, type LimitName, type Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { SignIns } from './sign-ins.ts'

export type AdmissionOptions = { readonly limits: Limits; readonly clock: Clock; readonly metrics: Metrics }

/** What one address has here. */
type Place = { connections: number; unsigned: number; bytes: number; readonly connects: Bucket }

/** What is not needed any more is forgotten so often. */
const SWEEP_MS = 10_000

export class Admission {
  /** Sign-ins wait here for each other. */
  readonly signIns: SignIns
  readonly #options: AdmissionOptions
  readonly #places = new Map<string, Place>()
  /** Connections by client id, of each credential. */
  readonly #credentials = new Map<string, Map<string, number>>()
  readonly #clients = new Map<string, Bucket>()
  #connections = 0
  #unsigned = 0
  #bytes = 0
  #sweptAt: number

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.signIns = new SignIns(options)
    this.#sweptAt = options.clock.monotonic()
  }

  /** A connection has come in; `undefined`: it is to be closed without a word. Who has a ticket leaves in the end. */
  enter(address: string): Ticket | undefined {
    const { limits } = this.#options
    this.#sweep()
    const key = addressKey(address)
    const place = this.#places.get(key) ?? this.#newPlace()
    if (this.#connections >= limits.connections) return this.#refuse('connections')
    if (place.connections >= limits.connectionsPerAddress) return this.#refuse('connectionsPerAddress')
    if (this.#unsigned >= limits.unsignedConnections) return this.#refuse('unsignedConnections')
    if (place.unsigned >= limits.unsignedConnectionsPerAddress) return this.#refuse('unsignedConnectionsPerAddress')
    this.#places.set(key, place)
    this.#connections += 1
    this.#count(place, 1, 0)
    place.connections += 1
    return new Ticket({
      mayHold: (before, now) => this.#mayHold(place, now - before),
      mayConnect: () =>
        place.connects.take(1, this.#options.clock.monotonic()) === 0 || this.#deny('connectsPerSecondPerAddress'),
      signIn: (credential, client) => this.#signIn(credential, client),
      signedIn: (held) => this.#count(place, -1, -held),
      leave: (ticket) => this.#leave(place, ticket),
    })
  }

  stop(): void {
    this.signIns.stop()
  }

  #newPlace(): Place {
    const { limits, clock } = this.#options
    const connects = new Bucket(limits.connectsPerSecondPerAddress, limits.connectBurstPerAddress, clock.monotonic())
    return { connections: 0, unsigned: 0, bytes: 0, connects }
  }

  #mayHold(place: Place, more: number): boolean {
    const { limits } = this.#options
    if (more > 0 && this.#bytes + more > limits.unsignedBytes) return this.#deny('unsignedBytes')
    if (more > 0 && place.bytes + more > limits.unsignedBytesPerAddress) return this.#deny('unsignedBytesPerAddress')
    this.#count(place, 0, more)
    return true
  }

  #signIn(credential: string, client: string): boolean {
    const { limits, clock } = this.#options
    const now = clock.monotonic()
    const clients = this.#credentials.get(credential)
    // a client id that is taken over stays one client
    if (clients && !clients.has(client) && clients.size >= limits.connectionsPerCredential) {
      return this.#deny('connectionsPerCredential')
    }
    const key = `${credential} ${client}`
    const bucket =
      this.#clients.get(key) ?? new Bucket(limits.connectsPerSecondPerClient, limits.connectBurstPerClient, now)
    this.#clients.set(key, bucket)
    if (bucket.take(1, now) > 0) return this.#deny('connectsPerSecondPerClient')
    if (clients) clients.set(client, (clients.get(client) ?? 0) + 1)
    else this.#credentials.set(credential, new Map([[client, 1]]))
    return true
  }

  #leave(place: Place, { credential, client, held }: Leaving): void {
    place.connections -= 1
    this.#connections -= 1
    if (credential === undefined || client === undefined) {
      this.#count(place, -1, -held)
      return
    }
    const clients = this.#credentials.get(credential)
    const left = (clients?.get(client) ?? 0) - 1
    if (left > 0) clients?.set(client, left)
    else clients?.delete(client)
    if (clients?.size === 0) this.#credentials.delete(credential)
  }

  #count(place: Place, connections: number, bytes: number): void {
    const { metrics } = this.#options
    place.unsigned += connections
    place.bytes += bytes
    this.#unsigned += connections
    this.#bytes += bytes
    if (connections !== 0) metrics.unsigned.set(this.#unsigned)
    if (bytes !== 0) metrics.unsignedBytes.set(this.#bytes)
  }

  #refuse(name: LimitName): undefined {
    hit(this.#options.metrics, name)
  }

  #deny(name: LimitName): false {
    hit(this.#options.metrics, name)
    return false
  }

  /** An address or a client that has gone and has its whole allowance back is nobody that we have to know. */
  #sweep(): void {
    const now = this.#options.clock.monotonic()
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const [key, place] of this.#places) {
      if (place.connections === 0 && place.connects.isFull(now)) this.#places.delete(key)
    }
    for (const [key, bucket] of this.#clients) if (bucket.isFull(now)) this.#clients.delete(key)
  }
}

type Leaving = { readonly credential: string | undefined; readonly client: string | undefined; readonly held: number }

type Desk = {
  mayHold(before: number, now: number): boolean
  mayConnect(): boolean
  signIn(credential: string, client: string): boolean
  signedIn(held: number): void
  leave(leaving: Leaving): void
}

/** What one connection counts for. */
export class Ticket {
  readonly #desk: Desk
  #held = 0
  #credential: string | undefined
  #client: string | undefined
  #hasLeft = false

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** So many bytes are held for it now. False: that is too much, and it is to be closed. Nothing counts once it has signed in. */
  held(bytes: number): boolean {
    if (this.#hasLeft || this.#credential !== undefined || bytes === this.#held) return true
    if (!this.#desk.mayHold(this.#held, bytes)) return false
    this.#held = bytes
    return true
  }

  /** Its CONNECT has come. False: too many come from its address, and it is to come back later. */
  mayConnect(): boolean {
    return this.#desk.mayConnect()
  }

  /**
   * The credential was found right. `client` tells connections of one credential apart (an agent has only one: '').
   * False: too many, or too often; it is to come back later.
   */
  signedIn(credential: string, client: string): boolean {
    if (this.#hasLeft || this.#credential !== undefined || !this.#desk.signIn(credential, client)) return false
    this.#desk.signedIn(this.#held)
    this.#held = 0
    this.#credential = credential
    this.#client = client
    return true
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#desk.leave({ credential: this.#credential, client: this.#client, held: this.#held })
  }
}
