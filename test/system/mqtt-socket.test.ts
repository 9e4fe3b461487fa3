// MQTT over WebSocket on the web port, plain and by TLS: the same rights as on the broker's own port, and the client's own address.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { type RunningApi, startApi } from '@ridethrough/api/main.ts'
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { startBroker } from '@ridethrough/broker/main.ts'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeAuthority, testFolder } from '../support/certificates.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, revokeShare, type TestAgent } from '../support/world.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

type Line = { readonly msg: string; readonly [key: string]: unknown }

async function startBoth(more: Record<string, string> = {}, ofBroker: Record<string, string> = {}) {
  const env = {
    DATABASE_URL: database.url,
    HOST: '127.0.0.1',
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    HTTP_PORT: '0',
    SECRET_KEY: 'x'.repeat(32),
    LOG_LEVEL: 'silent',
  }
  const lines: Line[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const broker = await startBroker(readBrokerConfig({ ...env, TRUSTED_PROXIES: '127.0.0.1', ...ofBroker }), log)
  onTestFinished(() => broker.stop())
  const api = await startApi(readApiConfig({ ...env, MQTT_URL: broker.mqttUrl, ...more }), pino({ level: 'silent' }))
  onTestFinished(() => api.stop())
  return { broker, api, lines }
}

async function visit(url: string, options: IClientOptions): Promise<MqttClient & { got: string[] }> {
  const client = mqtt.connect(url, {
    reconnectPeriod: 0,
    clientId: `test-${Math.random().toString(36).slice(2)}`,
    ...options,
  })
  onTestFinished(() => void client.end(true))
  const got: string[] = []
  client.on('message', (topic, payload) => got.push(`${topic} ${payload}`))
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed')))
  })
  client.on('error', () => {})
  return Object.assign(client, { got })
}

const socketOf = ({ httpUrl }: RunningApi) => `${httpUrl.replace(/^http/, 'ws')}/mqtt`
const asAgent = (url: string, { agentId, token }: TestAgent) =>
  visit(url, { username: `agent:${agentId}`, password: token })
const state = (seq: number) => JSON.stringify({ kind: 'values', seq, at: Date.now(), status: 'OL', variables: {} })

test('a viewer over WebSocket gets what it may see, and nothing once the share was revoked', async () => {
  const { db } = database
  const { broker, api } = await startBoth()
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  await makeDevice(db, ann, agent, 'Hidden')
  const share = await makeShare(db, ann, bob, [rack])
  const listener = await Listener.start(database.url, pino({ level: 'silent' }))
  onTestFinished(() => listener.stop())
  await waitForEdges(db, listener, share.version, systemClock)
  const sender = await asAgent(broker.mqttUrl, agent)
  const viewer = await visit(socketOf(api), { username: 'bob', password: bob.token })
  await viewer.subscribeAsync(['v1/devices/+/state', 'v1/errors'], { qos: 1 })
  await sender.publishAsync(deviceTopic(rack, 'state'), state(1), { qos: 1 })
  await expect.poll(() => viewer.got.length).toBe(1)
  await waitForEdges(db, listener, await revokeShare(db, share, bob), systemClock)
  await sender.publishAsync(deviceTopic(rack, 'state'), state(2), { qos: 1 })
  await viewer.publishAsync('a/b', 'fence', { qos: 1 })
  await expect.poll(() => viewer.got.length).toBe(2)
  expect(viewer.got[1]).toContain('v1/errors')
})

test('wrong credentials are answered as on the broker’s own port', async () => {
  const { api } = await startBoth()
  await expect(visit(socketOf(api), { username: 'a', password: 'wrong' })).rejects.toMatchObject({ code: 4 })
})

test('the broker sees the address of the client, not of the API', async () => {
  const { api, lines } = await startBoth({ TRUST_PROXY: '127.0.0.1' })
  const wsOptions = { headers: { 'x-forwarded-for': '192.0.2.44' } }
  await asAgentBehind(api, wsOptions)
  expect(lines.find(({ msg }) => msg === 'a new agent has enrolled itself')).toMatchObject({ address: '192.0.2.44' })
})

test('a header that no proxy of ours has set is not believed', async () => {
  const { api, lines } = await startBoth()
  await asAgentBehind(api, { headers: { 'x-forwarded-for': '192.0.2.44' } })
  expect(lines.find(({ msg }) => msg === 'a new agent has enrolled itself')).toMatchObject({ address: '127.0.0.1' })
})

async function asAgentBehind(api: RunningApi, wsOptions: { headers: Record<string, string> }): Promise<void> {
  const client = await visit(socketOf(api), {
    username: `agent:${randomUUID()}`,
    password: 'a token of good length',
    wsOptions,
  })
  await client.endAsync()
}

test('over TLS as well', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const { certPath, keyPath, ca } = makeAuthority(testFolder())
  const { api } = await startBoth({ TLS_CERT: certPath, TLS_KEY: keyPath })
  expect(socketOf(api)).toMatch(/^wss:/)
  const client = await visit(socketOf(api), { username: 'ann', password: ann.token, ca: readFileSync(ca) })
  await client.subscribeAsync('v1/errors', { qos: 1 })
  await client.publishAsync('a/b', 'fence', { qos: 1 })
  await expect.poll(() => client.got.length).toBe(1)
})

test.each([
  ['without the subprotocol', undefined, undefined, 1002],
  ['with a text frame', 'mqtt', 'hello', 1003],
  ['with bytes that are no MQTT', 'mqtt', Buffer.from('GET / HTTP/1.1'), 1000],
])('a WebSocket %s is closed', async (_, protocol, frame, code) => {
  const { api } = await startBoth()
  const socket = new WebSocket(socketOf(api), protocol ?? [])
  if (frame !== undefined) socket.once('open', () => socket.send(frame))
  const [closed] = await once(socket, 'close')
  expect(closed).toBe(code)
})

test('a broker that is gone, or that does not list the API, closes the WebSocket; both ends go on', async () => {
  const { api, broker } = await startBoth({}, { TRUSTED_PROXIES: '' })
  const ann = await makePerson(database.db, 'Ann')
  const credentials = { username: 'ann', password: ann.token }
  await expect(visit(socketOf(api), credentials)).rejects.toThrow()
  await broker.stop()
  const socket = new WebSocket(socketOf(api), 'mqtt')
  const [code] = await once(socket, 'close')
  expect(code).toBe(1013)
  expect((await fetch(`${api.httpUrl}/healthz`)).status).toBe(200)
  expect((await fetch(`${api.httpUrl}/mqtt`)).status).toBe(406)
})

test('who goes is gone at the broker too', async () => {
  const { db } = database
  const { api } = await startBoth()
  const agent = await makeAgent(db)
  const client = await asAgent(socketOf(api), agent)
  const online = async () =>
    (await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst())?.online
  await client.publishAsync(
    `v1/agents/${agent.agentId}/status`,
    JSON.stringify({ online: true, version: '1', interval: 5, at: Date.now() }),
    { qos: 1 },
  )
  expect(await online()).toBe(true)
  client.stream.destroy()
  await expect.poll(online).toBe(false)
})
