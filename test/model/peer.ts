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
  /** Filters subscribed to since the last fence. */
  readonly fresh = new Set<string>()
  /** It does not read: what is under way may be lost with the connection. */
  isStalled = false
  isOpening = false
  #expected = new Map<string, Expected>()
  /** By a subscription of which it is not known what was true when it was made: one kept state of the device, that old at most. */
  readonly #maybeKept = new Map<string, number>()
  #arrived: { key: string; kept: string | undefined; seq: number; arrival: Arrival }[] = []
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

  /** One kept state of this device may come, not older than `seq`. */
  mayBeKept(deviceId: string, seq: number): void {
    this.#maybeKept.set(deviceId, seq)
  }

  take(arrival: Arrival): void {
    const id = arrival.topic.split('/')[2]
    const suffix = /^v1\/devices\/[^/]+\/(state|live)$/.exec(arrival.topic)?.[1]
    const seq = suffix ? /"seq":(\d+)/.exec(arrival.payload.toString('latin1', 0, 80))?.[1] : undefined
    const kind = `${arrival.retain ? 'kept ' : ''}${suffix === 'live' ? 'live ' : ''}`
    const key = suffix ? `${kind}${id} ${seq}` : arrival.topic
    this.#arrived.push({ key, kept: arrival.retain ? id : undefined, seq: Number(seq), arrival })
  }

  /** Names of what has not come yet and must. */
  missing(): string[] {
    const count = new Map<string, number>()
    for (const { key } of this.#arrived) count.set(key, (count.get(key) ?? 0) + 1)
    return [...this.#expected].filter(([key, { min }]) => (count.get(key) ?? 0) < min).map(([key]) => key)
  }

  /** Throws when something came that nothing allows, twice, in the wrong manner, or did not come. */
  settle(isCutShort = false): void {
    for (const { key, kept, seq, arrival } of this.#arrived) {
      this.deliveries += 1
      const expected = this.#expected.get(key)
      if (!expected || expected.got >= expected.max) {
        if (kept !== undefined && this.#isMaybe(kept, seq)) continue
        const isTwice = expected !== undefined && expected.max > 0
        throw new Disagreement(`${this.name} was sent ${isTwice ? 'twice' : 'what it may not have'}: ${key}`, true)
      }
      expected.got += 1
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

  /** What it was sent of the device since the last fence, and what it was to be sent. */
  tell(deviceId: string): string[] {
    const came = this.#arrived.filter(({ key }) => key.includes(deviceId))
    const due = [...this.#expected].filter(([key]) => key.includes(deviceId))
    return [
      ...came.map(({ key, arrival: { qos, dup } }) => `came: ${key}, QoS ${qos}${dup ? ', marked as a repeat' : ''}`),
      ...due.map(([key, { min, max, got }]) => `to come: ${key}, ${min} to ${max} times, judged so far ${got}`),
    ]
  }

  #isMaybe(deviceId: string, seq: number): boolean {
    const oldest = this.#maybeKept.get(deviceId)
    this.#maybeKept.delete(deviceId)
    return oldest !== undefined && seq >= oldest
  }

  forgetRound(): void {
    this.#arrived = []
    this.#expected = new Map()
    this.#maybeKept.clear()
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
