// A process beside the fuzzer: asks for the broker's health all the time, and is the tenant that must not notice anything.
// Forked by run.ts. Its own event loop is idle, so that what it measures is the broker and the machine, not the fuzzer.
import { setTimeout as pause } from 'node:timers/promises'
import { openWire } from '../bench/wire.ts'
import { deviceTopic } from './fine.ts'

export type WatchOrder = {
  readonly mqttPort: number
  readonly metricsUrl: string
  readonly agent: { readonly id: string; readonly token: string; readonly deviceId: string }
  readonly viewerToken: string
}

export type WatchReport = {
  /** Milliseconds of every answer of /healthz. */
  readonly health: readonly number[]
  /** Without an answer, or with another one than 200. */
  readonly unhealthy: number
  readonly published: number
  readonly delivered: number
  /** Milliseconds from PUBLISH to delivery, of what is stored first and of what is not. */
  readonly stored: readonly number[]
  readonly live: readonly number[]
  /** What the canary got that it should not have, or in another order. */
  readonly wrong: readonly string[]
}

const HEALTH_EVERY_MS = 50
const PUBLISH_EVERY_MS = 50
const FENCE_WITHIN_MS = 30_000

/** A topic of the canary's: counted from 1, each number once and in order. */
class Series {
  readonly topic: string
  readonly delays: number[] = []
  published = 0
  delivered = 0
  readonly #sentAt = new Map<number, number>()

  constructor(topic: string) {
    this.topic = topic
  }

  next(): number {
    this.published += 1
    this.#sentAt.set(this.published, performance.now())
    return this.published
  }

  /** What is wrong with it, if anything. */
  take(seq: number): string | undefined {
    const wrong = seq === this.delivered + 1 ? undefined : `${seq} after ${this.delivered} on ${this.topic}`
    this.delivered = seq
    this.delays.push(performance.now() - (this.#sentAt.get(seq) ?? Number.NaN))
    this.#sentAt.delete(seq)
    return wrong
  }
}

async function watch(order: WatchOrder, whenStopped: Promise<void>): Promise<WatchReport> {
  const { agent, viewerToken, mqttPort, metricsUrl } = order
  const stored = new Series(deviceTopic(agent.deviceId, 'state'))
  const live = new Series(deviceTopic(agent.deviceId, 'live'))
  const wrong: string[] = []
  let isRunning = true
  void whenStopped.then(() => {
    isRunning = false
  })
  const viewer = await openWire(
    mqttPort,
    { clientId: 'canary-viewer', username: 'canary', password: viewerToken },
    (bytes, topicFrom, payloadFrom, end) => {
      const topicEnd = topicFrom + bytes.readUInt16BE(topicFrom - 2)
      const topic = bytes.toString('latin1', topicFrom, topicEnd)
      const series = [stored, live].find((one) => one.topic === topic)
      const seq = Number(/"seq":(\d+)/.exec(bytes.toString('latin1', payloadFrom, end))?.[1])
      const mistake = series ? series.take(seq) : `a message on ${topic}`
      if (mistake) wrong.push(mistake)
    },
  )
  await viewer.subscribe('v1/devices/#', 1)
  const username = `agent:${agent.id}`
  const publisher = await openWire(mqttPort, { clientId: 'canary-agent', username, password: agent.token })
  for (const { socket } of [viewer, publisher]) {
    socket.on('close', () => isRunning && wrong.push('a connection of the canary was closed'))
    socket.on('error', () => {})
  }

  const asked = askForHealth(metricsUrl, () => isRunning)
  const publish = () => {
    const sample = { kind: 'values', seq: stored.next(), at: Date.now(), status: 'OL', variables: { 'ups.load': 1 } }
    publisher.publish(stored.topic, JSON.stringify(sample))
    publisher.publish(live.topic, JSON.stringify({ seq: live.next() }))
  }
  while (isRunning) {
    publish()
    await pause(PUBLISH_EVERY_MS)
  }
  const { health, unhealthy } = await asked
  // The last one is the fence: when it is there and acknowledged, nothing before it is missing.
  publish()
  const until = performance.now() + FENCE_WITHIN_MS
  const missing = () =>
    publisher.unacknowledged() + [stored, live].reduce((sum, one) => sum + one.published - one.delivered, 0)
  while (missing() > 0 && performance.now() < until) await pause(20)
  if (missing() > 0) wrong.push(`${missing()} unacknowledged or undelivered at the end`)
  viewer.end()
  publisher.end()
  const sums = { published: stored.published + live.published, delivered: stored.delivered + live.delivered }
  return { ...sums, health, unhealthy, stored: stored.delays, live: live.delays, wrong }
}

async function askForHealth(metricsUrl: string, isRunning: () => boolean) {
  const health: number[] = []
  let unhealthy = 0
  while (isRunning()) {
    const began = performance.now()
    const isFine = await fetch(`${metricsUrl}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
      async (response) => (await response.text()) === 'ok\n',
      () => false,
    )
    health.push(performance.now() - began)
    if (!isFine) unhealthy += 1
    await pause(HEALTH_EVERY_MS)
  }
  return { health, unhealthy }
}

// The broker may be what has ended: then there is nobody to be asked, and the fuzzer says so.
process.once('message', (order: WatchOrder) => {
  const stopped = new Promise<void>((resolve) => void process.once('message', () => resolve()))
  process.once('disconnect', () => process.exit(1))
  watch(order, stopped).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
