// By what agents and people are let in: keys, announced keys, API tokens with their reach; and how each ends.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { lockAgent, revokeAgent } from '@ridethrough/db/query/agent.ts'
import { endToken, insertToken } from '@ridethrough/db/query/token.ts'
import { maskOf, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { agentTopic, deviceTopic } from '@ridethrough/protocol/topic.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Authority,
  type ClientKey,
  certificateOf,
  makeAuthority,
  makeClientKey,
  testFolder,
} from '../test/support/certificates.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { changeAccess, makeAgent, makeDevice, makePerson, type Person } from '../test/support/world.ts'
import {
  connectAgent,
  connectClient,
  connectPerson,
  publishState,
  startTestBroker,
  type TestBroker,
  type TestClient,
  values,
} from './testing.ts'

let database: TestDatabase
let listener: Listener
let broker: TestBroker
/** The same broker by TLS. */
let secure: TestBroker
let authority: Authority
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  listener = await Listener.start(database.url, pino({ level: 'silent' }))
  folder = mkdtempSync(join(tmpdir(), 'ridethrough-identity-'))
  authority = makeAuthority(folder)
  const { certPath, keyPath } = authority
  broker = await startTestBroker(database.url, { tls: { certPath, keyPath, mqttsPort: 0 } })
  secure = { ...broker, mqttUrl: broker.mqttsUrl ?? '' }
})

