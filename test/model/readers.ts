// What readers do: come, go, take each other over, subscribe, unsubscribe, publish what they may not.
import type { Change } from './change.ts'
import { Client } from './client.ts'
import { Disagreement, type Peer } from './peer.ts'
import { type Before, type Scene, within } from './run.ts'
import { saveShare } from './store.ts'
import { covers, type Device, find, isLive, mayEverSee, maySee, namedDevice } from './world.ts'

export type ReaderOptions = Pick<Scene, 'world' | 'clock' | 'random' | 'port'> & {
  readonly peers: readonly Peer[]
  readonly note: (kind: string, text: string) => void
}

const ERRORS = 'v1/errors'
const WIDE = [
  '#',
  'v1/#',
  'v1/devices/#',
  'v1/devices/+/state',
  'v1/devices/+/live',
  '+/devices/+/+',
  '+/+/+/state',
  ERRORS,
  '+/errors',
]
const FORBIDDEN = ['v1/agents/#', 'v1/agents/+/status', '$SYS/#', 'v2/#', 'v1/devices/+/backlog']

export class Readers {
  readonly #options: ReaderOptions

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  async connectAll(): Promise<void> {
    for (const peer of this.#options.peers) await this.#connect(peer)
  }

  /** Some operations at once, those of one reader in their order; everything is answered when this resolves. */
  async act(count: number): Promise<void> {
    const { random, peers } = this.#options
    const answers: Promise<void>[] = []
    const leaving = new Set<Peer>()
    if (random.chance(0.5)) await this.#connect(random.pick(peers))
    for (let left = count; left > 0; left -= 1) {
      const peer = random.pick(peers)
      if (!peer.client) answers.push(this.#connectLater(peer))
      else if (random.chance(0.55)) answers.push(this.#subscribe(peer))
      else if (random.chance(0.8)) answers.push(this.#unsubscribe(peer))
      else if (random.chance(0.6)) answers.push(this.#publishInVain(peer))
      else leaving.add(peer)
    }
    await Promise.all(answers)
    for (const peer of leaving) if (peer.client) this.#leave(peer)
  }

  /** Subscribes while access changes, best to what is just being taken away: of what is answered, either may be right. */
  async askDuring(before: Before): Promise<void> {
    const { random, world, clock } = this.#options
    const now = clock.now()
    const taken = [...before].flatMap(([peer, { sees }]) =>
      world.devices
        .filter((one) => sees.has(one.id) && peer.credential && !mayEverSee(world, peer.credential, one, now))
        .map(({ id }) => ({ peer, filter: `v1/devices/${id}/state` })),
    )
    const connected = [...before.keys()]
    if (connected.length === 0) return
    const anything = { peer: random.pick(connected), filter: this.#randomFilter() }
    const { peer, filter } = taken.length > 0 && random.chance(0.7) ? random.pick(taken) : anything
    if (peer.filters.has(filter) || peer.unsure.has(filter)) return
    await this.#subscribeUnsure(peer, filter, before.get(peer)?.sees ?? new Set())
  }

  /** A reader that sees a device by a share, and what ends that share. */
  findStallable(): { peer: Peer; device: Device; change: () => Change } | undefined {
    const { world, clock, peers, random } = this.#options
    const now = clock.now()
    const found = []
    for (const peer of peers) {
      const { credential } = peer
      if (!credential) continue
      for (const share of world.shares) {
        if (share.accountId !== credential.accountId || share.state !== 'accepted') continue
        const device = world.devices.find(
          ({ id }) =>
            share.devices.get(id) === false &&
            maySee(world, credential, find(world.devices, id), now) &&
            peer.coverage(`v1/devices/${id}/state`) === 1,
        )
        if (device) found.push({ peer, device, share })
      }
    }
    if (found.length === 0) return undefined
    const { peer, device, share } = random.pick(found)
    const change = (): Change => {
      share.state = 'revoked'
      return { name: 'share revoked', access: { accounts: [share.accountId] }, write: (tx) => saveShare(tx, share) }
    }
    return { peer, device, change }
  }

  async #connectLater(peer: Peer): Promise<void> {
    // Others of the same client must not come at the same time: which of them is the last would be chance.
    const { peers } = this.#options
    if (peers.some((one) => one !== peer && one.place === peer.place && one.clientId === peer.clientId)) return
    await this.#connect(peer)
  }

  async #connect(peer: Peer): Promise<void> {
    const { world, clock, peers, port, note } = this.#options
    const credential = world.credentials[peer.place]
    if (!credential || peer.isConnected || peer.isOpening) return
    peer.isOpening = true
    const before = peers.find(
      (one) => one !== peer && one.credential === credential && one.clientId === peer.clientId && one.client,
    )
    note(before ? 'takeover' : 'connect', `${peer.name} by ${credential.kind} ${credential.id}`)
    const client = new Client(port, (arrival) => {
      if (peer.client === client) peer.take(arrival)
    })
    const code = await client.open({ clientId: peer.clientId, username: 'anybody', password: credential.token })
    peer.isOpening = false
    // Unavailable: it says so when its lease has run out, and lets people in again when it is renewed.
    if (code === 3) return
    const isLet = isLive(world, credential, clock.now())
    if (code !== (isLet ? 0 : 4)) throw new Disagreement(`${peer.name} was answered ${code} to its CONNECT`)
    if (!isLet) return
    if (before) {
      if (before.client && !(await within(before.client.closed))) {
        throw new Disagreement(`${before.name} was not cut off by ${peer.name}, which took it over`)
      }
      before.left()
    }
    peer.client = client
    peer.credential = credential
  }

  #leave(peer: Peer): void {
    const { random, note } = this.#options
    const isPolite = random.chance(0.5)
    note(isPolite ? 'disconnect' : 'connection lost', `${peer.name} leaves`)
    if (isPolite) peer.client?.disconnect()
    else peer.client?.socket.resetAndDestroy()
    peer.left()
  }

  async #subscribe(peer: Peer): Promise<void> {
    const { random, world, clock, note } = this.#options
    const { client, credential } = peer
    if (!client || !credential) return
    const filters = [...new Set(Array.from({ length: 1 + random.below(3) }, () => this.#randomFilter()))]
    const asked = filters.map((filter) => [filter, random.below(3)] as const)
    const now = clock.now()
    const expected = asked.map(([filter, qos]) => {
      const device = namedDevice(world, filter)
      const isGranted =
        !FORBIDDEN.includes(filter) &&
        !filter.endsWith('/backlog') &&
        (!device || mayEverSee(world, credential, device, now))
      if (!isGranted) return 128
      const granted = Math.min(qos, 1)
      peer.filters.set(filter, granted)
      peer.fresh.add(filter)
      for (const one of world.devices) {
        if (one.seq === 0 || !covers(filter, `v1/devices/${one.id}/state`)) continue
        if (maySee(world, credential, one, now)) peer.expect(`kept ${one.id} ${one.seq}`, 1, 1)
      }
      return granted
    })
    note('subscribe', `${peer.name} to ${JSON.stringify(asked)}`)
    const codes = await client.subscribe(asked)
    if (`${codes}` !== `${expected}`) {
      throw new Disagreement(`${peer.name} was answered ${codes} instead of ${expected} to ${JSON.stringify(filters)}`)
    }
  }

  async #subscribeUnsure(peer: Peer, filter: string, saw: ReadonlySet<string>): Promise<void> {
    const { world, clock, note } = this.#options
    const { client, credential } = peer
    if (!client || !credential || FORBIDDEN.includes(filter)) return
    for (const device of world.devices) {
      const { id, seq } = device
      const isSeen = saw.has(id) || maySee(world, credential, device, clock.now())
      if (isSeen && covers(filter, `v1/devices/${id}/state`)) peer.mayBeKept(id, seq)
    }
    peer.unsure.add(filter)
    note('subscribe', `${peer.name} to ${filter} during a change`)
    const codes = await client.subscribe([[filter, 1]])
    // Cut off by the change: whether that was right is looked at when the change is answered.
    if (codes === undefined) return
    const device = namedDevice(world, filter)
    const isEverSeen = !device || mayEverSee(world, credential, device, clock.now())
    if (codes[0] === 1 && isEverSeen) peer.filters.set(filter, 1)
    if (codes[0] === 128 && !device) throw new Disagreement(`${peer.name} was refused ${filter}`)
  }

  async #unsubscribe(peer: Peer): Promise<void> {
    const { random, note } = this.#options
    const held = [...peer.filters.keys()].filter((filter) => !peer.fresh.has(filter))
    const filters = [...new Set([held.length > 0 ? random.pick(held) : '#', ...random.some(held, 0.2)])]
    if (filters.some((filter) => peer.fresh.has(filter))) return
    for (const filter of filters) peer.filters.delete(filter)
    note('unsubscribe', `${peer.name} from ${JSON.stringify(filters)}`)
    if (!(await peer.client?.unsubscribe(filters)))
      throw new Disagreement(`${peer.name} got no answer to its UNSUBSCRIBE`)
  }

  /** Nobody is told of it but the one who tried, and only where it reads such messages. */
  async #publishInVain(peer: Peer): Promise<void> {
    const { random, world, note } = this.#options
    const { id } = random.pick(world.devices)
    const topic = random.pick([`v1/devices/${id}/state`, `v1/devices/${id}/requests/load.off`, 'v1/errors'])
    if (peer.coverage(ERRORS) !== undefined) peer.expect(ERRORS, 1, 1)
    note('publish in vain', `${peer.name} to ${topic}`)
    const payload = JSON.stringify({ kind: 'values', seq: 9_000_000, at: 0, status: 'OB', variables: {} })
    if (!(await peer.client?.publish(topic, payload, random.chance(0.3)))) {
      throw new Disagreement(`${peer.name} got no answer to its PUBLISH`)
    }
  }

  #randomFilter(): string {
    const { random, world } = this.#options
    if (random.chance(0.4)) return random.pick(WIDE)
    if (random.chance(0.1)) return random.pick(FORBIDDEN)
    const { id } = random.pick(world.devices)
    return random.pick([
      `v1/devices/${id}/state`,
      `v1/devices/${id}/state`,
      `v1/devices/${id}/live`,
      `v1/devices/${id}/#`,
      `+/+/${id}/+`,
      `v1/devices/${id}/backlog`,
    ])
  }
}
