// One reader: what it has asked for, what must come, what may come, and what came.
import type { Arrival, Client } from './client.ts'
import { type Credential, covers } from './world.ts'

type Expected = { min: number; max: number; got: number; qos: number | undefined }

/** `isForbidden`: something came, or was written, that nobody allowed; no slowness of a machine excuses that. */
export class Disagreement extends Error {
  readonly isForbidden: boolean

  constructor(message: string, isForbidden = false) {
    super(message)
    this.isForbidden = isForbidden
  }
}

export class Peer {
  /** Place of its credential in the world, and its client id: two peers with both the same are one client to the broker. */
  readonly place: number
  readonly clientId: string
  readonly name: string
  client: Client | undefined
  credential: Credential | undefined
  /** Live subscriptions with the QoS granted. */
  readonly filters = new Map<string, number>()
  /** Asked for while access was changing: granted before, after, or not at all. */
  readonly unsure = new Set<string>()
  /** Kept states of these may come, by a subscription of which it is not known what was true when it was made. */
  readonly maybeKept = new Set<string>()
  /** Filters subscribed to since the last fence. */
  readonly fresh = new Set<string>()
  /** It does not read: what is under way may be lost with the connection. */
  isStalled = false
  isOpening = false
  #expected = new Map<string, Expected>()
  #arrived: { key: string; kept: string | undefined; arrival: Arrival }[] = []
  deliveries = 0

  constructor(place: number, clientId: string) {
    this.place = place
    this.clientId = clientId
    this.name = `reader ${place}${clientId}`
  }

  get isConnected(): boolean {
    return this.client !== undefined
  }

  /** The highest QoS of the filters that cover it; `undefined`: not subscribed. */
  coverage(topic: string): number | undefined {
    let found: number | undefined
    for (const [filter, qos] of this.filters) if (covers(filter, topic)) found = Math.max(found ?? 0, qos)
    return found
  }

  expect(key: string, min: number, max: number, qos?: number): void {
    const known = this.#expected.get(key)
    if (known) {
      known.min += min
      known.max += max
    } else this.#expected.set(key, { min, max, got: 0, qos })
  }

  take(arrival: Arrival): void {
    const id = arrival.topic.split('/')[2]
    const isState = /^v1\/devices\/[^/]+\/state$/.test(arrival.topic)
    const seq = isState ? /"seq":(\d+)/.exec(arrival.payload.toString('latin1', 0, 80))?.[1] : undefined
    const key = isState ? `${arrival.retain ? 'kept ' : ''}${id} ${seq}` : arrival.topic
    this.#arrived.push({ key, kept: arrival.retain ? id : undefined, arrival })
  }

  /** Names of what has not come yet and must. */
  missing(): string[] {
    const count = new Map<string, number>()
    for (const { key } of this.#arrived) count.set(key, (count.get(key) ?? 0) + 1)
    return [...this.#expected].filter(([key, { min }]) => (count.get(key) ?? 0) < min).map(([key]) => key)
  }

  /** Throws when something came that nothing allows, twice, in the wrong manner, or did not come. */
  settle(isCutShort = false): void {
    for (const { key, kept, arrival } of this.#arrived) {
      this.deliveries += 1
      const expected = this.#expected.get(key)
      if (!expected) {
        if (kept !== undefined && this.maybeKept.has(kept)) continue
        throw new Disagreement(`${this.name} was sent what it may not have: ${key}`, true)
      }
      expected.got += 1
      const isLoose = kept !== undefined && this.maybeKept.has(kept)
      if (expected.got > expected.max && !isLoose) {
        throw new Disagreement(
          `${this.name} was sent ${expected.max === 0 ? 'what it may not have' : 'twice'}: ${key}`,
          true,
        )
      }
      if (expected.qos !== undefined && expected.qos !== arrival.qos) {
        throw new Disagreement(`${this.name} was sent ${key} with QoS ${arrival.qos} instead of ${expected.qos}`)
      }
      if (arrival.dup) throw new Disagreement(`${this.name} was sent ${key} marked as a repeat`)
    }
    const [missing] = this.missing()
    if (missing !== undefined && !isCutShort)
      throw new Disagreement(`${this.name} was not sent what it may have: ${missing}`)
    this.forgetRound()
  }

  forgetRound(): void {
    this.#arrived = []
    this.#expected = new Map()
    this.maybeKept.clear()
    this.fresh.clear()
  }

  left(): void {
    this.client = undefined
    this.credential = undefined
    this.filters.clear()
    this.unsure.clear()
    this.isStalled = false
    this.forgetRound()
  }
}
