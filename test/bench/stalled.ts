// Readers that stop reading among many that go on: what the others notice, and what becomes of the stalled ones.
import { setTimeout as pause } from 'node:timers/promises'
import { publish } from '../fuzz/bytes.ts'
import { byLabel, startWatchedBroker, type WatchedBroker } from '../fuzz/watched.ts'
import { startBenchDatabase } from './cloud.ts'
import { cpuSecondsOf, printTable, type Spread, spreadOf } from './figures.ts'
import type { Figures, Numbers } from './main.ts'
import { type Person, type SeededAgent, seedDevices, seedGuests, seedPersons, unguarded } from './seed.ts'
import { openWire, type Wire } from './wire.ts'

const DEVICES = 10
const TICK_MS = 10
/** 600 KB/s for each who stalls: the kernel holds some megabytes before anything waits in the broker. */
const BULK = { bytes: 30_000, everyMs: 50 } as const
/** Thrown away: sockets and code are cold. */
const WARMING_MS = 3000
const AIM_P99_MS = 50
/** More than so many MB for each stalled reader is no bound. */
const MOST_MB_EACH = 2

/** One process reads for all: its own delay is in all figures, with and without stalled readers alike. */
type Reader = {
  readonly wire: Wire
  readonly qos: 0 | 1
  readonly willStall: boolean
  isStalled: boolean
  isClosed: boolean
  last: number
  gaps: number
}
const NEW = { isStalled: false, isClosed: false, last: 0, gaps: 0 }
type Scene = {
  readonly broker: WatchedBroker
  readonly publisher: Wire
  readonly sendBulk: () => void
  readonly topics: readonly string[]
  readonly readers: readonly Reader[]
  /** Delays of those who read, while a phase lasts. */
  delays: number[] | undefined
  sent: number
}

export async function benchStalled(numbers: Numbers): Promise<Figures> {
  const { viewers = 1000, stalled = 100, rate = 20, bytes = 300, seconds = 15, patience = 60 } = numbers
  const database = await startBenchDatabase()
  try {
    const world = await seed(database.db, viewers, stalled)
    const broker = await startWatchedBroker(database.url, [], {})
    try {
      const scene = await connectAll(broker, world)
      const before = broker.residentMb()
      await play(scene, { rate, bytes, ms: WARMING_MS })
      const alone = await measure(scene, { rate, bytes, ms: seconds * 1000 })
      const ofThem = scene.readers.filter(({ willStall }) => willStall)
      for (const reader of ofThem) {
        reader.isStalled = true
        reader.wire.socket.pause()
      }
      const bulk = setInterval(scene.sendBulk, BULK.everyMs)
      const filling = await untilFull(scene, ofThem, { rate, bytes, patience })
      const beside = await measure(scene, { rate, bytes, ms: seconds * 1000 })
      clearInterval(bulk)
      return await report(scene, { alone, beside, filling, ofThem, before })
    } finally {
      await broker.part.stop()
    }
  } finally {
    await database.stop()
  }
}

type World = {
  readonly agent: SeededAgent
  /** Large messages that only those who will stall may have: they fill the kernel's buffers soon. */
  readonly bulk: SeededAgent
  readonly persons: readonly Person[]
  readonly toStall: ReadonlySet<Person>
}

async function seed(db: Parameters<typeof unguarded>[0], count: number, stalled: number): Promise<World> {
  const world: { made?: World } = {}
  await unguarded(db, async (tx) => {
    const [host, bulkHost] = await seedPersons(tx, 'host', 2)
    if (!host || !bulkHost) throw new Error('no hosts')
    const persons = await seedPersons(tx, 'viewer', count)
    const [agent] = await seedDevices(tx, [host], 'Shared', { devices: DEVICES, perAgent: DEVICES })
    const [bulk] = await seedDevices(tx, [bulkHost], 'Bulk', { devices: 1, perAgent: 1 })
    if (!agent || !bulk) throw new Error('no agents')
    const toStall = persons.filter((_, index) => index % Math.round(count / stalled) === 0).slice(0, stalled)
    await seedGuests(tx, host, persons)
    await seedGuests(tx, bulkHost, toStall)
    world.made = { agent, bulk, persons, toStall: new Set(toStall) }
  })
  if (!world.made) throw new Error('nothing was made')
  return world.made
}

