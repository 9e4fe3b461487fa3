// What is looked at from outside while the fuzzer runs: the broker's process, its memory, its log, its counters.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Part, startPart } from '../support/part.ts'
import type { WatchOrder, WatchReport } from './watch.ts'
import type { FuzzWorld } from './world.ts'

export type LogWatch = {
  readonly lines: () => number
  /** Lines at level error or above, and whatever is no line of the log. */
  readonly errors: readonly string[]
  /** Lines that hold a token. */
  readonly leaks: readonly string[]
}

export type WatchedBroker = {
  readonly part: Part
  readonly mqttPort: number
  readonly metricsUrl: string
  readonly log: LogWatch
  /** Resolves when the process ends that nobody has asked to. */
  readonly died: Promise<string>
  residentMb(): number
  counters(): Promise<Counters>
}

export type Counters = ReadonlyMap<string, number>

/** What keeps the fuzzer from being slowed down for being one machine; all other limits are those that everybody has. */
const LIMITS = {
  LIMIT_PUBLISHES_PER_SECOND_PER_AGENT: '1000000000',
  LIMIT_BYTES_PER_SECOND_PER_AGENT: '1000000000',
  LIMIT_LIVE_PER_SECOND_PER_DEVICE: '1000000000',
  LIMIT_BYTES_PER_SECOND_PER_CREDENTIAL: '1000000000',
} as const

export async function startWatchedBroker(
  databaseUrl: string,
  secrets: readonly string[],
  limits: Readonly<Record<string, string>> = LIMITS,
): Promise<WatchedBroker> {
  const part = await startPart(['broker'], {
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    LOG_LEVEL: 'info',
    ...limits,
  })
  const metricsUrl = part.ready.metrics ?? ''
  const { pid } = part.process
  return {
    part,
    mqttPort: Number(new URL(part.ready.mqtt ?? '').port),
    metricsUrl,
    log: watchLog(part, secrets),
    died: once(part.process, 'exit').then(([code, signal]) => `the broker ended with ${code ?? signal}`),
    residentMb: () => {
      const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      return Number(kb) / 1024
    },
    counters: async () => readCounters(await (await fetch(`${metricsUrl}/metrics`)).text()),
  }
}

function watchLog(part: Part, secrets: readonly string[]): LogWatch {
  const tokens = new Set(secrets)
  const watch = { count: 0, errors: [] as string[], leaks: [] as string[] }
  const look = (line: string) => {
    watch.count += 1
    const level = Number(/^\{"level":(\d+),/.exec(line)?.[1])
    // what is no line of the log was said by Node itself
    if (!(level < 50)) watch.errors.push(line.slice(0, 2000))
    const words = line.match(/[A-Za-z0-9_-]{20,}/g) ?? []
    if (words.some((word) => tokens.has(word))) watch.leaks.push(line.slice(0, 300))
  }
  for (const stream of [part.process.stdout, part.process.stderr]) {
    let rest = ''
    stream?.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') look(line)
    })
  }
  return { lines: () => watch.count, errors: watch.errors, leaks: watch.leaks }
}

/** By name and labels, as they stand in /metrics without our prefix. */
function readCounters(text: string): Counters {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^ridethrough_broker_([^ ]+) ([0-9.e+-]+)$/.exec(line)
    if (match?.[1]) found.set(match[1], Number(match[2]))
  }
  return found
}

/** What is counted under this name, by the value of its one label. */
export function byLabel(counters: Counters, name: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const [key, value] of counters) {
    const label = key.startsWith(`${name}{`) ? /="([^"]*)"/.exec(key)?.[1] : undefined
    if (label !== undefined && value > 0) found.set(label, value)
  }
  return found
}

export type Watcher = { stop(): Promise<WatchReport> }

/** Health and the canary, in a process of their own. */
export function startWatcher(broker: WatchedBroker, { canary }: FuzzWorld): Watcher {
  const child = fork(join(import.meta.dirname, 'watch.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = new Promise<WatchReport>((resolve, reject) => {
    child.once('message', (report: WatchReport) => resolve(report))
    child.once('exit', (code) => reject(new Error(`the watcher ended with ${code} and no report`)))
  })
  ended.catch(() => {})
  const { agent, viewer } = canary
  child.send({
    mqttPort: broker.mqttPort,
    metricsUrl: broker.metricsUrl,
    agent: { id: agent.agentId, token: agent.token, deviceId: agent.deviceIds[0] ?? '' },
    viewerToken: viewer.token,
  } satisfies WatchOrder)
  return {
    stop: () => {
      if (child.connected) child.send('stop')
      return ended
    },
  }
}