afterAll(async () => {
  await broker?.stop()
  await listener?.stop()
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const trust = () => ({ ca: readFileSync(authority.ca) })
const byKey = (agentId: string, { key, cert }: ClientKey) =>
  connectClient(secure, { username: `agent:${agentId}`, key, cert, ...trust() })
const byToken = (agentId: string, token: string) => connectAgent(secure, { agentId, token }, trust())

type Next = { readonly kind: 'token' | 'certificate'; readonly hash: Buffer }
const announce = (client: TestClient, agentId: string, { kind, hash }: Next) =>
  client.publish(
    agentTopic(agentId, 'inventory'),
    JSON.stringify({ devices: [], nextIdentity: { kind, hash: hash.toString('hex') } }),
  )
const announceKey = (client: TestClient, agentId: string, { hash }: ClientKey) =>
  announce(client, agentId, { kind: 'certificate', hash })

test('an agent that shows a key owns its id by it from then on; who has not the key is refused', async () => {
  const folder = testFolder()
  const [mine, theirs] = [makeClientKey(folder, 'mine', 30), makeClientKey(folder, 'theirs')]
  const agentId = randomUUID()
  await (await byKey(agentId, mine)).end()
  await (await byKey(agentId, mine)).end()
  await expect(byKey(agentId, theirs)).rejects.toMatchObject({ code: 4 })
  await expect(byToken(agentId, 'a token of good length')).rejects.toMatchObject({ code: 4 })
  await expect(connectClient(secure, { username: `agent:${agentId}`, ...trust() })).rejects.toMatchObject({ code: 4 })
  const row = await database.db.selectFrom('agent').selectAll().where('id', '=', agentId).executeTakeFirstOrThrow()
  expect(row).toMatchObject({ key_hash: mine.hash, token_hash: null })
  const days = ((row.certificate_expires_at?.getTime() ?? 0) - Date.now()) / 86_400_000
  expect(Math.round(days)).toBe(30)
})

test('the certificate without its key is worth nothing', async () => {
  const folder = testFolder()
  const [mine, theirs] = [makeClientKey(folder, 'mine'), makeClientKey(folder, 'theirs')]
  const agentId = randomUUID()
  await (await byKey(agentId, mine)).end()
  await expect(byKey(agentId, { ...theirs, cert: mine.cert })).rejects.toThrow()
})

test('the key counts, not what the certificate says: another certificate for the same key is as good', async () => {
  const folder = testFolder()
  const mine = makeClientKey(folder, 'mine')
  const agentId = randomUUID()
  await (await byKey(agentId, mine)).end()
  await (await byKey(agentId, { ...mine, cert: certificateOf(folder, 'mine', 'another name') })).end()
})

test('a known agent cannot be taken over by a key that it has not announced', async () => {
  const agent = await makeAgent(database.db)
  const key = makeClientKey(testFolder(), 'other')
  await expect(byKey(agent.agentId, key)).rejects.toMatchObject({ code: 4 })
  await (await byToken(agent.agentId, agent.token)).end()
})

test('a key stands for one agent', async () => {
  const key = makeClientKey(testFolder(), 'one')
  await (await byKey(randomUUID(), key)).end()
  await expect(byKey(randomUUID(), key)).rejects.toMatchObject({ code: 4 })
})

test('what an agent announces takes the place of the present key or token when it is shown, and not before', async () => {
  const folder = testFolder()
  const [first, second, unused] = ['first', 'second', 'unused'].map((name) => makeClientKey(folder, name)) as [
    ClientKey,
    ClientKey,
    ClientKey,
  ]
  const agent = await makeAgent(database.db)
  const { agentId } = agent
  const client = await byToken(agentId, agent.token)
  await announceKey(client, agentId, unused)
  await announceKey(client, agentId, first)
  await client.end()
  await expect(byKey(agentId, unused)).rejects.toMatchObject({ code: 4 })
  // announced, not shown: the token still lets it in
  await (await byToken(agentId, agent.token)).end()
  const byFirst = await byKey(agentId, first)
  await expect(byToken(agentId, agent.token)).rejects.toMatchObject({ code: 4 })
  await announceKey(byFirst, agentId, second)
  await byFirst.end()
  await (await byKey(agentId, first)).end()
  await (await byKey(agentId, second)).end()
  await expect(byKey(agentId, first)).rejects.toMatchObject({ code: 4 })
})

test('nobody can be made to announce for another', async () => {
  const [mine, theirs] = [await makeAgent(database.db), await makeAgent(database.db)]
  const key = makeClientKey(testFolder(), 'mine')
  const client = await connectAgent(broker, mine)
  void announceKey(client, theirs.agentId, key).catch(() => {})
  await client.closed
  await expect(byKey(theirs.agentId, key)).rejects.toMatchObject({ code: 4 })
})

async function revoke(agentId: string): Promise<number> {
  return changeAccess(database.db, { agents: [agentId], what: 'agent revoked' }, async (tx) => {
    await lockAgent(tx, agentId)
    await revokeAgent(tx, agentId, new Date())
  })
}

test('a revoked agent is cut off before the change is answered, and comes in neither by its key nor by the announced one', async () => {
  const { db } = database
  const folder = testFolder()
  const [first, second] = [makeClientKey(folder, 'first'), makeClientKey(folder, 'second')]
  const ann = await makePerson(db, 'Ann')
  const agentId = randomUUID()
  const client = await byKey(agentId, first)
  await makeDevice(db, ann, { agentId, token: '' }, 'Rack')
  await announceKey(client, agentId, second)
  let isClosed = false
  void client.closed.then(() => {
    isClosed = true
  })
  const report = await waitForEdges(db, listener, await revoke(agentId), systemClock)
  expect(report.edges.map(({ connections }) => connections)).toEqual([1])
  // the broker has let go of it: what the socket still carries cannot be a message
  await client.closed
  expect(isClosed).toBe(true)
  for (const key of [first, second]) await expect(byKey(agentId, key)).rejects.toMatchObject({ code: 5 })
  await expect(byToken(agentId, 'a token of good length')).rejects.toMatchObject({ code: 4 })
})

async function apiToken(
  person: Person,
  privileges: readonly Privilege[],
  deviceIds: readonly string[] | null,
  lifeMs = 3_600_000,
) {
  const now = Date.now()
  const { token, view } = await insertToken(database.db, {
    accountId: person.accountId,
    name: 'test',
    privileges: maskOf(privileges),
    deviceIds,
    at: new Date(now),
    expiresAt: new Date(now + lifeMs),
  })
  return { ...person, token, tokenId: view.id }
}

async function twoRacks() {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const devices = [await makeDevice(db, ann, agent, 'Shown'), await makeDevice(db, ann, agent, 'Hidden')] as const
  return { ann, sender: await connectAgent(broker, agent), devices }
}

test('an API token for one device sees that one only, however widely it asks [ASVS 8.2.2]', async () => {
  const { ann, sender, devices } = await twoRacks()
  const [shown, hidden] = devices
  const narrow = await connectPerson(broker, await apiToken(ann, ['monitor'], [shown]))
  const filters = [
    'v1/devices/+/state',
    'v1/#',
    '#',
    'v1/devices/#',
    deviceTopic(hidden, 'state'),
    deviceTopic(shown, 'state'),
    'v1/errors',
  ]
  await narrow.subscribe(filters.slice(0, 4))
  const [ofHidden] = await narrow.subscribe(filters.slice(4))
  expect(ofHidden).toBe(128)
  for (let seq = 1; seq <= 3; seq++) for (const id of devices) await publishState(sender, id, values(seq))
  await narrow.publish(`v1/devices/${hidden}/requests/beeper.mute`, '{}')
  await narrow.publish(`v1/devices/${shown}/requests/beeper.mute`, '{}')
  await narrow.publish('a/b', 'fence')
  await narrow.next(({ text }) => text.includes('a/b'))
  const states = narrow.received.filter(({ topic }) => topic !== 'v1/errors')
  expect(states.map(({ topic, text }) => [topic, JSON.parse(text).seq])).toEqual(
    [1, 2, 3].map((seq) => [deviceTopic(shown, 'state'), seq]),
  )
  const codes = narrow.received.filter(({ topic }) => topic === 'v1/errors').map(({ text }) => JSON.parse(text).code)
  // of the hidden one not even that it is there; on the shown one `monitor` commands nothing
  expect(codes).toEqual(['not-found', 'right-missing', 'right-missing'])
  // what the broker keeps is not given to a late subscriber either
  const late = await connectPerson(broker, await apiToken(ann, ['monitor'], [shown]))
  await late.subscribe(['v1/devices/+/state', 'v1/errors'])
  await late.publish('a/b', 'fence')
  await late.next(({ topic }) => topic === 'v1/errors')
  expect(late.received.filter(({ retain }) => retain).map(({ topic }) => topic)).toEqual([deviceTopic(shown, 'state')])
  for (const client of [sender, narrow, late]) await client.end()
})

test("an API token without `monitor` sees nothing, and one that names a stranger's device does not reach it [ASVS 8.2.2 8.3.3]", async () => {
  const { ann, sender, devices } = await twoRacks()
  const eve = await makePerson(database.db, 'Eve')
  const [shown] = devices
  const clients = [
    await connectPerson(broker, await apiToken(ann, ['diagnose'], null)),
    await connectPerson(broker, await apiToken(eve, ['monitor'], [shown])),
  ]
  for (const client of clients) {
    await client.subscribe(['v1/devices/+/state', 'v1/errors'])
    await publishState(sender, shown, values(1))
    await client.publish('a/b', 'fence')
    await client.next(({ topic }) => topic === 'v1/errors')
    expect(client.received).toHaveLength(1)
  }
  for (const client of [sender, ...clients]) await client.end()
})

test('an API token that is ended is cut off before the change is answered, others go on [ASVS 7.4.1]', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const [ended, kept] = [await apiToken(ann, ['monitor'], null), await apiToken(ann, ['monitor'], null)]
  const [one, other, session] = [
    await connectPerson(broker, ended),
    await connectPerson(broker, kept),
    await connectPerson(broker, ann),
  ]
  const version = await changeAccess(db, { credentials: [ended.tokenId], what: 'token ended' }, async (tx) => {
    await endToken(tx, ann.accountId, ended.tokenId, new Date())
  })
  const report = await waitForEdges(db, listener, version, systemClock)
  expect(report.edges.map(({ connections }) => connections)).toEqual([1])
  await one.closed
  await expect(connectPerson(broker, ended)).rejects.toMatchObject({ code: 4 })
  for (const client of [other, session]) {
    expect(client.client.connected).toBe(true)
    await client.end()
  }
})

test('an API token that runs out is cut off by itself, and nothing comes after that instant [ASVS 7.4.1]', async () => {
  const { ann, sender, devices } = await twoRacks()
  const short = await apiToken(ann, ['monitor'], null, 700)
  const client = await connectPerson(broker, short)
  await client.subscribe('v1/devices/+/state')
  await publishState(sender, devices[0], values(1))
  await client.next(({ topic }) => topic === deviceTopic(devices[0], 'state'))
  await client.closed
  await publishState(sender, devices[0], values(2))
  expect(client.received).toHaveLength(1)
  await expect(connectPerson(broker, short)).rejects.toMatchObject({ code: 4 })
  await sender.end()
})

test('who has a narrow token of an account cannot push out its other connections', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const own = await connectPerson(broker, ann, { clientId: 'desk' })
  const narrow = await apiToken(ann, ['monitor'], null)
  const guest = await connectPerson(broker, narrow, { clientId: 'desk' })
  await own.publish('a/b', 'still here')
  expect(own.client.connected).toBe(true)
  const again = await connectPerson(broker, narrow, { clientId: 'desk' })
  await guest.closed
  for (const client of [own, again]) await client.end()
})

test('the last use of an API token is written down', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const token = await apiToken(ann, ['monitor'], null)
  await (await connectPerson(broker, token)).end()
  const row = await database.db
    .selectFrom('token')
    .select('last_used_at')
    .where('id', '=', token.tokenId)
    .executeTakeFirst()
  expect(row?.last_used_at).not.toBeNull()
})
