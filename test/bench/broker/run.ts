// One measurement: connects, warms up, measures, waits for what is on its way, and counts what never came.
import { setTimeout as pause } from 'node:timers/promises'
import { cpuSecondsOf } from '../figures.ts'
import { type Layout, layoutOf, Ring } from './frames.ts'
import type { RunJob, RunResult } from './job.ts'
import { type Bounds, Publisher, Window } from './publisher.ts'
import { ask, each, type LoadSocket, openLoadSocket, signedIn } from './socket.ts'
import { Times, Viewer } from './viewer.ts'

/** Few: who may see 100,000 devices is let in when all of its rights have been read. */
const CONNECTING_AT_ONCE = 4
/** At full speed one in so many is timed; at a pace all are. */
const TIMED_OF = 32
const STALLED_MS = 4000
const WATCH_MS = 100
const WARM_MOST_MS = 15_000
/** At a pace: what could not be sent for longer than this is left out, and counted. */
const OWED_MS = 100

type Fleet = {
  readonly publishers: readonly Publisher[]
  readonly viewers: readonly Viewer[]
  readonly windows: readonly Window[]
  cut: number
  isEnding: boolean
}

export async function runJob(job: RunJob): Promise<RunResult> {
  const times = new Times(job.pace === 'full' ? TIMED_OF : 1)
  const fleet = await open(job, times)
  const watch = setInterval(forgiveWhenStalled(fleet), WATCH_MS)
  try {
    const drive = job.pace === 'full' ? driveByWindow(fleet) : driveByPace(fleet, job.pace.publishedPerSecond)
    await pause(job.warmMs)
    if (job.isEachTopicWarmed) await eachTopicSent(job, fleet)
    const before = takeStock(fleet, job)
    times.isTaking = true
    await pause(job.measureMs)
    times.isTaking = false
    const after = takeStock(fleet, job)
    const heldBack = await drive.stop()
    await drained(fleet)
    const fault = fleet.viewers.find((viewer) => viewer.fault)?.fault
    if (fault) throw fault
    return { ...differences(before, after), ...totals(job, fleet), heldBack, latencyMs: times.spread() }
  } finally {
    clearInterval(watch)
    fleet.isEnding = true
    for (const one of [...fleet.publishers, ...fleet.viewers]) one.end()
  }
}

async function open(job: RunJob, times: Times): Promise<Fleet> {
  const layout = layoutOf(job.publishers[0]?.topics[0]?.length ?? 0, job.payloadBytes, job.qos)
  const publishers: Publisher[] = []
  const fleet: Fleet = { publishers, viewers: [], windows: [], cut: 0, isEnding: false }
  const onClose = () => {
    if (!fleet.isEnding) fleet.cut += 1
  }
  const viewerSockets = await each(job.viewers, CONNECTING_AT_ONCE, (spec, index) =>
    connected(job, spec.login, onClose, { role: 'V', to: index }, spec.filter),
  )
  const viewers = viewerSockets.map((socket) => new Viewer(socket, layout, job.publishers.length, times))
  const publisherSockets = await each(job.publishers, CONNECTING_AT_ONCE, ({ login, to }) =>
    connected(job, login, onClose, { role: 'P', to: to.length > 1 ? ALL : (to[0] ?? 0) }),
  )
  const bounds = boundsOf(job, layout)
  const least = 2 * Math.max(bounds.burst, Math.ceil((2 * bounds.window) / publisherSockets.length), owedAtOnce(job))
  for (const [index, { topics, to }] of job.publishers.entries()) {
    const ring = new Ring(topics, layout, { payloadBytes: job.payloadBytes, sender: index, least })
    const socket = publisherSockets[index]
    if (!socket) throw new Error('a publisher has no socket')
    publishers.push(new Publisher(socket, ring, index, ofIndices(viewers, to)))
  }
  return Object.assign(fleet, { viewers, windows: windowsOf(job, publishers, viewers, bounds) })
}

/** Whoever sends to the same viewers shares a window. */
function windowsOf(
  job: RunJob,
  publishers: readonly Publisher[],
  viewers: readonly Viewer[],
  bounds: Bounds,
): Window[] {
  const byViewers = Map.groupBy(publishers.entries(), ([index]) => job.publishers[index]?.to.join() ?? '')
  return [...byViewers.values()].map((members) => {
    const to = job.publishers[members[0]?.[0] ?? 0]?.to ?? []
    return new Window(
      members.map(([, publisher]) => publisher),
      ofIndices(viewers, to),
      bounds,
    )
  })
}

function ofIndices<T>(all: readonly T[], indices: readonly number[]): T[] {
  return all.filter((_, index) => indices.includes(index))
}

const ALL = 0xffff

async function connected(
  job: RunJob,
  login: RunJob['viewers'][number]['login'],
  onClose: () => void,
  hello: { readonly role: 'P' | 'V'; readonly to: number },
  filter?: string,
): Promise<LoadSocket> {
  const wanted = filter === undefined ? undefined : { filter, qos: job.qos }
  const client = await (job.speaks === 'relay' ? openLoadSocket(job.port) : signedIn(job.port, login, wanted))
  if (job.speaks === 'relay') {
    await ask(client, Buffer.from([hello.role.charCodeAt(0), hello.to >> 8, hello.to & 255]), 1)
  }
  client.socket.on('close', onClose)
  return client
}

