// The model test: random operations on the real broker, and after each round every reader has what the model says, no more, no less.
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { startBroker } from '@ridethrough/broker/main.ts'
import { recordAccessChange, waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { pino } from 'pino'
import { type Change, randomChange } from './change.ts'
import { Client } from './client.ts'
import { BASE, randomInstant, type SteppedClock, steppedClock } from './clock.ts'
import { type KeptWatch, watchKept } from './kept.ts'
import { Disagreement, Peer } from './peer.ts'
import { type Random, randomFrom } from './random.ts'
import { Readers } from './readers.ts'
import { makeWorld } from './scene.ts'
import { standingOf } from './standing.ts'
import { type Agent, insertWorld } from './store.ts'
import { type Tap, tapWrites } from './tap.ts'
import { covers, type Device, isLive, mayEverSee, maySee, namedDevice, type World } from './world.ts'

export type ModelOptions = {
  readonly databaseUrl: string
  readonly seed: number
  readonly operations: number
  /** A reader that stops reading while its access ends, each so many rounds. */
  readonly stallEvery?: number
  readonly onProgress?: (report: ModelReport) => void
}

export type ModelReport = {
  readonly seed: number
  readonly operations: number
  readonly rounds: number
  readonly deliveries: number
  readonly seconds: number
  readonly kinds: Readonly<Record<string, number>>
  /** How often the broker could not renew its lease in time and cut everybody off, as it must. */
  readonly lapses: number
  /** What the broker did that the model does not allow, or the other way round. */
  readonly disagreement: Parted | undefined
}

/** What the two differ in, how the model sees whom it is about, and what led there. */
type Sent = { readonly topic: string; readonly key: string; readonly qos: number }
type Parted = { readonly what: string; readonly standing: readonly string[]; readonly after: readonly string[] }

/** The clock stands still between its steps: by it, everything happens within one second. */
const NO_RATES = {
  livePerSecondPerDevice: 1e9,
  publishesPerSecondPerAgent: 1e9,
  bytesPerSecondPerAgent: 1e9,
  publishesPerSecondPerCredential: 1e9,
  bytesPerSecondPerCredential: 1e9,
  connectBurstPerAddress: 1e9,
  connectBurstPerClient: 1e9,
}
const PATIENCE_MS = 10_000
const REMEMBERED = 4000
const SHOWN = 30

export async function runModel(options: ModelOptions): Promise<ModelReport> {
  const watched: { model?: Model } = {}
  const log = pino({ level: 'warn' }, { write: (line: string) => watched.model?.readLog(line) })
  const clock = steppedClock()
  const db = openDb(options.databaseUrl, log)
  const random = randomFrom(options.seed)
  const { world, agents } = makeWorld(random, BASE)
  await insertWorld(db, world, agents)
  const listener = await Listener.start(options.databaseUrl, log)
  const ports = { MQTT_PORT: '0', METRICS_PORT: '0', HOST: '127.0.0.1' }
  const config = readBrokerConfig({ DATABASE_URL: options.databaseUrl, ...ports })
  const broker = await startBroker({ ...config, limits: NO_RATES }, log, clock)
  const port = Number(new URL(broker.mqttUrl).port)
  const model = new Model({ ...options, db, listener, clock, random, world, agents, port })
  watched.model = model
  try {
    return await model.run()
  } finally {
    model.stop()
    await broker.stop()
    await listener.stop()
    await db.destroy()
  }
}

export type Scene = ModelOptions & {
  readonly db: Db
  readonly listener: Listener
  readonly clock: SteppedClock
  readonly random: Random
  readonly world: World
  readonly agents: readonly Agent[]
  readonly port: number
}

/** What a reader could see before a change began. */
export type Before = Map<Peer, { readonly sees: ReadonlySet<string>; readonly filters: ReadonlyMap<string, number> }>

class Model {
  readonly #scene: Scene
  readonly #peers: Peer[]
  readonly #readers: Readers
  readonly #senders: (Client | undefined)[] = []
  readonly #tap: Tap
  readonly #kept: KeptWatch = watchKept()
  readonly #kinds: Record<string, number> = {}
  #history: string[] = []
  #operations = 0
  #rounds = 0
  /** Between the answer to one change and the beginning of the next: each write is held against the model. */
  #isSettled = false
  #late: string | undefined
  #lastChange: Change | undefined
  #committing: Promise<void> = Promise.resolve()
  #lapses = 0
  #hasLapsed = false
  #acknowledged: Promise<boolean>[] = []
  /** Have sent at QoS 0, so that a ping has to tell when it was read. */
  readonly #isAsked = new Set<Client>()

  constructor(scene: Scene) {
    this.#scene = scene
    this.#peers = scene.world.credentials.flatMap((_, place) =>
      ['a', 'b', ...(place % 3 === 0 ? ['a'] : [])].map((clientId) => new Peer(place, clientId)),
    )
    this.#readers = new Readers({
      ...scene,
      peers: this.#peers,
      note: (kind, text) => this.#note(kind, text),
    })
    this.#tap = tapWrites(scene.port, (clientPort, messages) => {
      if (this.#isSettled) for (const { topic } of messages) this.#judgeWrite(clientPort, topic)
    })
  }

  async run(): Promise<ModelReport> {
    const { operations, onProgress } = this.#scene
    const started = performance.now()
    let parted: Parted | undefined
    while (parted === undefined && this.#operations < operations) {
      try {
        await this.#round()
        if (this.#rounds % 1000 === 0) onProgress?.(this.#report(started, undefined))
      } catch (error) {
        if (!(error instanceof Disagreement)) throw error
        // Everybody was cut off in the middle of it: what did not come says nothing, what came must still be allowed.
        if (this.#hasLapsed && !error.isForbidden) parted = await this.#startOver()
        else parted = this.#part(error.message)
      }
    }
    return this.#report(started, parted)
  }

  async #round(): Promise<void> {
    const { stallEvery = 1500, random } = this.#scene
    this.#rounds += 1
    if (this.#rounds === 1) {
      await this.#connectSenders()
      await this.#readers.connectAll()
    }
    if (this.#rounds % stallEvery === 0) await this.#stalledRound()
    else if (random.chance(0.9)) await this.#changeWhilePublishing()
    await this.#readers.act(3 + random.below(8))
    // What is published from here on is newer than what is kept for those who have just subscribed.
    await this.#keptSettled()
    if (random.chance(0.1)) await this.#disturbSenders()
    await this.#publishSome(10 + random.below(70))
    await this.#fence()
  }

  /** A machine that is too slow for the lease lets it run out: that is no fault of the broker's. */
  readLog(line: string): void {
    if (!line.includes('nobody is served')) return
    this.#lapses += 1
    this.#hasLapsed = true
  }

  async #startOver(): Promise<Parted | undefined> {
    await this.#committing.catch(() => {})
    await Promise.allSettled(this.#acknowledged)
    this.#acknowledged = []
    for (const peer of this.#peers) {
      try {
        peer.settle(true)
      } catch (error) {
        if (error instanceof Disagreement && error.isForbidden) return this.#part(error.message)
      }
      peer.client?.socket.destroy()
      await peer.client?.closed
      peer.left()
    }
    if (this.#late !== undefined) return this.#part(this.#late)
    await this.#commit({ name: 'nothing', access: {}, write: async () => {} })
    this.#hasLapsed = false
    return undefined
  }

  stop(): void {
    this.#tap.stop()
    this.#kept.stop()
    for (const sender of this.#senders) sender?.socket.destroy()
    for (const { client } of this.#peers) client?.socket.destroy()
  }

  #report(started: number, disagreement: Parted | undefined): ModelReport {
    return {
      seed: this.#scene.seed,
      operations: this.#operations,
      rounds: this.#rounds,
      deliveries: this.#peers.reduce((sum, peer) => sum + peer.deliveries, 0),
      seconds: Math.round((performance.now() - started) / 100) / 10,
      kinds: this.#kinds,
      lapses: this.#lapses,
      disagreement,
    }
  }

  /** To be asked before anything of the round is forgotten. */
  #part(what: string): Parted {
    const { world, clock } = this.#scene
    const peer = this.#peers.find(({ name }) => what.includes(`${name} `))
    const device = world.devices.find(({ id }) => what.includes(id))
    return { what, standing: standingOf(world, clock.now(), peer, device), after: this.#historyOf(what) }
  }

  /** Lines that name the reader or the device that it is about, and every change of access. */
  #historyOf(what: string): string[] {
    const reader = /reader \S+/.exec(what)?.[0]
    const device = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(what)?.[0]?.slice(0, 8)
    const bears = (line: string) =>
      line.includes('clock:') ||
      (line.includes('change:') &&
        (device === undefined || line.includes(device) || /account|member|guest|session|token/.test(line))) ||
      (reader !== undefined && line.includes(`${reader} `))
    return this.#history.filter(bears).slice(-SHOWN)
  }

  #note(kind: string, text: string): void {
    this.#operations += 1
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1
    this.#history.push(`${this.#operations} ${kind}: ${text}`)
    if (this.#history.length > 2 * REMEMBERED) this.#history = this.#history.slice(-REMEMBERED)
  }

  // A change of access, or of time, with messages on their way before, during and right after it.
  async #changeWhilePublishing(): Promise<void> {
    const { random, world } = this.#scene
    const before = this.#look()
    this.#isSettled = false
    const change = random.chance(0.25) ? this.#moveClock() : this.#changeAccess()
    const count = random.below(10)
    const devices = Array.from({ length: count }, () => random.pick(world.devices))
    const isAsked = random.chance(0.3) ? this.#readers.askDuring(before) : undefined
    for (const device of devices.slice(0, count / 2)) this.#publishEither(device, before)
    const answered = this.#commit(change)
    this.#committing = answered
    await new Promise((resolve) => setImmediate(resolve))
    for (const device of devices.slice(count / 2)) this.#publishEither(device, before)
    await Promise.all([answered, isAsked])
    await this.#answered(before)
    for (let more = random.below(6); more > 0; more -= 1) this.#publish(random.pick(world.devices))
    await this.#settled()
    await this.#fence()
  }

  #changeAccess(): Change {
    const { random, world, clock } = this.#scene
    const undo = this.#lastChange?.undo
    const made = undo && random.chance(0.4) ? undo() : randomChange(world, random, clock.now())
    // One that could be confined and is not makes the broker read more, states that are just being stored among it.
    const access = { ...made.access, confined: made.access.confined === true && random.chance(0.25) }
    const change = { ...made, access }
    this.#lastChange = change
    this.#note('change', `${change.name} ${JSON.stringify(change.access)}`)
    return change
  }

  /** A change that changes nothing makes every edge look at the clock: an answer that can be waited for. */
  #moveClock(): Change {
    const { random, world, clock } = this.#scene
    const to = randomInstant(world, random, clock.now())
    const isSet = to < clock.now() || random.chance(0.3)
    this.#note('clock', `${isSet ? 'set' : 'goes on'} to ${new Date(to).toISOString()}`)
    clock.move(to, isSet)
    return { name: 'nothing', access: {}, write: async () => {} }
  }

  async #commit({ name, access, write }: Change): Promise<void> {
    const { db, listener } = this.#scene
    const version = await db.transaction().execute(async (tx) => {
      await write(tx)
      return recordAccessChange(tx, { ...access, what: name })
    })
    const report = await waitForEdges(db, listener, version, systemClock)
    this.#isSettled = true
    if (report.edges.some(({ outcome }) => outcome === 'fenced')) {
      this.#hasLapsed = true
      throw new Disagreement('the broker did not confirm the change')
    }
    for (const { port, messages } of this.#tap.underWay()) {
      for (const { topic } of messages) this.#judgeWrite(port, topic)
    }
  }

  /** The answer has come: what may no longer be connected must be cut, subscriptions to what is gone are gone. */
  async #answered(before: Before): Promise<void> {
    const { world, clock } = this.#scene
    const now = clock.now()
    for (const peer of before.keys()) {
      const { client, credential } = peer
      if (!client || !credential) continue
      if (!isLive(world, credential, now)) {
        if (!(await within(client.closed))) throw new Disagreement(`${peer.name} was not cut off`)
        peer.left()
        continue
      }
      for (const filter of peer.filters.keys()) {
        const device = namedDevice(world, filter)
        if (device && !mayEverSee(world, credential, device, now)) peer.filters.delete(filter)
      }
      peer.unsure.clear()
    }
  }

  #look(): Before {
    const { world, clock } = this.#scene
    const now = clock.now()
    const seen = new Map<string, ReadonlySet<string>>()
    const before: Before = new Map()
    for (const peer of this.#peers) {
      const { credential } = peer
      if (!credential) continue
      let sees = seen.get(credential.id)
      if (!sees) {
        sees = new Set(world.devices.filter((device) => maySee(world, credential, device, now)).map(({ id }) => id))
        seen.set(credential.id, sees)
      }
      before.set(peer, { sees, filters: new Map(peer.filters) })
    }
    return before
  }

  /** Published while access changes: whoever may see it before and after must get it, whoever may at neither time must not. */
  #publishEither(device: Device, before: Before): void {
    const { world, clock } = this.#scene
    const now = clock.now()
    const { topic, key } = this.#send(device, '')
    for (const [peer, was] of before) {
      const { credential } = peer
      const covered = peer.coverage(topic)
      const isUnsure = [...peer.unsure].some((filter) => covers(filter, topic))
      if (!credential || (covered === undefined && !isUnsure)) continue
      const isSeen = maySee(world, credential, device, now)
      if (!isSeen && !was.sees.has(device.id)) continue
      const isKept = this.#keeps(peer, topic, now)
      const must = isSeen && was.sees.has(device.id) && isKept && !peer.isStalled
      peer.expect(key, must ? 1 : 0, 1)
    }
  }

  /** Whether a subscription that covers the topic outlives the change. */
  #keeps(peer: Peer, topic: string, now: number): boolean {
    const { world } = this.#scene
    const { credential } = peer
    if (!credential || !isLive(world, credential, now)) return false
    return [...peer.filters.keys()].some((filter) => {
      const device = namedDevice(world, filter)
      return covers(filter, topic) && (!device || mayEverSee(world, credential, device, now))
    })
  }

  #publish(device: Device, filling = ''): void {
    const { world, clock } = this.#scene
    const now = clock.now()
    const { topic, key, qos: sent } = this.#send(device, filling)
    for (const peer of this.#peers) {
      const { credential } = peer
      const qos = credential && peer.coverage(topic)
      if (qos === undefined || !credential || !maySee(world, credential, device, now)) continue
      peer.expect(key, peer.isStalled ? 0 : 1, 1, Math.min(qos, sent))
    }
  }

  /** A sample, or something shown between samples, which goes another way through the broker. */
  #send(device: Device, filling: string): Sent {
    if (filling === '' && this.#scene.random.chance(0.4)) return this.#show(device)
    device.seq += 1
    const topic = `v1/devices/${device.id}/state`
    const fill = filling === '' ? {} : Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x.y${n}`, filling]))
    const sample = { kind: 'values', seq: device.seq, at: BASE, status: 'OL', variables: { 'ups.load': 7, ...fill } }
    this.#note('publish', `${device.id} ${device.seq}`)
    const sender = this.#senders[device.agent]
    if (!sender) throw new Error('no agent is connected')
    this.#acknowledged.push(sender.publish(topic, JSON.stringify(sample), true))
    return { topic, key: `${device.id} ${device.seq}`, qos: 1 }
  }

  #show(device: Device): Sent {
    const sender = this.#senders[device.agent]
    if (!sender) throw new Error('no agent is connected')
    device.shown += 1
    const [topic, payload] = [`v1/devices/${device.id}/live`, JSON.stringify({ seq: device.shown })]
    const qos = this.#scene.random.below(2)
    this.#note('show', `${device.id} live ${device.shown}`)
    if (qos === 1) this.#acknowledged.push(sender.publish(topic, payload))
    else {
      sender.publishOnce(topic, payload)
      this.#isAsked.add(sender)
    }
    return { topic, key: `live ${device.id} ${device.shown}`, qos }
  }

  async #publishSome(count: number): Promise<void> {
    const { random, world } = this.#scene
    // in one piece: what lies in a row takes another way through the broker than what comes one by one
    for (const sender of this.#senders) sender?.socket.cork()
    for (let left = count; left > 0; left -= 1) {
      const device = random.pick(world.devices)
      for (let times = random.chance(0.2) ? 1 + random.below(8) : 1; times > 0; times -= 1) this.#publish(device)
    }
    for (const sender of this.#senders) sender?.socket.uncork()
    await this.#settled()
  }

  /** Acknowledged means stored and handed to every reader's connection. */
  async #settled(): Promise<void> {
    for (const sender of this.#isAsked) this.#acknowledged.push(sender.ping())
    this.#isAsked.clear()
    const acknowledged = await Promise.all(this.#acknowledged)
    this.#acknowledged = []
    if (!acknowledged.every(Boolean)) throw new Disagreement('a state was not acknowledged')
  }

  async #keptSettled(): Promise<void> {
    if (!(await within(this.#kept.settled()))) throw new Disagreement('a kept state is looked for without an end')
  }

  /** Whatever was written before the answer to a ping has come: absence is as sure as presence. */
  async #fence(): Promise<void> {
    for (const peer of this.#peers) if (peer.client?.isClosed) throw new Disagreement(`${peer.name} was cut off`)
    const connected = this.#peers.filter((peer) => peer.isConnected)
    // A kept state may be looked for in the database first, after SUBACK and longer than a ping takes.
    await this.#keptSettled()
    await Promise.all(connected.map((peer) => peer.client?.ping()))
    // What came while the lease was in doubt waits for it.
    for (let waited = 0; waited < 300 && connected.some((peer) => peer.missing().length > 0); waited += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (this.#late !== undefined) throw new Disagreement(this.#late, true)
    for (const peer of connected) peer.settle()
  }

  #judgeWrite(clientPort: number, topic: string): void {
    const { world, clock } = this.#scene
    const peer = this.#peers.find(({ client }) => client?.socket.localPort === clientPort)
    const device = world.devices.find(({ id }) => topic.startsWith(`v1/devices/${id}/`))
    if (!peer?.credential || !device) return
    if (maySee(world, peer.credential, device, clock.now())) return
    this.#late ??= `${peer.name} was written to after the answer: ${device.id}`
  }

  // A reader stops reading until the broker holds messages back for it; then its access ends.
  async #stalledRound(): Promise<void> {
    const { world, clock, random } = this.#scene
    const found = this.#readers.findStallable()
    if (!found) return
    const { peer, device, change } = found
    const client = peer.client
    const socket = this.#tap.socketOf(client?.socket.localPort ?? 0)
    if (!client || !socket) return
    this.#note('stall', `${peer.name} stops reading`)
    peer.isStalled = true
    client.socket.pause()
    for (let sent = 0; sent < 200 && socket.writableLength === 0 && !socket.destroyed; sent += 1) {
      this.#publish(device, 'x'.repeat(1000))
      await this.#settled()
    }
    this.#publish(device)
    await this.#settled()
    const before = this.#look()
    this.#isSettled = false
    const ended = change()
    this.#note('change', `${ended.name} ${JSON.stringify(ended.access)}`)
    const other = random.pick(world.devices)
    this.#publishEither(other, before)
    await this.#commit(ended)
    client.socket.resume()
    if (socket.destroyed || !isLive(world, peer.credential ?? never(), clock.now())) {
      await within(client.closed)
      peer.left()
    }
    await this.#answered(before)
    await this.#settled()
    await this.#fence()
    peer.isStalled = false
  }

  async #connectSenders(): Promise<void> {
    for (const index of this.#scene.agents.keys()) await this.#connectSender(index)
  }

  async #connectSender(index: number): Promise<void> {
    const { agents, port } = this.#scene
    const agent = agents[index] ?? never()
    const client = new Client(port, ({ topic }) => {
      if (topic !== `v1/agents/${agent.id}/commands`) this.#late ??= `an agent was sent ${topic}`
    })
    const status = (online: boolean) => JSON.stringify({ online, version: 'm', interval: 5, at: BASE })
    const topic = `v1/agents/${agent.id}/status`
    const who = { clientId: 'agent', username: `agent:${agent.id}`, password: agent.token }
    const code = await client.open({ ...who, will: { topic, payload: status(false) } })
    if (code !== 0) throw new Disagreement(`an agent was answered ${code}`)
    this.#senders[index] = client
    await client.subscribe([[`v1/agents/${agent.id}/commands`, 1]])
    await client.publish(topic, status(true), true)
  }

  /** An agent is gone without a word (its will is due), or comes a second time: nobody who reads must notice anything. */
  async #disturbSenders(): Promise<void> {
    const { random, agents } = this.#scene
    const index = random.below(agents.length)
    const before = this.#senders[index]
    const isTakenOver = random.chance(0.5)
    this.#note(isTakenOver ? 'agent taken over' : 'will', `agent ${index}`)
    if (!isTakenOver) {
      before?.socket.resetAndDestroy()
      await before?.closed
    }
    await this.#connectSender(index)
    if (before && !(await within(before.closed))) throw new Disagreement('an agent was not taken over')
  }
}

function never(): never {
  throw new Error('the model is at odds with itself')
}

export async function within(promise: Promise<unknown>, ms = PATIENCE_MS): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const isDone = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return isDone
}
