// One tenant's agent publishes as fast as it can: what another tenant's messages take meanwhile.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startWatchedBroker } from '../fuzz/watched.ts'
import { type BenchDatabase, startBenchDatabase } from './cloud.ts'
import { printTable, type Spread, spreadOf } from './figures.ts'
import type { FirehoseOrder } from './firehose.ts'
import type { Figures, Numbers } from './main.ts'
import { type Person, type SeededAgent, seedDevices, seedPersons, unguarded } from './seed.ts'
import { openWire } from './wire.ts'

const UNLIMITED = {
  LIMIT_LIVE_PER_SECOND_PER_DEVICE: '1000000000',
  LIMIT_PUBLISHES_PER_SECOND_PER_AGENT: '1000000000',
  LIMIT_BYTES_PER_SECOND_PER_AGENT: '1000000000',
} as const

type Tenant = { readonly person: Person; readonly agent: SeededAgent }
type Row = {
  readonly what: string
  readonly live: Spread
  readonly stored: Spread
  readonly missing: number
  readonly firehosePerSecond: number
}

export async function benchFair(numbers: Numbers): Promise<Figures> {
  const { seconds = 10, hz = 50, bytes = 200 } = numbers
  const database = await startBenchDatabase()
  try {
    const [greedy, modest] = await seed(database)
    const rows: Row[] = []
    for (const [what, limits, isGreedy] of [
      ['alone', {}, false],
      ['beside a firehose, limits as they are', {}, true],
      ['beside a firehose without limits', UNLIMITED, true],
      ['alone again', {}, false],
    ] as const) {
      const broker = await startWatchedBroker(database.url, [], limits)
      const firehose = isGreedy ? await startFirehose(broker.mqttPort, greedy, bytes) : undefined
      const measured = await measure(broker.mqttPort, modest, { ms: seconds * 1000, hz })
      const sent = (await firehose?.stop()) ?? 0
      rows.push({ what, ...measured, firehosePerSecond: sent / seconds })
      await broker.part.stop()
    }
    show(rows)
    return { rows }
  } finally {
    await database.stop()
  }
}

async function seed({ db }: BenchDatabase): Promise<readonly [Tenant, Tenant]> {
  const made: Tenant[] = []
  await unguarded(db, async (tx) => {
    const persons = await seedPersons(tx, 'tenant', 2)
    const agents = await seedDevices(tx, persons, 'Device', { devices: 1, perAgent: 1 })
    for (const agent of agents) made.push({ person: agent.owner, agent })
  })
  const [greedy, modest] = made
  if (!greedy || !modest) throw new Error('no tenants')
  return [greedy, modest]
}

async function startFirehose(port: number, { agent }: Tenant, bytes: number): Promise<{ stop(): Promise<number> }> {
  const child = fork(join(import.meta.dirname, 'firehose.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const order: FirehoseOrder = {
    port,
    agentId: agent.agentId,
    token: agent.token,
    topic: `v1/devices/${agent.deviceIds[0]}/live`,
    bytes,
  }
  child.send(order)
  await once(child, 'message')
  return {
    stop: async () => {
      const said = once(child, 'message')
      child.send('stop')
      return Number((await said)[0])
    },
  }
}

async function measure(port: number, { person, agent }: Tenant, load: { readonly ms: number; readonly hz: number }) {
  const topics = ['live', 'state'].map((suffix) => `v1/devices/${agent.deviceIds[0]}/${suffix}`)
  const delays: Record<string, number[]> = { live: [], state: [] }
  let delivered = 0
  // The database has the samples of the rows before: sequences go on above them.
  const first = Date.now()
  const viewer = await openWire(
    port,
    { clientId: 'viewer', username: 'viewer', password: person.token },
    (bytes, topicFrom, payloadFrom, end) => {
      const topic = bytes.toString('latin1', topicFrom, topicFrom + bytes.readUInt16BE(topicFrom - 2))
      const found = /"seq":(\d+).*"ups.load":([0-9.]+)/.exec(bytes.toString('latin1', payloadFrom, end))
      // What is kept from the row before is shown first.
      if (!found || Number(found[1]) <= first) return
      delays[topic.endsWith('/live') ? 'live' : 'state']?.push(performance.now() - Number(found[2]))
      delivered += 1
    },
  )
  await viewer.subscribe('v1/devices/#', 1)
  const publisher = await openWire(port, {
    clientId: 'agent',
    username: `agent:${agent.agentId}`,
    password: agent.token,
  })
  const began = performance.now()
  let sent = 0
  while (performance.now() - began < load.ms) {
    for (const now = performance.now(); began + (sent * 1000) / load.hz <= now; ) {
      sent += 1
      const variables = { 'ups.load': performance.now() }
      const sample = { kind: 'values', seq: first + sent, at: Date.now(), status: 'OL', variables }
      for (const topic of topics) publisher.publish(topic, JSON.stringify(sample))
    }
    await pause(5)
  }
  const until = performance.now() + 30_000
  while (delivered < 2 * sent && performance.now() < until) await pause(10)
  viewer.end()
  publisher.end()
  return {
    live: spreadOf(delays.live ?? []),
    stored: spreadOf(delays.state ?? []),
    missing: Math.max(0, 2 * sent - delivered),
  }
}

function show(rows: readonly Row[]): void {
  printTable([
    ['another tenant', 'live p50 ms', 'p99', 'max', 'stored p50 ms', 'p99', 'max', 'missing', 'firehose/s'],
    ...rows.map(({ what, live, stored, missing, firehosePerSecond }) => [
      ...[what, live.p50, live.p99, live.max, stored.p50, stored.p99, stored.max],
      ...[missing, Math.round(firehosePerSecond)],
    ]),
  ])
}
