// The real agent and the real broker over TLS: enrolling by a key, being claimed, renewing itself however it is interrupted, being revoked.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer } from 'node:tls'
import { readClaimCodes } from '@ridethrough/agent/claim-codes.ts'
import { type Clock, systemClock } from '@ridethrough/agent/clock.ts'
import { type AgentConfig, parseConfig } from '@ridethrough/agent/config.ts'
import { type Identity, readIdentity, saveIdentity } from '@ridethrough/agent/identity.ts'
import { type RunningAgent, startAgent } from '@ridethrough/agent/main.ts'
import { hashOfSecret, makeSecret, type SecretKind } from '@ridethrough/agent/secret.ts'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { type RunningApi, startApi } from '@ridethrough/api/main.ts'
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { type RunningBroker, startBroker } from '@ridethrough/broker/main.ts'
import { announceAgentSecret, findAgentIdentity, promoteAgentSecret } from '@ridethrough/db/query/agent-identity.ts'
import { demoUnits } from '@ridethrough/simulator/config.ts'
import { type Simulator, startSimulator } from '@ridethrough/simulator/main.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { agentYaml } from '../../bin/agent-config.ts'
import { type Authority, makeAuthority, testFolder } from '../support/certificates.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startPart } from '../support/part.ts'
import { makePerson } from '../support/world.ts'

const DAY_MS = 86_400_000

let database: TestDatabase
let broker: RunningBroker
let api: RunningApi
let authority: Authority
let simulator: Simulator
let removeFolder: () => void

beforeAll(async () => {
  database = await testDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'ridethrough-identity-'))
  removeFolder = () => rmSync(folder, { recursive: true, force: true })
  authority = makeAuthority(folder)
  const env = {
    ...{ DATABASE_URL: database.url, HOST: '127.0.0.1', LOG_LEVEL: 'silent', SECRET_KEY: 'x'.repeat(32) },
    ...{ MQTT_PORT: '0', MQTTS_PORT: '0', METRICS_PORT: '0', HTTP_PORT: '0' },
  }
  const silent = pino({ level: 'silent' })
  const tls = { TLS_CERT: authority.certPath, TLS_KEY: authority.keyPath }
  broker = await startBroker(readBrokerConfig({ ...env, ...tls }), silent)
  api = await startApi(readApiConfig(env), silent)
  simulator = await startSimulator({ units: demoUnits.slice(0, 1) }, silent)
})

afterAll(async () => {
  await simulator?.stop()
  await api?.stop()
  await broker?.stop()
  await database?.stop()
  removeFolder?.()
})

type Server = AgentConfig['server']

function configOf(server: Partial<Server> = {}): AgentConfig {
  const folder = testFolder()
  const { name, address, snmp } = simulator.units[0] as Simulator['units'][number]
  const units = [{ name, address, snmp }]
  const yaml = agentYaml({ mqttUrl: broker.mqttsUrl ?? '', stateDir: './state', interval: 0.2, units })
  const { config } = parseConfig(yaml, folder)
  if (!config) throw new Error('the configuration is not right')
  const ca = { ca: authority.ca, reconnectMinMs: 50, reconnectMaxMs: 200 }
  return { ...config, server: { ...config.server, ...ca, ...server } }
}

type Line = { readonly msg: string; readonly [key: string]: unknown }

