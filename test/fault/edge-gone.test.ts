// R71, R72: an edge is stopped, cut off from PostgreSQL or killed while a share is revoked through the API. The answer comes
// within the lease's time, and after it that edge gives nothing more to whom the share was taken from, then or later.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { startApi } from '@ridethrough/api/main.ts'
import { LEASE_MS, LEASE_WAIT_MS, waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { sql } from 'kysely'
import mqtt from 'mqtt'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { Inbox, type Reader, readMqtt, watchLive } from '../support/caller.ts'
import { testDatabase } from '../support/database.ts'
import { type Part, startPart } from '../support/part.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '../support/world.ts'
import { type DatabaseLine, startDatabaseLine } from './database-line.ts'

/** For two cores that others use too; the wait itself is LEASE_WAIT_MS. */
const MARGIN_MS = 4000
const STATES = 'v1/devices/+/state'
const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

type Stage = Awaited<ReturnType<typeof setTheStage>>

/** An API that stays well, and an edge as a process of its own, which gets to its database by a line that can be cut. */
async function setTheStage(part: 'broker' | 'api') {
  const database = await testDatabase()
  stops.push(database.stop)
  const { db } = database
  const env = { SECRET_KEY: 'a key that only tests are sealed with', HOST: '127.0.0.1', SETUP: 'open' }
  const ports = { HTTP_PORT: '0', METRICS_PORT: '0' }
  const log = pino({ level: 'silent' })
  const api = await startApi(readApiConfig({ ...env, ...ports, DATABASE_URL: database.url }), log)
  stops.push(api.stop)
  const listener = await Listener.start(database.url, log)
  stops.push(() => listener.stop())
  const line = await startDatabaseLine(database.url)
  stops.push(line.stop)
  const mqttPort = `${await freePort()}`
  const start = () => startPart([part], { ...env, ...ports, DATABASE_URL: line.url, MQTT_PORT: mqttPort })
  const edge = await start()
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const share = await makeShare(db, ann, bob, [rack])
  await waitForEdges(db, listener, share.version, systemClock)
  return { db, api, line, mqttPort, start, edge, ann, bob, agent, rack, share }
}

/** What the API answers to the revoke, and how long it took. */
async function revoke({ api, ann, share }: Stage): Promise<{ report: EdgeReport; ms: number }> {
  const started = performance.now()
  const answer = await fetch(`${api.httpUrl}/api/v1/shares/${share.shareId}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ann.token}` },
  })
  const ms = performance.now() - started
  expect(answer.status).toBe(200)
  return { report: ((await answer.json()) as { access: EdgeReport }).access, ms }
}

/** An agent that goes on sending, over however many connections: what it is not told to be stored it sends again. */
function startAgent({ mqttPort, agent, rack }: Stage) {
  const client = mqtt.connect(`mqtt://127.0.0.1:${mqttPort}`, {
    username: `agent:${agent.agentId}`,
    password: agent.token,
    clientId: 'device',
    reconnectPeriod: 200,
    connectTimeout: 2000,
  })
  client.on('error', () => {})
  stops.push(() => client.endAsync(true))
  const topic = deviceTopic(rack, 'state')
  return {
    publish: (seq: number) =>
      client.publishAsync(
        topic,
        JSON.stringify({ kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'ups.load': seq } }),
        { qos: 1 },
      ),
  }
}

/** People are let in again only once the edge has caught up. */
async function read(stage: Stage, person: Person, messages: { text: string }[]): Promise<Reader> {
  const { promise, resolve } = Promise.withResolvers<Reader>()
  await expect
    .poll(
      async () => {
        const reader = await readMqtt(`mqtt://127.0.0.1:${stage.mqttPort}`, person.token, [STATES]).catch(
          () => undefined,
        )
        if (reader) resolve(reader)
        return reader !== undefined
      },
      { timeout: 30_000, interval: 200 },
    )
    .toBe(true)
  const reader = await promise
  stops.push(reader.stop)
  messages.push(...reader.messages.all)
  reader.client.on('message', (_topic, payload) => messages.push({ text: payload.toString() }))
  return reader
}

const seqIs = (seq: number) => (message: { text: string }) => message.text.includes(`"seq":${seq},`)

type Fault = (edge: Part, line: DatabaseLine) => Promise<void> | void
type Mending = (stage: Stage) => Promise<void> | void

