// Shares that end while messages flow and the wall clock is set an hour forward and back: when was the last delivery, was none lost?
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { startBroker } from '@ridethrough/broker/main.ts'
import type { Clock } from '@ridethrough/db/clock.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { pino } from 'pino'
import { Client } from './client.ts'
import { type Random, randomFrom } from './random.ts'
import { type Agent, insertWorld } from './store.ts'
import { tapWrites } from './tap.ts'
import { EVERYTHING, type World } from './world.ts'

export type EndsOptions = {
  readonly databaseUrl: string
  readonly seed: number
  readonly shares: number
  readonly seconds: number
}

export type EndsReport = {
  readonly shares: number
  /** How often a share came to its end: again, when the clock was set back in between. */
  readonly ends: number
  readonly steps: number
  readonly messages: number
  readonly deliveries: number
  /** Of the latest delivery after an end, in milliseconds; 0 when there was none. */
  readonly latestMs: number
  readonly tooLate: number
  readonly missing: number
}

const HOUR = 3_600_000
const SHARES_PER_DEVICE = 5
const RECIPIENTS = 20
const SENDERS = 4
/** What the requirement allows. */
const ALLOWED_MS = 50

/** From `from` on, on the monotonic clock, the wall clock showed `wall` and went on from there. */
type Segment = { readonly from: number; readonly wall: number }

class SetClock implements Clock {
  readonly segments: Segment[] = [{ from: performance.now(), wall: Date.now() }]

  readonly now = () => Math.floor(this.wallAt(performance.now()))
  readonly monotonic = () => performance.now()

  get last(): Segment {
    return this.segments.at(-1) as Segment // there is one from the beginning
  }

  set(byMs: number): void {
    const from = performance.now()
    this.segments.push({ from, wall: this.wallAt(from) + byMs })
  }

  /** When the wall clock has passed the instant since it was last set; `undefined`: it has not. */
  passedAt(instant: number): number | undefined {
    const { from, wall } = this.last
    if (this.now() < instant) return undefined
    return from + Math.max(0, instant - wall)
  }

  /** Whether the wall clock was before the instant all the time between. */
  wasBefore(instant: number, from: number, until: number): boolean {
    return this.segments.every((segment, index) => {
      const end = Math.min(until, this.segments[index + 1]?.from ?? Number.POSITIVE_INFINITY)
      if (end <= segment.from || end < from) return true
      return segment.wall + (end - segment.from) < instant
    })
  }

  wallAt(monotonic: number): number {
    const { from, wall } = this.last
    return wall + (monotonic - from)
  }
}

type Sent = { readonly deviceId: string; readonly seq: number; readonly from: number; until: number }

export async function runEnds(options: EndsOptions): Promise<EndsReport> {
  const log = pino({ level: 'silent' })
  const random = randomFrom(options.seed)
  const clock = new SetClock()
  const { world, agents } = makeWorld(options, random, clock.now())
  const db = openDb(options.databaseUrl, log)
  await insertWorld(db, world, agents)
  await db.destroy()
  const ports = { MQTT_PORT: '0', METRICS_PORT: '0', HOST: '127.0.0.1' }
  const broker = await startBroker(readBrokerConfig({ DATABASE_URL: options.databaseUrl, ...ports }), log, clock)
  try {
    return await watch(options, random, clock, world, agents, Number(new URL(broker.mqttUrl).port))
  } finally {
    await broker.stop()
  }
}

async function watch(
  { seconds }: EndsOptions,
  random: Random,
  clock: SetClock,
  world: World,
  agents: readonly Agent[],
  port: number,
): Promise<EndsReport> {
  const endOf = new Map(
    world.shares.flatMap((one) => [...one.devices.keys()].map((id) => [`${one.accountId} ${id}`, one.until ?? 0])),
  )
  const readers = new Map<number, string>()
  const got = new Set<string>()
  const late: number[] = []
  const tap = tapWrites(port, (clientPort, messages) => {
    const accountId = readers.get(clientPort)
    if (accountId === undefined) return
    for (const { topic } of messages) {
      const passed = clock.passedAt(endOf.get(`${accountId} ${topic.split('/')[2]}`) ?? 0)
      if (passed !== undefined) late.push(performance.now() - passed)
    }
  })
  const clients: Client[] = []
  const open = async (username: string, password: string, onMessage: ConstructorParameters<typeof Client>[1]) => {
    const client = new Client(port, onMessage)
    clients.push(client)
    const code = await client.open({ clientId: 'ends', username, password })
    if (code !== 0) throw new Error(`answered ${code}`)
    return client
  }
  for (const { accountId, token } of world.credentials) {
    const reader = await open('anybody', token, ({ topic, payload, retain }) => {
      const seq = /"seq":(\d+)/.exec(payload.toString('latin1', 0, 80))?.[1]
      if (!retain) got.add(`${accountId} ${topic.split('/')[2]} ${seq}`)
    })
    readers.set(reader.socket.localPort ?? 0, accountId)
    await reader.subscribe([['v1/devices/+/state', 0]])
  }
  const senders: Client[] = []
  for (const { id, token } of agents) senders.push(await open(`agent:${id}`, token, () => {}))

  const until = performance.now() + seconds * 1000
  const sent: Sent[] = []
  const stepping = stepNowAndThen(clock, random, until)
  await Promise.all(
    senders.map((sender, index) =>
      sendOn(
        sender,
        world.devices.filter(({ agent }) => agent === index),
        until,
        sent,
      ),
    ),
  )
  await stepping
  await Promise.all(clients.map((client) => client.ping()))
  tap.stop()
  for (const client of clients) client.socket.destroy()
  return {
    ...judge(world, clock, sent, got),
    ...lateness(late),
    steps: clock.segments.length - 1,
    deliveries: got.size,
  }
}

