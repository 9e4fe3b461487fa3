// R71 under load: revocations at a steady rate while messages flow; what comes after an answer, and how long answers take.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type BenchCloud, startBenchCloud, startBenchDatabase } from './cloud.ts'
import { cpuSecondsOf, printTable, spreadOf } from './figures.ts'
import type { Figures, Numbers } from './main.ts'
import { type Person, type SeededShare, seedDevices, seedGuests, seedPersons, seedShares, unguarded } from './seed.ts'
import { openWire, type Wire } from './wire.ts'

const SHARES_PER_DEVICE = 5
const HOT_DEVICES = 10
/** Devices whose turn comes within this time are published on, so that there is something to cut. */
const AROUND_MS = 500
const COLD_HZ = 10
const TICK_MS = 20
/** The first ones find cold processes: they are made at a quarter of the rate, checked like the others, and not timed. */
const WARMING = 200

/** A device as the load sees it. `sent` is the last sequence that was handed to the socket. */
type Source = { readonly topic: string; readonly wire: () => Wire; sent: number; nextAt: number }

export async function benchRevoke(numbers: Numbers): Promise<Figures> {
  const { revocations = 10_000, rate = 200, viewers: viewerCount = 100, hz = 25 } = numbers
  const database = await startBenchDatabase()
  let cloud: BenchCloud | undefined
  try {
    const deviceCount = Math.ceil(revocations / SHARES_PER_DEVICE)
    const world = await seed(database.db, deviceCount, viewerCount, revocations)
    cloud = await startBenchCloud(database)
    return await run(cloud, world, { rate, hz })
  } finally {
    await cloud?.stop()
    await database.stop()
  }
}

type World = Awaited<ReturnType<typeof seed>>

async function seed(db: BenchCloud['db'], deviceCount: number, viewerCount: number, revocations: number) {
  let seeded: Awaited<ReturnType<typeof fill>> | undefined
  const fill = async (tx: BenchCloud['db']) => {
    const [host, owner] = await seedPersons(tx, 'owner', 2)
    if (!host || !owner) throw new Error('no owners')
    const viewers = await seedPersons(tx, 'viewer', viewerCount)
    const hot = await seedDevices(tx, [host], 'Hot', { devices: HOT_DEVICES, perAgent: 1 })
    const cold = await seedDevices(tx, [owner], 'Cold', { devices: deviceCount, perAgent: 50 })
    await seedGuests(tx, host, viewers)
    const coldIds = cold.flatMap(({ deviceIds }) => deviceIds)
    const shares: SeededShare[] = Array.from({ length: revocations }, (_, index) => ({
      id: randomUUID(),
      deviceId: coldIds[Math.floor(index / SHARES_PER_DEVICE)] ?? '',
      from: owner,
      to: viewers[index % viewerCount] as Person,
    }))
    await seedShares(tx, shares)
    return { owner, viewers, hot, cold, shares }
  }
  await unguarded(db, async (tx) => {
    seeded = await fill(tx)
  })
  if (!seeded) throw new Error('nothing was made')
  return seeded
}

