// MQTT over WebSocket on the web port, plain and by TLS: the same rights as on the broker's own port, and the client's own address.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { type RunningApi, startApi } from '@ridethrough/api/main.ts'
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { startBroker } from '@ridethrough/broker/main.ts'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import packets from 'mqtt-packet'
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

type Visitor = MqttClient & { got: string[] }

async function visit(url: string, options: IClientOptions): Promise<Visitor> {
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
  ['with a text frame', 'hello', 1003],
  ['with bytes that are no MQTT', Buffer.from('GET / HTTP/1.1'), 1000],
  ['with a message longer than any packet', Buffer.alloc(300 * 1024), 1009],
])('a WebSocket %s is closed', async (_, frame, code) => {
  const { api } = await startBoth()
  const socket = new WebSocket(socketOf(api), 'mqtt')
  socket.once('open', () => socket.send(frame))
  const [closed] = await once(socket, 'close')
  expect(closed).toBe(code)
})

test.each([[[]], [['mqttv3.1']]])('a WebSocket with the subprotocols %j is not made', async (protocols) => {
  const { api } = await startBoth()
  expect(await refusalOf(new WebSocket(socketOf(api), protocols))).toBe(400)
  const socket = new WebSocket(socketOf(api), ['mqttv3.1', 'mqtt'])
  await once(socket, 'open')
  expect(socket.protocol).toBe('mqtt')
  socket.terminate()
})

async function refusalOf(socket: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  expect(response.headers['content-type']).toContain('application/problem+json')
  socket.on('error', () => {})
  socket.terminate()
  return response.statusCode
}

test('without a broker to carry to there is nothing at this address, also where there is a console', async () => {
  const folder = testFolder()
  writeFileSync(join(folder, 'index.html'), '<p>console</p>')
  const { api } = await startBoth({ MQTT_URL: '', WEB_DIST: folder })
  expect((await fetch(`${api.httpUrl}/devices`)).status).toBe(200)
  const answer = await fetch(`${api.httpUrl}/mqtt`)
  expect([answer.status, answer.headers.get('content-type')]).toMatchObject([404, /problem\+json/])
  expect(await refusalOf(new WebSocket(socketOf(api), 'mqtt'))).toBe(404)
})

test.each([
  [{ MQTT_SOCKETS_PER_ADDRESS: '2' }, { reason: 'address' }],
  [{ MQTT_SOCKETS: '2' }, { reason: 'all' }],
])('with %j a third client is told to come back, and may when one has gone', async (more, { reason }) => {
  const { api } = await startBoth(more)
  const open = async () => {
    const socket = new WebSocket(socketOf(api), 'mqtt')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
  const [first] = [await open(), await open()]
  expect(await refusalOf(new WebSocket(socketOf(api), 'mqtt'))).toBe(429)
  const metrics = async () => (await fetch(`${api.httpUrl}/metrics`)).text()
  expect(await metrics()).toContain(`ridethrough_mqtt_sockets_refused_total{reason="${reason}"} 1`)
  first.close()
  await expect.poll(metrics).toContain('ridethrough_mqtt_sockets 1')
  await open()
})

/** Without a client's own ideas: what comes back is collected. */
async function openRaw(api: RunningApi) {
  const socket = new WebSocket(socketOf(api), 'mqtt')
  onTestFinished(() => socket.terminate())
  const chunks: Buffer[] = []
  socket.on('message', (data) => chunks.push(data as Buffer))
  await once(socket, 'open')
  return { socket, bytes: () => Buffer.concat(chunks) }
}

const connectPacket = (username: string, password: string) =>
  packets.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'raw',
    keepalive: 60,
    username,
    password: Buffer.from(password),
  })

test('packets may begin and end anywhere in messages, and be as large as the broker lets them be', async () => {
  const { api } = await startBoth()
  const agent = await makeAgent(database.db)
  const { socket, bytes } = await openRaw(api)
  const inventory = packets.generate({
    cmd: 'publish',
    topic: `v1/agents/${agent.agentId}/inventory`,
    payload: JSON.stringify({ devices: [] }).padEnd(100_000),
    qos: 1,
    messageId: 9,
    dup: false,
    retain: false,
  })
  for (const byte of connectPacket(`agent:${agent.agentId}`, agent.token)) socket.send(Buffer.from([byte]))
  socket.send(Buffer.concat([inventory, Buffer.from([0xc0, 0])]))
  await expect.poll(() => bytes().toString('hex')).toMatch(/^20020000(40020009d000|d00040020009)$/)
})

test('a viewer that stops reading is cut by the broker, and the others get everything', async () => {
  const { db } = database
  const { broker, api, lines } = await startBoth(
    {},
    { LIMIT_LIVE_PER_SECOND_PER_DEVICE: '1000000', LIMIT_BYTES_PER_SECOND_PER_AGENT: '1000000000' },
  )
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const topic = deviceTopic(await makeDevice(db, ann, agent, 'Rack'), 'live')
  const sender = await asAgent(broker.mqttUrl, agent)
  const viewer = await visit(socketOf(api), { username: 'ann', password: ann.token })
  await viewer.subscribeAsync(topic, { qos: 1 })
  const { socket, bytes } = await openRaw(api)
  socket.send(connectPacket('ann', ann.token))
  socket.send(packets.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }))
  await expect.poll(() => bytes().length).toBe(4 + 5)
  const gone = once(socket, 'close')
  socket.pause()
  const isCut = () => lines.some(({ msg }) => msg === 'a receiver was too slow')
  let sent = 0
  for (; !isCut() && sent < 1000; sent++) await sender.publishAsync(topic, `${sent}`.padEnd(100_000), { qos: 1 })
  expect(isCut()).toBe(true)
  await expect.poll(() => viewer.got.length).toBe(sent)
  // what the relay still held for it is not given any more
  socket.resume()
  await gone
  expect(bytes().length).toBeLessThan((sent - 1) * 100_000)
  expect((await fetch(`${api.httpUrl}/healthz`)).status).toBe(200)
})

test('stopping ends those who are carried, also who does not answer', async () => {
  const { api } = await startBoth()
  const ann = await makePerson(database.db, 'Ann')
  const client = await visit(socketOf(api), { username: 'ann', password: ann.token })
  const silent = new WebSocket(socketOf(api), 'mqtt')
  await once(silent, 'open')
  silent.pause()
  const gone = new Promise<void>((resolve) => client.once('close', () => resolve()))
  await api.stop()
  await gone
  silent.terminate()
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