async function connectAll(broker: WatchedBroker, { agent, bulk, persons, toStall }: World): Promise<Scene> {
  const { mqttPort } = broker
  const [publisher, bulkPublisher] = await Promise.all(
    [agent, bulk].map(({ agentId, token }) =>
      openWire(mqttPort, { clientId: 'agent', username: `agent:${agentId}`, password: token }),
    ),
  )
  if (!publisher || !bulkPublisher) throw new Error('no publishers')
  const readers: Reader[] = []
  const topics = agent.deviceIds.map((id) => `v1/devices/${id}/live`)
  const bulkPacket = publish(`v1/devices/${bulk.deviceIds[0]}/live`, Buffer.alloc(BULK.bytes, 0x61), { flags: 2 })
  const sendBulk = () => bulkPublisher.socket.write(bulkPacket)
  const scene: Scene = { broker, publisher, sendBulk, topics, readers, delays: undefined, sent: 0 }
  for (const [index, person] of persons.entries()) {
    const wire: Wire = await openWire(
      mqttPort,
      { clientId: 'viewer', username: 'viewer', password: person.token },
      (bytes, _, payloadFrom) => {
        if (reader.isStalled) return
        scene.delays?.push(performance.now() - bytes.readDoubleBE(payloadFrom))
        const number = bytes.readUInt32BE(payloadFrom + 8)
        if (reader.last > 0 && number !== reader.last + 1) reader.gaps += 1
        reader.last = number
      },
    )
    const reader: Reader = { wire, qos: index % 20 < 10 ? 0 : 1, willStall: toStall.has(person), ...NEW }
    wire.socket.on('error', () => {})
    wire.socket.once('close', () => {
      reader.isClosed = true
    })
    // Half of them at each: at QoS 0 messages are dropped and counted, at QoS 1 the connection is cut.
    await wire.subscribe('v1/devices/+/live', reader.qos)
    readers.push(reader)
  }
  return scene
}

type Load = { readonly rate: number; readonly bytes: number; readonly ms: number }

/** Messages at a steady rate, device by device, each with when it was sent and its number. */
async function play(scene: Scene, { rate, bytes, ms }: Load, isEnough = () => false): Promise<void> {
  const began = performance.now()
  const payload = Buffer.alloc(bytes, 0x61)
  for (let due = 0; performance.now() - began < ms && !isEnough(); ) {
    for (const now = performance.now(); began + (due * 1000) / rate <= now; due += 1) {
      scene.sent += 1
      payload.writeDoubleBE(performance.now(), 0)
      payload.writeUInt32BE(scene.sent, 8)
      const topic = scene.topics[scene.sent % scene.topics.length] ?? ''
      scene.publisher.socket.write(publish(topic, payload, { flags: 2, id: 1 + (scene.sent % 65_535) }))
    }
    await pause(TICK_MS)
  }
}

type Measured = { readonly delay: Spread; readonly residentMb: number; readonly cpu: number; readonly own: number }

async function measure(scene: Scene, load: Load): Promise<Measured> {
  const pid = scene.broker.part.process.pid ?? 0
  const [cpu, own] = [cpuSecondsOf(pid), process.cpuUsage()]
  const delays: number[] = []
  scene.delays = delays
  await play(scene, load)
  scene.delays = undefined
  const { user, system } = process.cpuUsage(own)
  const seconds = load.ms / 1000
  return {
    delay: spreadOf(delays),
    residentMb: scene.broker.residentMb(),
    cpu: (cpuSecondsOf(pid) - cpu) / seconds,
    own: (user + system) / 1e6 / seconds,
  }
}