async function run(cloud: BenchCloud, world: World, { rate, hz }: { rate: number; hz: number }): Promise<Figures> {
  const { owner, viewers, hot, cold, shares } = world
  const port = Number(new URL(cloud.mqtt).port)
  const sources = new Map<string, Source>()
  const agents: Wire[] = []
  for (const agent of [...hot, ...cold]) {
    const wire = await openWire(port, {
      clientId: agent.agentId,
      username: `agent:${agent.agentId}`,
      password: agent.token,
    })
    agents.push(wire)
    for (const id of agent.deviceIds)
      sources.set(id, { topic: `v1/devices/${id}/state`, wire: () => wire, sent: 0, nextAt: 0 })
  }
  const hotIds = new Set(hot.flatMap(({ deviceIds }) => deviceIds))
  const seen = viewers.map(() => new Map<string, number>())
  const counts = { delivered: 0, gaps: 0, beforeCut: 0, onTheWay: 0, afterAnswer: 0 }
  const perSecond: number[] = []
  /** By viewer and device: the last sequence that had been sent when the answer came. */
  const cutAt = viewers.map(() => new Map<string, number>())
  const hadSome = new Set<string>()
  const readers: Wire[] = []
  for (const [index, viewer] of viewers.entries()) {
    const wire = await openWire(
      port,
      { clientId: `viewer-${index}`, username: 'viewer', password: viewer.token },
      (bytes, topicFrom, payloadFrom) => {
        const device = bytes.toString('latin1', topicFrom + 11, topicFrom + 47)
        const seq = sequenceIn(bytes, payloadFrom)
        counts.delivered += 1
        if (hotIds.has(device)) {
          const before = seen[index]?.get(device)
          if (before !== undefined && seq !== before + 1) counts.gaps += 1
          seen[index]?.set(device, seq)
          return
        }
        const cut = cutAt[index]?.get(device)
        if (cut === undefined) hadSome.add(`${index}:${device}`)
        else if (seq > cut) counts.afterAnswer += 1
        else counts.onTheWay += 1
      },
    )
    await wire.subscribe('v1/devices/+/state', 0)
    readers.push(wire)
  }

  const publish = (id: string) => {
    const source = sources.get(id)
    if (!source) return
    source.sent += 1
    source.wire().publish(source.topic, sample(source.sent))
  }
  const startAt = performance.now() + 2000
  const warming = Math.min(WARMING, shares.length / 2)
  const dueAt = (index: number) =>
    startAt + (Math.min(index, warming) * 4000 + Math.max(0, index - warming) * 1000) / rate
  const indexAt = (at: number) => {
    const units = ((at - startAt) * rate) / 1000
    return units < warming * 4 ? units / 4 : warming + units - warming * 4
  }
  let isRunning = true
  const load = (async () => {
    let hotDue = performance.now()
    let second = performance.now() + 1000
    let before = 0
    while (isRunning) {
      const now = performance.now()
      for (; hotDue <= now; hotDue += 1000 / hz) for (const id of hotIds) publish(id)
      const first = Math.max(0, Math.floor(indexAt(now - AROUND_MS)))
      const last = Math.min(shares.length - 1, Math.ceil(indexAt(now + AROUND_MS)))
      for (let index = first; index <= last; index += SHARES_PER_DEVICE) {
        const id = shares[index]?.deviceId ?? ''
        const source = sources.get(id)
        if (!source || source.nextAt > now) continue
        source.nextAt = now + 1000 / COLD_HZ
        publish(id)
      }
      if (now >= second) {
        perSecond.push(counts.delivered - before)
        before = counts.delivered
        second += 1000
      }
      await pause(TICK_MS)
    }
  })()

  const cpuBefore = processors(cloud)
  const began = performance.now()
  const times: number[] = []
  const edgeTimes: number[] = []
  let failures = 0
  const inFlight = new Set<Promise<void>>()
  for (const [index, share] of shares.entries()) {
    const wait = dueAt(index) - performance.now()
    if (wait > 0) await pause(wait)
    const viewer = index % viewers.length
    const one = (async () => {
      const response = await fetch(`${cloud.http}/api/v1/shares/${share.id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${owner.token}` },
      })
      const body = (await response.json()) as { access?: { ms: number } }
      // Counted from when it was due, so that a server that makes us wait does not hide it.
      if (index >= warming) times.push(performance.now() - dueAt(index))
      if (response.status !== 200) {
        failures += 1
        return
      }
      if (index >= warming) edgeTimes.push(body.access?.ms ?? Number.NaN)
      const key = `${viewer}:${share.deviceId}`
      if (hadSome.has(key)) counts.beforeCut += 1
      cutAt[viewer]?.set(share.deviceId, sources.get(share.deviceId)?.sent ?? 0)
    })().finally(() => inFlight.delete(one))
    inFlight.add(one)
  }
  await Promise.all(inFlight)
  const ended = performance.now()
  const seconds = (ended - began) / 1000
  const rateReached = (shares.length - warming) / ((ended - dueAt(warming)) / 1000)
  const cpu = processors(cloud).map((after, index) => after - (cpuBefore[index] ?? 0))
  await pause(2 * AROUND_MS)
  isRunning = false
  await load
  const sentHot = [...hotIds].map((id) => sources.get(id)?.sent ?? 0)
  // What is published last is the fence: when everybody has it, nothing older is on its way.
  for (let tries = 0; tries < 500 && !isLevel(seen, hotIds, sources); tries += 1) await pause(20)
  const missing = seen.reduce(
    (sum, of) => sum + [...hotIds].filter((id) => of.get(id) !== sources.get(id)?.sent).length,
    0,
  )
  for (const wire of [...agents, ...readers]) wire.end()

  const answer = spreadOf(times)
  const edges = spreadOf(edgeTimes)
  const flow = perSecond.slice(2, -1)
  printTable([
    ['revocations', 'per second', 'p50 ms', 'p99 ms', 'max ms'],
    ['answered (from when due)', rateReached, answer.p50, answer.p99, answer.max],
    ['of it, waiting for the edges', '', edges.p50, edges.p99, edges.max],
  ])
  console.log()
  printTable([
    ['messages', 'count'],
    ['delivered', counts.delivered],
    ['delivered per second, mean', Math.round(flow.reduce((sum, one) => sum + one, 0) / flow.length)],
    ['delivered per second, least', Math.min(...flow)],
    ['shares that had delivered something before they were revoked', counts.beforeCut],
    ['published before an answer, arrived after it (on the way in the kernel)', counts.onTheWay],
    ['published after an answer and delivered all the same', counts.afterAnswer],
    ['gaps in the other subscriptions of the same clients', counts.gaps],
    ['other subscriptions that lack the last message', missing],
    ['requests that failed', failures],
  ])
  console.log()
  printTable([
    ['processor seconds per second', 'broker', 'api', 'postgres', 'this load'],
    ['', ...cpu.map((one) => one / seconds)],
  ])
  return { answer, edges, counts, flow, missing, failures, cpu, seconds, sentHot }
}

function isLevel(
  seen: readonly ReadonlyMap<string, number>[],
  ids: ReadonlySet<string>,
  sources: ReadonlyMap<string, Source>,
): boolean {
  return seen.every((of) => [...ids].every((id) => of.get(id) === sources.get(id)?.sent))
}

function processors(cloud: BenchCloud): number[] {
  return [cloud.brokerPid, cloud.apiPid, cloud.postgresPid]
    .map(cpuSecondsOf)
    .concat(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6)
}

function sample(seq: number): string {
  return `{"kind":"values","seq":${seq},"at":${Date.now()},"status":"OL","variables":{"battery.charge":98,"battery.runtime":2840,"battery.voltage":27.3,"input.voltage":231.4,"input.frequency":50,"output.voltage":230.1,"ups.load":37,"ups.temperature":29.5}}`
}

const SEQ_AT = '{"kind":"values","seq":'.length

function sequenceIn(bytes: Buffer, payloadFrom: number): number {
  let value = 0
  for (let at = payloadFrom + SEQ_AT; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return value
    value = value * 10 + digit
  }
}