function boundsOf(job: RunJob, layout: Layout): Bounds {
  const isAnswered = job.qos === 1 && job.speaks === 'mqtt'
  return {
    window: Math.floor(job.windowBytes / layout.bytes),
    burst: job.burst,
    unanswered: isAnswered ? Math.max(job.unanswered, job.burst) : Number.POSITIVE_INFINITY,
  }
}

/** What a broker remembers of a topic it has learned by then: how long that takes is not what is measured here. */
async function eachTopicSent(job: RunJob, { publishers }: Fleet): Promise<void> {
  const until = performance.now() + WARM_MOST_MS
  const isCold = (publisher: Publisher, index: number) => publisher.sent < (job.publishers[index]?.topics.length ?? 0)
  while (performance.now() < until && publishers.some(isCold)) await pause(50)
}

/** What one publisher may have to make up for. */
function owedAtOnce({ pace, publishers }: RunJob): number {
  return pace === 'full' ? 0 : Math.ceil((pace.publishedPerSecond * OWED_MS) / 1000 / publishers.length)
}

function driveByWindow({ windows }: Fleet) {
  for (const window of windows) {
    window.isOpen = true
    window.topUp()
  }
  return {
    stop: async () => {
      for (const window of windows) window.isOpen = false
      return 0
    },
  }
}

/**
 * Each millisecond what is due, from one publisher after the other, whatever has come of the others; stamped when it is
 * really sent. What is due because this process was held up is made up for at twice the pace, not in one heap.
 */
function driveByPace({ publishers }: Fleet, perSecond: number) {
  const portion = Math.ceil((perSecond * 2) / 1000)
  let [heldBack, planned, turn] = [0, 0, 0]
  const began = performance.now()
  const timer = setInterval(() => {
    const owed = Math.floor(((performance.now() - began) / 1000) * perSecond) - planned
    const forgotten = Math.max(0, owed - Math.ceil((perSecond * OWED_MS) / 1000))
    let due = Math.min(owed - forgotten, portion)
    planned += forgotten + due
    heldBack += forgotten
    const eachSends = Math.max(1, Math.ceil(due / publishers.length))
    while (due > 0) {
      const count = Math.min(eachSends, due)
      heldBack += count - (publishers[turn]?.send(count) ?? 0)
      turn = (turn + 1) % publishers.length
      due -= count
    }
  }, 1)
  return {
    stop: async () => {
      clearInterval(timer)
      return heldBack
    },
  }
}

function takeStock({ publishers, viewers }: Fleet, { brokerPid }: RunJob) {
  const own = process.cpuUsage()
  const sum = <T>(of: readonly T[], what: (one: T) => number) => of.reduce((total, one) => total + what(one), 0)
  return {
    at: performance.now(),
    received: sum(viewers, (viewer) => viewer.received),
    sent: sum(publishers, (publisher) => publisher.sent),
    writes: sum(publishers, (publisher) => publisher.writes),
    brokerCpu: cpuSecondsOf(brokerPid),
    loadCpu: (own.user + own.system) / 1e6,
  }
}

type Stock = ReturnType<typeof takeStock>

function differences(before: Stock, after: Stock) {
  const seconds = (after.at - before.at) / 1000
  const delivered = after.received - before.received
  const brokerCpuSeconds = after.brokerCpu - before.brokerCpu
  return {
    seconds,
    delivered,
    deliveredPerSecond: delivered / seconds,
    brokerCpuSeconds,
    loadCpuSeconds: after.loadCpu - before.loadCpu,
    cpuMicrosPerMessage: (brokerCpuSeconds * 1e6) / delivered,
    publishedPerSecond: (after.sent - before.sent) / seconds,
    messagesPerWrite: (after.sent - before.sent) / (after.writes - before.writes),
  }
}

function totals(job: RunJob, { publishers, viewers, cut }: Fleet) {
  const due = publishers.reduce((sum, { sent }, index) => sum + sent * (job.publishers[index]?.to.length ?? 0), 0)
  const received = viewers.reduce((sum, viewer) => sum + viewer.received, 0)
  return { due, lost: due - received, outOfOrder: viewers.reduce((sum, viewer) => sum + viewer.outOfOrder, 0), cut }
}

async function drained({ publishers, viewers }: Fleet): Promise<void> {
  let [received, at] = [-1, performance.now()]
  while (publishers.some((publisher) => publisher.onTheWay > 0)) {
    const now = viewers.reduce((sum, viewer) => sum + viewer.received, 0)
    if (now !== received) [received, at] = [now, performance.now()]
    else if (performance.now() - at > STALLED_MS) return
    await pause(20)
  }
}

function forgiveWhenStalled({ windows, viewers }: Fleet): () => void {
  let [received, at] = [-1, performance.now()]
  return () => {
    const now = viewers.reduce((sum, viewer) => sum + viewer.received, 0)
    if (now !== received) [received, at] = [now, performance.now()]
    else if (performance.now() - at > STALLED_MS) {
      at = performance.now()
      for (const window of windows) window.forgive()
    }
  }
}