/** Goes on until the kernel's buffers are full too, and the broker has to do something about every stalled reader. */
async function untilFull(
  scene: Scene,
  stalled: readonly Reader[],
  { rate, bytes, patience }: { readonly rate: number; readonly bytes: number; readonly patience: number },
): Promise<Measured & { readonly peakMb: number }> {
  let peakMb = 0
  let isFull = false
  const atQos1 = stalled.filter(({ qos }) => qos === 1).length
  const looking = setInterval(() => {
    peakMb = Math.max(peakMb, scene.broker.residentMb())
    void scene.broker.counters().then((counters) => {
      const dropped = byLabel(counters, 'deliveries_dropped_total').get('slow-receiver') ?? 0
      isFull = (byLabel(counters, 'connections_cut_total').get('slow-receiver') ?? 0) >= atQos1 && dropped > 0
    })
  }, 500)
  const delays: number[] = []
  scene.delays = delays
  await play(scene, { rate, bytes, ms: patience * 1000 }, () => isFull)
  scene.delays = undefined
  clearInterval(looking)
  return { delay: spreadOf(delays), residentMb: scene.broker.residentMb(), peakMb, cpu: Number.NaN, own: Number.NaN }
}

type Seen = {
  readonly alone: Measured
  readonly beside: Measured
  readonly filling: Measured & { readonly peakMb: number }
  readonly ofThem: readonly Reader[]
  readonly before: number
}

async function report(scene: Scene, { alone, beside, filling, ofThem, before }: Seen): Promise<Figures> {
  const counters = await scene.broker.counters()
  const cut = byLabel(counters, 'connections_cut_total').get('slow-receiver') ?? 0
  const dropped = byLabel(counters, 'deliveries_dropped_total').get('slow-receiver') ?? 0
  const others = scene.readers.filter(({ isStalled }) => !isStalled)
  // What was sent last is the fence: who has it lacks nothing before it, but for what is counted as a gap.
  const until = performance.now() + 10_000
  const missing = () => others.filter(({ last }) => last !== scene.sent).length
  while (missing() > 0 && performance.now() < until) await pause(20)
  const gaps = others.reduce((sum, one) => sum + one.gaps, 0)
  const row = (what: string, { delay }: Measured) => [what, delay.count, delay.p50, delay.p99, delay.max]
  printTable([
    ['delay of those who read', 'deliveries', 'p50 ms', 'p99 ms', 'max ms'],
    row('nobody stalled', alone),
    row(`${ofThem.length} stalled, until each was cut (QoS 1) or dropped from (QoS 0)`, filling),
    row('those at QoS 0 still stalled', beside),
  ])
  console.log()
  printTable([
    ['', ''],
    ['stalled readers cut', cut],
    ['deliveries to stalled readers dropped', dropped],
    ['other readers closed', others.filter(({ isClosed }) => isClosed).length],
    ['other readers that lack the last message', missing()],
    ['gaps among what the others got', gaps],
    ['resident memory before, MB', before],
    ['  nobody stalled', alone.residentMb],
    ['  highest while they were stalled', filling.peakMb],
    ['broker, processor seconds per second, nobody stalled', alone.cpu],
    ['  stalled', beside.cpu],
    ['this load and its readers', beside.own],
  ])
  const isWell =
    beside.delay.p99 <= AIM_P99_MS &&
    filling.delay.p99 <= AIM_P99_MS &&
    missing() === 0 &&
    gaps === 0 &&
    filling.peakMb - alone.residentMb <= MOST_MB_EACH * ofThem.length
  console.log(
    `\n${isWell ? 'as it should be' : 'NOT as it should be'}: p99 ≤ ${AIM_P99_MS} ms, nothing lost by the others`,
  )
  return { alone, beside, filling, cut, dropped, gaps, missing: missing(), before, isWell }
}
