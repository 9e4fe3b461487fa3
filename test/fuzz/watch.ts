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
  /** Milliseconds from PUBLISH to delivery. */
  readonly delays: readonly number[]
  /** What the canary got that it should not have, or in another order. */
  readonly wrong: readonly string[]
}

const HEALTH_EVERY_MS = 50
const PUBLISH_EVERY_MS = 50
const FENCE_WITHIN_MS = 30_000

async function watch(order: WatchOrder, whenStopped: Promise<void>): Promise<WatchReport> {
  const { agent, viewerToken, mqttPort, metricsUrl } = order
  const report = { health: [] as number[], delays: [] as number[], wrong: [] as string[] }
  const counts = { unhealthy: 0, published: 0, delivered: 0 }
  const sentAt = new Map<number, number>()
  let isRunning = true
  void whenStopped.then(() => {
    isRunning = false
  })
  const topic = deviceTopic(agent.deviceId, 'state')
  const viewer = await openWire(
    mqttPort,
    { clientId: 'canary-viewer', username: 'canary', password: viewerToken },
    (bytes, topicFrom, payloadFrom, end) => {
      const name = bytes.toString('latin1', topicFrom, topicFrom + topic.length)
      const seq = Number(/"seq":(\d+)/.exec(bytes.toString('latin1', payloadFrom, end))?.[1])
      if (name !== topic) report.wrong.push(`a message on ${name}`)
      else if (seq !== counts.delivered + 1) report.wrong.push(`sequence ${seq} after ${counts.delivered}`)
      counts.delivered = seq
      report.delays.push(performance.now() - (sentAt.get(seq) ?? Number.NaN))
      sentAt.delete(seq)
    },
  )
  await viewer.subscribe('v1/devices/+/state', 1)
  const publisher = await openWire(mqttPort, {
    clientId: 'canary-agent',
    username: `agent:${agent.id}`,
    password: agent.token,
  })
  for (const { socket } of [viewer, publisher]) {
    socket.on('close', () => isRunning && report.wrong.push('a connection of the canary was closed'))
    socket.on('error', () => {})
  }

  const asking = (async () => {
    while (isRunning) {
      const began = performance.now()
      const isFine = await fetch(`${metricsUrl}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
        async (response) => (await response.text()) === 'ok\n',
        () => false,
      )
      report.health.push(performance.now() - began)
      if (!isFine) counts.unhealthy += 1
      await pause(HEALTH_EVERY_MS)
    }
  })()
  const publish = () => {
    counts.published += 1
    sentAt.set(counts.published, performance.now())
    const sample = { kind: 'values', seq: counts.published, at: Date.now(), status: 'OL', variables: { 'ups.load': 1 } }
    publisher.publish(topic, JSON.stringify(sample))
  }
  while (isRunning) {
    publish()
    await pause(PUBLISH_EVERY_MS)
  }
  await asking
  // The last one is the fence: when it is there and acknowledged, nothing before it is missing.
  publish()
  const until = performance.now() + FENCE_WITHIN_MS
  const isMissing = () => counts.delivered < counts.published || publisher.unacknowledged() > 0
  while (isMissing() && performance.now() < until) await pause(20)
  if (isMissing())
    report.wrong.push(`${publisher.unacknowledged()} unacknowledged, ${sentAt.size} undelivered at the end`)
  viewer.end()
  publisher.end()
  return { ...report, ...counts }
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