function lateness(late: readonly number[]): Pick<EndsReport, 'latestMs' | 'tooLate'> {
  const latest = late.reduce((most, one) => Math.max(most, one), 0)
  return { latestMs: Math.round(latest * 10) / 10, tooLate: late.filter((one) => one > ALLOWED_MS).length }
}

function judge(world: World, clock: SetClock, sent: readonly Sent[], got: ReadonlySet<string>) {
  const of = Map.groupBy(
    world.shares.flatMap((share) => [...share.devices.keys()].map((id) => ({ id, share }))),
    ({ id }) => id,
  )
  let missing = 0
  for (const { deviceId, seq, from, until } of sent) {
    for (const { share } of of.get(deviceId) ?? []) {
      // Acknowledged, and still in the queue of a reader that is slow: an end that comes then is kept, too.
      const isDue = clock.wasBefore(share.until ?? 0, from, until + ALLOWED_MS)
      if (isDue && !got.has(`${share.accountId} ${deviceId} ${seq}`)) missing += 1
    }
  }
  const ends = world.shares.reduce((sum, { until }) => sum + passages(clock, until ?? 0), 0)
  return { shares: world.shares.length, ends, messages: sent.length, missing }
}

/** How often the wall clock went past the instant, by itself or at a stroke. */
function passages(clock: SetClock, instant: number): number {
  let count = 0
  let wasBefore = true
  for (const [index, { from, wall }] of clock.segments.entries()) {
    const end = wall + ((clock.segments[index + 1]?.from ?? performance.now()) - from)
    if ((wasBefore || wall < instant) && end >= instant) count += 1
    wasBefore = end < instant
  }
  return count
}

/** An hour forward, an hour back, within the three hours that the shares end in. */
async function stepNowAndThen(clock: SetClock, random: Random, until: number): Promise<void> {
  let band = 0
  while (performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 200 + random.below(1200)))
    const by = band === 0 ? random.pick([-1, 1]) : -band
    band += by
    clock.set(by * HOUR)
  }
}

/** One state of each device after the other, without a pause. */
async function sendOn(sender: Client, devices: World['devices'], until: number, sent: Sent[]): Promise<void> {
  while (performance.now() < until) {
    const batch: Sent[] = []
    const stored = devices.map((device) => {
      device.seq += 1
      const { id, seq } = device
      batch.push({ deviceId: id, seq, from: performance.now(), until: 0 })
      const sample = { kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'ups.load': seq } }
      return sender.publish(`v1/devices/${id}/state`, JSON.stringify(sample))
    })
    await Promise.all(stored)
    const done = performance.now()
    for (const one of batch) sent.push({ ...one, until: done })
  }
}

function makeWorld({ shares, seconds }: EndsOptions, random: Random, now: number): { world: World; agents: Agent[] } {
  const agents = Array.from({ length: SENDERS }, () => ({ id: random.uuid(), token: random.token() }))
  const companies = Array.from({ length: RECIPIENTS + 1 }, () => ({ id: random.uuid(), memberMask: 0 }))
  const accounts = companies.map(({ id: companyId }) => ({
    id: random.uuid(),
    companyId,
    role: 'owner' as const,
    active: true,
  }))
  const [owner, ...recipients] = accounts
  const [host] = companies
  if (!owner || !host) throw new Error('there is an owner')
  const devices = Array.from({ length: Math.ceil(shares / SHARES_PER_DEVICE) }, (_, index) => ({
    ...{ id: random.uuid(), companyId: host.id, agent: index % SENDERS },
    ...{ plan: 'advanced' as const, zone: 'UTC', seq: 0, shown: 0 },
  }))
  const end = () => now + (random.below(3) - 1) * HOUR + 500 + random.below(seconds * 1000)
  const world: World = {
    ...{ companies, accounts, devices, groups: [], guests: [] },
    shares: Array.from({ length: shares }, (_, index) => ({
      ...{ id: random.uuid(), companyId: host.id, createdBy: owner.id },
      accountId: recipients[index % RECIPIENTS]?.id ?? '',
      ...{ mask: 15, from: null, until: end(), windows: [], state: 'accepted' as const, suspended: false },
      // Five in a row are for five recipients, so that nobody is given a device twice.
      devices: new Map([[devices[Math.floor(index / SHARES_PER_DEVICE)]?.id ?? '', false]]),
    })),
    credentials: recipients.map(({ id: accountId }) => ({
      ...{ id: random.uuid(), kind: 'session' as const, accountId, token: random.token(), mask: EVERYTHING },
      ...{ devices: null, shareId: null, expiresAt: null, ended: false },
    })),
  }
  return { world, agents }
}