async function run(config: AgentConfig, clock: Clock = systemClock): Promise<{ agent: RunningAgent; lines: Line[] }> {
  const lines: Line[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const agent = await startAgent(config, log, { clock, random: () => 0 })
  onTestFinished(() => agent.stop())
  return { agent, lines }
}

const said = (lines: readonly Line[], words: string) => lines.some(({ msg }) => msg.includes(words))
const linked = (lines: readonly Line[]) => expect.poll(() => said(lines, 'linked to'), { timeout: 60_000 }).toBe(true)
const known = (agentId: string) => findAgentIdentity(database.db, agentId)
const hexOf = (identity: Awaited<ReturnType<typeof known>>) =>
  identity && { kind: identity.current.kind, hash: identity.current.hash.toString('hex') }

/** Broker and file agree on one secret of this kind, and there is no other. */
async function settled(
  config: AgentConfig,
  kind: SecretKind,
  isIt: (identity: Identity) => boolean = () => true,
): Promise<Identity> {
  await expect
    .poll(
      async () => {
        const file = readIdentity(config.stateDir)
        if (!file || file.next || file.current.kind !== kind || !isIt(file)) return false
        const row = await known(file.agentId)
        return row?.next === undefined && JSON.stringify(hexOf(row)) === JSON.stringify(hashOfSecret(file.current))
      },
      { timeout: 60_000 },
    )
    .toBe(true)
  return readIdentity(config.stateDir) as Identity
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape; the routes' schemas check them
type Answer = { readonly status: number; readonly body: any }

const call = async (token: string, method: string, path: string, body?: unknown): Promise<Answer> => {
  const response = await fetch(`${api.httpUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: response.status, body: await response.json() }
}

/** Types the code that the agent shows, as soon as the server knows it. */
async function claim(token: string, config: AgentConfig): Promise<string> {
  for (;;) {
    const code = readClaimCodes(config, Date.now())[0]?.code
    const answer = code ? await call(token, 'POST', '/devices/claim', { code }) : undefined
    if (answer?.status === 201) return answer.body.id
    await pause(1000)
  }
}

const seqOf = async (token: string, deviceId: string) =>
  (await call(token, 'GET', `/devices/${deviceId}/state`)).body.seq ?? 0

test('an agent makes its own certificate, is claimed, reports, and is cut off before the revoke is answered; then it is out for good', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const config = configOf()
  const { agent, lines } = await run(config)
  const identity = await settled(config, 'certificate')
  const deviceId = await claim(ann.token, config)
  await expect.poll(() => seqOf(ann.token, deviceId), { timeout: 10_000 }).toBeGreaterThan(1)
  const [view] = (await call(ann.token, 'GET', '/agents')).body.items
  expect(view).toMatchObject({ id: agent.agentId, online: true, devices: [{ id: deviceId }] })
  expect(Date.parse(view.certificateExpiresAt)).toBe(Math.floor(identity.current.expiresAt / 1000) * 1000)

  const revoked = await call(ann.token, 'DELETE', `/agents/${agent.agentId}`)
  const atAnswer = await seqOf(ann.token, deviceId)
  expect(revoked.status).toBe(200)
  expect(revoked.body.access.edges.find((edge: { kind: string }) => edge.kind === 'broker')).toMatchObject({
    outcome: 'applied',
    connections: 1,
  })
  await expect.poll(() => said(lines, 'the server refuses this agent'), { timeout: 10_000 }).toBe(true)
  expect(await seqOf(ann.token, deviceId)).toBe(atAnswer)
  const { body } = await call(ann.token, 'GET', `/devices/${deviceId}/state`)
  expect(body).toMatchObject({ stale: true, silence: { reason: 'link-lost' } })
  // the key is in nobody's log
  expect(JSON.stringify(lines)).not.toContain('PRIVATE KEY')
}, 60_000)

/** A server on its own, with a certificate for somewhere else. */
async function elsewhere(): Promise<Partial<Server>> {
  const other = makeAuthority(testFolder(), 'elsewhere')
  other.issue('DNS:elsewhere.example')
  const server = createServer({ cert: readFileSync(other.certPath), key: readFileSync(other.keyPath) })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return { url: `mqtts://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, ca: other.ca }
}

const notSigned = 'nothing in'
test.each<[string, () => Partial<Server> | Promise<Partial<Server>>, string]>([
  ['with the authority of somebody else', () => ({ ca: makeAuthority(testFolder(), 'stranger').ca }), notSigned],
  ['with the usual authorities', () => ({ ca: null }), notSigned],
  ['under another name', elsewhere, 'its certificate is for another name'],
  ['on the plain port', () => ({ url: broker.mqttUrl.replace('mqtt:', 'mqtts:') }), 'check that the port'],
])('%s an agent shows itself to nobody, and says what to do', async (_, server, words) => {
  const { agent, lines } = await run(configOf(await server()))
  await expect.poll(() => said(lines, 'no link to the server'), { timeout: 10_000 }).toBe(true)
  expect(lines.find(({ msg }) => msg.startsWith('no link'))?.msg).toContain(words)
  expect(await known(agent.agentId)).toBeUndefined()
})

test('a file of authorities that is put in place later is found without a restart', async () => {
  const ca = join(testFolder(), 'ca.pem')
  writeFileSync(ca, readFileSync(makeAuthority(testFolder(), 'stranger').ca))
  const { lines } = await run(configOf({ ca }))
  await expect.poll(() => said(lines, 'no link to the server'), { timeout: 10_000 }).toBe(true)
  writeFileSync(ca, readFileSync(authority.ca))
  await linked(lines)
})

test('an agent whose key is another one is refused, and says so', async () => {
  const config = configOf()
  const first = await run(config)
  const identity = await settled(config, 'certificate')
  await first.agent.stop()
  saveIdentity(config.stateDir, {
    ...identity,
    current: makeSecret('certificate', identity.agentId, Date.now(), DAY_MS),
  })
  const { lines } = await run(config)
  await expect
    .poll(() => said(lines, 'its identity.json is not the one that the server knows'), { timeout: 10_000 })
    .toBe(true)
})

/** A wall clock that can be put forward, and waits that are cut short. */
function fastClock() {
  let ahead = 0
  const clock: Clock = {
    monotonic: () => systemClock.monotonic() + ahead,
    wall: () => Date.now() + ahead,
    wait: (ms, signal) => systemClock.wait(Math.min(ms, 100), signal),
  }
  return {
    clock,
    goOn: (ms: number) => {
      ahead += ms
    },
  }
}

test.each<[SecretKind]>([['certificate'], ['token']])(
  'a %s is renewed after two thirds of its life, again and again, without losing a sample',
  async (kind) => {
    const ann = await makePerson(database.db, 'Ann')
    const config = configOf({ identity: kind })
    const { clock, goOn } = fastClock()
    const { agent } = await run(config, clock)
    const first = await settled(config, kind)
    const deviceId = await claim(ann.token, config)
    await expect.poll(() => seqOf(ann.token, deviceId), { timeout: 10_000 }).toBeGreaterThan(1)
    goOn(59 * DAY_MS)
    await pause(500)
    expect(readIdentity(config.stateDir)).toEqual(first)
    const used = new Set([hashOfSecret(first.current).hash])
    for (let round = 0; round < 3; round++) {
      goOn(61 * DAY_MS)
      const now = await settled(config, kind, ({ current }) => !used.has(hashOfSecret(current).hash))
      used.add(hashOfSecret(now.current).hash)
    }
    const before = await seqOf(ann.token, deviceId)
    await expect.poll(() => seqOf(ann.token, deviceId), { timeout: 10_000 }).toBeGreaterThan(before + 2)
    await agent.stop()
    const row = await database.db
      .selectFrom('sample')
      .select(({ fn }) => [fn.countAll<number>().as('count'), fn.min('seq').as('first'), fn.max('seq').as('last')])
      .where('device_id', '=', deviceId)
      .executeTakeFirstOrThrow()
    expect(row.count).toBe(row.last - row.first + 1)
  },
  60_000,
)

test('from a token to a certificate and back: what the configuration asks for is what the server knows in the end', async () => {
  const config = configOf()
  const withServer = (server: Partial<Server>) => ({ ...config, server: { ...config.server, ...server } })
  const steps: [Partial<Server>, SecretKind][] = [
    [{ url: broker.mqttUrl, ca: null, identity: 'token' }, 'token'],
    [{}, 'certificate'],
    [{ identity: 'token' }, 'token'],
    [{ url: broker.mqttUrl, ca: null, identity: 'token' }, 'token'],
  ]
  const ids = new Set<string>()
  for (const [server, kind] of steps) {
    const { agent } = await run(withServer(server))
    ids.add((await settled(config, kind)).agentId)
    await agent.stop()
  }
  expect(ids.size).toBe(1)
  await (await run(withServer({}))).agent.stop()
  await run(withServer({})).then(async ({ agent }) => {
    await settled(config, 'certificate')
    await agent.stop()
  })
  await expect(run(withServer({ url: broker.mqttUrl, ca: null, identity: 'token' }))).rejects.toThrow('identity: token')
})

test('a file of the first form is taken over, and its token renewed', async () => {
  const config = configOf({ identity: 'token' })
  const { agent } = await run(config)
  const identity = await settled(config, 'token')
  await agent.stop()
  if (identity.current.kind !== 'token') throw new Error('not a token')
  const { agentId, current, devices } = identity
  writeFileSync(join(config.stateDir, 'identity.json'), JSON.stringify({ agentId, token: current.token, devices }))
  await run(config)
  const now = await settled(config, 'token', (file) => hashOfSecret(file.current).hash !== hashOfSecret(current).hash)
  expect(now).toMatchObject({ agentId, devices })
})

type Point = { readonly isAnnounced: boolean; readonly atBroker: 'nothing' | 'announced' | 'promoted' }
test.each<[string, Point]>([
  ['the next one was written down', { isAnnounced: false, atBroker: 'nothing' }],
  ['the broker had stored the announcement', { isAnnounced: false, atBroker: 'announced' }],
  ['the acknowledgement had been written down', { isAnnounced: true, atBroker: 'announced' }],
  ['the next one had been shown', { isAnnounced: true, atBroker: 'promoted' }],
  ['the next one had been shown, and the disk had failed before', { isAnnounced: false, atBroker: 'promoted' }],
  ['the broker was set back to before the announcement', { isAnnounced: true, atBroker: 'nothing' }],
])(
  'killed after %s, an agent gets in and ends with the next one',
  async (_, { isAnnounced, atBroker }) => {
    for (const kind of ['certificate', 'token'] as const) {
      const config = configOf({ identity: kind })
      const first = await run(config)
      const identity = await settled(config, kind)
      await first.agent.stop()
      const { agentId } = identity
      const secret = makeSecret(kind, agentId, Date.now(), 90 * DAY_MS)
      saveIdentity(config.stateDir, { ...identity, next: { secret, isAnnounced } })
      const next = { kind, hash: Buffer.from(hashOfSecret(secret).hash, 'hex') }
      if (atBroker !== 'nothing') await announceAgentSecret(database.db, agentId, next)
      if (atBroker === 'promoted')
        await promoteAgentSecret(database.db, { agentId, secret: next, certificateExpiresAt: null })
      const { clock, goOn } = fastClock()
      const { lines } = await run(config, clock)
      await linked(lines)
      // what the broker refused once is announced again an hour later
      goOn(3_700_000)
      await settled(config, kind, ({ current }) => hashOfSecret(current).hash === hashOfSecret(secret).hash)
    }
  },
  120_000,
)

test('killed by SIGKILL at random moments of a renewal, the process always gets in again', async () => {
  const folder = testFolder()
  const config = { ...configOf(), stateDir: join(folder, 'state') }
  const file = join(folder, 'agent.yaml')
  const yaml = `server:\n  url: ${broker.mqttsUrl}\n  ca: ${authority.ca}\n  reconnect: { min: 0.2, max: 0.2 }\nstateDir: ./state\ndevices:\n  - name: Rack\n    snmp: { host: 127.0.0.1, port: 9, version: 2c, community: x, timeoutMs: 50, retries: 0 }\n`
  writeFileSync(file, yaml)
  const start = () => startPart(['agent', '--config', file], {})
  const first = await start()
  onTestFinished(() => first.stop())
  await settled(config, 'certificate')
  await first.kill()
  for (let round = 0; round < 6; round++) {
    const identity = readIdentity(config.stateDir) as Identity
    // due at once
    saveIdentity(config.stateDir, { ...identity, current: { ...identity.current, madeAt: 0, expiresAt: 1 } })
    const part = await start()
    onTestFinished(() => part.stop())
    await pause(Math.random() * 120)
    await part.kill()
  }
  const last = await start()
  onTestFinished(() => last.stop())
  const { agentId } = await settled(config, 'certificate', ({ current }) => current.expiresAt > 1)
  expect((await known(agentId))?.isRevoked).toBe(false)
  await last.stop()
}, 60_000)