const FAULTS: readonly (readonly [name: string, begin: Fault, mend: Mending])[] = [
  ['stopped', (edge) => void edge.process.kill('SIGSTOP'), ({ edge }) => void edge.process.kill('SIGCONT')],
  ['cut off from PostgreSQL', (_edge, line) => line.cut(), ({ line }) => line.mend()],
  ['left with connections that hang', (_edge, line) => line.hang(), ({ line }) => line.mend()],
  [
    'killed',
    (edge) => edge.kill(),
    async ({ start }) => {
      const again = await start()
      stops.push(() => again.stop())
    },
  ],
]

test.each(FAULTS)(
  'a broker is %s: the revoke is answered in time, and nothing comes after it [R71 R72]',
  async (_name, begin, mend) => {
    const stage = await setTheStage('broker')
    stops.push(() => stage.edge.kill())
    const agent = startAgent(stage)
    const toBob: { text: string }[] = []
    const toAnn: { text: string }[] = []
    await read(stage, stage.bob, toBob)
    const owner = await read(stage, stage.ann, toAnn)
    await agent.publish(1)
    await owner.messages.first(seqIs(1))
    await expect.poll(() => toBob.some(seqIs(1))).toBe(true)

    await begin(stage.edge, stage.line)
    // On its way before the revoke: stored, if at all, when the edge is well again.
    const second = agent.publish(2)
    const { report, ms } = await revoke(stage)
    expect(report.edges).toContainEqual(expect.objectContaining({ kind: 'broker', outcome: 'fenced' }))
    expect(ms).toBeGreaterThanOrEqual(LEASE_MS)
    expect(ms).toBeLessThan(LEASE_WAIT_MS + MARGIN_MS)
    const had = toBob.length

    await mend(stage)
    await second
    await agent.publish(3)
    const back = await read(stage, stage.ann, toAnn)
    await read(stage, stage.bob, toBob)
    await agent.publish(4)
    // The owner has it, so it has been handed to everybody.
    await back.messages.first(seqIs(4))
    expect(toBob.slice(had)).toEqual([])
  },
  120_000,
)

test.each(FAULTS.slice(0, 3))(
  'an API is %s: who watches there is shown nothing after the answer [R71 R72]',
  async (_name, begin, mend) => {
    const stage = await setTheStage('api')
    stops.push(() => stage.edge.kill())
    const broker = await startPart(['broker'], { ...quiet(stage), DATABASE_URL: await direct(stage) })
    stops.push(() => broker.stop())
    const agent = startAgent(stage)
    const http = stage.edge.ready.http ?? ''
    const viewer = await watchLive(http, stage.bob.token)
    stops.push(viewer.stop)
    await viewer.events.first(({ type }) => type === 'snapshot')
    await agent.publish(1)
    await viewer.events.first((event) => event.type === 'state' && event.state.seq === 1)

    await begin(stage.edge, stage.line)
    await agent.publish(2)
    const { report, ms } = await revoke(stage)
    expect(report.edges).toContainEqual(expect.objectContaining({ kind: 'api', outcome: 'fenced' }))
    expect(ms).toBeLessThan(LEASE_WAIT_MS + MARGIN_MS)
    const had = viewer.events.all.length

    await mend(stage)
    await agent.publish(3)
    const owner = await watchAgain(http, stage.ann)
    await agent.publish(4)
    await owner.first((seq) => seq === 4)
    const shown = viewer.events.all.slice(had).filter(({ type }) => type === 'state' || type === 'snapshot')
    expect(shown).toEqual([])
  },
  120_000,
)

function quiet({ mqttPort }: Stage) {
  return { HOST: '127.0.0.1', MQTT_PORT: mqttPort, METRICS_PORT: '0' }
}

/** The database itself, past the line. */
async function direct({ db }: Stage): Promise<string> {
  const { rows } = await sql<{ name: string; folder: string }>`
    select current_database() as name, current_setting('unix_socket_directories') as folder`.execute(db)
  return `postgresql://postgres@localhost/${rows[0]?.name}?host=${encodeURIComponent(rows[0]?.folder ?? '')}`
}

/** Sequence numbers that the owner is shown, once the edge lets anybody in again. */
async function watchAgain(http: string, owner: Person): Promise<Inbox<number>> {
  const seen = new Inbox<number>()
  await expect
    .poll(
      async () => {
        const viewer = await watchLive(http, owner.token).catch(() => undefined)
        if (!viewer) return false
        stops.push(viewer.stop)
        const first = await viewer.events.first(({ type }) => type === 'snapshot', 0, 1000).catch(() => undefined)
        if (!first) return false
        viewer.socket.on('message', (data) => {
          const event = JSON.parse(String(data))
          if (event.type === 'state') seen.add(event.state.seq)
        })
        return true
      },
      { timeout: 30_000, interval: 300 },
    )
    .toBe(true)
  return seen
}

/** A broker that is killed and comes back must be found where it was. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
