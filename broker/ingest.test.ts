// Acknowledged means stored: through the real broker into a real PostgreSQL, which now and then is not there.
import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { createDatabase } from '@ridethrough/db/database.ts'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { agentTopic, deviceTopic } from '@ridethrough/protocol/topic.ts'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { changeAccess, makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '../test/support/world.ts'
import {
  connectAgent,
  connectPerson,
  publishState,
  startTestBroker,
  statusOf,
  statusTopic,
  type TestBroker,
  type TestClient,
  values,
} from './testing.ts'

let database: TestDatabase
let broker: TestBroker
let listener: Listener
const clients: TestClient[] = []

beforeAll(async () => {
  database = await testDatabase()
  listener = await Listener.start(database.url, pino({ level: 'silent' }))
  broker = await startTestBroker(database.url, { storePatienceMs: 1500 })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end()
})

afterAll(async () => {
  await broker?.stop()
  await listener?.stop()
  await database?.stop()
})

async function keep(client: Promise<TestClient>): Promise<TestClient> {
  const one = await client
  clients.push(one)
  return one
}

async function world() {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  return { db, ann, agent, rack }
}

const stored = async (deviceId: string) =>
  (await database.db.selectFrom('sample').select('seq').where('device_id', '=', deviceId).orderBy('seq').execute()).map(
    ({ seq }) => seq,
  )

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

test('whatever is acknowledged is in the database, and viewers get it in order', async () => {
  const { ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const sender = await keep(connectAgent(broker, agent))
  const acknowledged: Promise<void>[] = []
  for (const seq of upTo(400)) {
    acknowledged.push(
      publishState(sender, rack, values(seq)).then(async () => {
        if (seq % 100 === 0) expect(await stored(rack)).toContain(seq)
      }),
    )
  }
  await Promise.all(acknowledged)
  expect(await stored(rack)).toEqual(upTo(400))
  await viewer.next(({ text }) => JSON.parse(text).seq === 400)
  expect(viewer.received.map(({ text }) => JSON.parse(text).seq)).toEqual(upTo(400))
})

test('an acknowledgement waits for the commit', async () => {
  const { db, ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const sender = await keep(connectAgent(broker, agent))
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  // the device's row is not to be had: the insert of its state waits for it
  const blocking = db.transaction().execute(async (tx) => {
    await tx.selectFrom('device').select('id').where('id', '=', rack).forUpdate().execute()
    held.resolve()
    await release.promise
  })
  await held.promise
  const order: string[] = []
  const published = publishState(sender, rack, values(1)).then(() => order.push('acknowledged'))
  await expect.poll(() => broker.metric('samples_waiting')).toBe(1)
  expect(viewer.received).toEqual([])
  order.push('released')
  release.resolve()
  await blocking
  await published
  expect(order).toEqual(['released', 'acknowledged'])
  await viewer.next(() => true)
})

test('repeats are acknowledged and stored once; an older sample is stored and shown to nobody', async () => {
  const { ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const sender = await keep(connectAgent(broker, agent))
  const samples = [1, 2, 5].map((seq) => values(seq))
  for (const sample of samples) await publishState(sender, rack, sample)
  for (const sample of samples) await publishState(sender, rack, sample)
  await publishState(sender, rack, values(3))
  await sender.publish(deviceTopic(rack, 'backlog'), JSON.stringify({ samples: [values(4), values(3)] }))
  // out of order within one write, too
  await Promise.all([7, 6].map((seq) => publishState(sender, rack, values(seq))))
  await publishState(sender, rack, values(8))
  await viewer.next(({ text }) => JSON.parse(text).seq === 8)
  // The kept state that a subscription begins with may be the first sample once more.
  const live = viewer.received.filter(({ retain }) => !retain)
  expect(live.map(({ text }) => JSON.parse(text).seq)).toEqual([1, 2, 5, 7, 8])
  expect(new Set(await stored(rack))).toEqual(new Set(upTo(8)))
})

test('a backlog is stored whole, and its newest sample becomes the state where nothing newer is known', async () => {
  const { ann, agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  await sender.publish(deviceTopic(rack, 'backlog'), JSON.stringify({ samples: upTo(100).map((seq) => values(seq)) }))
  expect(await stored(rack)).toEqual(upTo(100))
  const viewer = await keep(connectPerson(broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const kept = await viewer.next(() => true)
  expect(JSON.parse(kept.text)).toMatchObject({ kind: 'values', seq: 100 })
})

test('a sample that the database cannot keep as it is takes no other with it', async () => {
  const { agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  const odd = values(2, { 'ups.id': 'a\0b\ud800' })
  await Promise.all([
    publishState(sender, rack, values(1)),
    publishState(sender, rack, odd),
    publishState(sender, rack, values(3)),
  ])
  expect(await stored(rack)).toEqual([1, 2, 3])
})

test('samples on their way when their device is deleted are acknowledged and dropped', async () => {
  const { db, ann, agent, rack } = await world()
  const other = await makeDevice(db, ann, agent, 'Other')
  const sender = await keep(connectAgent(broker, agent))
  await sender.subscribe(agentTopic(agent.agentId, 'commands'))
  const version = await changeAccess(
    db,
    { accounts: [ann.accountId], devices: [rack], agents: [agent.agentId], what: 'device deleted' },
    async (tx) => {
      await tx.deleteFrom('device').where('id', '=', rack).execute()
    },
  )
  await waitForEdges(db, listener, version, systemClock)
  await publishState(sender, rack, values(1))
  expect(await stored(rack)).toEqual([])
  const told = await sender.next(({ text }) => !text.includes(rack))
  expect(JSON.parse(told.text)).toEqual({ kind: 'registered', devices: [{ deviceId: other, seq: 0 }] })
})

function inventory(...deviceIds: string[]) {
  const devices = deviceIds.map((deviceId) => ({
    deviceId,
    name: 'rack',
    driver: 'ups-mib',
    mfr: 'Test',
    model: 'T1',
    serial: 'S1',
    firmware: '1',
    commands: ['beeper.mute'],
    settings: [],
    claim: { hash: createHash('sha256').update(deviceId).digest('hex'), expiresAt: Date.now() + 900_000 },
  }))
  return JSON.stringify({ devices })
}

const inventoryOf = (agent: TestAgent) => agentTopic(agent.agentId, 'inventory')

test('an inventory is stored and answered with what is registered; a claim is told as it happens', async () => {
  const { db, ann, agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  await sender.subscribe(agentTopic(agent.agentId, 'commands'))
  await publishState(sender, rack, values(12))
  const found = randomUUID()
  await sender.publish(inventoryOf(agent), inventory(rack, found))
  // The claim of the rack itself may still be told, from before anything was stored.
  const first = await sender.next(({ text }) => text.includes('"seq":12'))
  expect(JSON.parse(first.text)).toEqual({ kind: 'registered', devices: [{ deviceId: rack, seq: 12 }] })

  await changeAccess(
    db,
    { accounts: [ann.accountId], devices: [found], agents: [agent.agentId], what: 'device claimed' },
    async (tx) => {
      await tx
        .insertInto('device')
        .values({
          id: found,
          company_id: ann.companyId,
          agent_id: agent.agentId,
          name: 'F',
          plan: 'basic',
          time_zone: 'UTC',
          claimed_by: ann.accountId,
        })
        .execute()
    },
  )
  const second = await sender.next(({ text }) => text.includes(found))
  expect(JSON.parse(second.text).devices).toEqual(
    expect.arrayContaining([
      { deviceId: found, seq: 0 },
      { deviceId: rack, seq: 12 },
    ]),
  )
  // told, therefore taken
  await publishState(sender, found, values(1))
  expect(await stored(found)).toEqual([1])
})

test('a device of another agent in an inventory is left alone, and the log names it', async () => {
  const { agent, rack } = await world()
  const thief = await makeAgent(database.db)
  const client = await keep(connectAgent(broker, thief))
  const own = randomUUID()
  await client.publish(inventoryOf(thief), inventory(rack, own))
  const owners = await database.db
    .selectFrom('agent_device')
    .select(['device_id', 'agent_id'])
    .where('device_id', 'in', [rack, own])
    .execute()
  expect(owners).toEqual(
    expect.arrayContaining([
      { device_id: rack, agent_id: agent.agentId },
      { device_id: own, agent_id: thief.agentId },
    ]),
  )
  expect(broker.logged.find((line) => line.agent === thief.agentId && line.devices !== undefined)).toMatchObject({
    devices: [rack],
  })
})

test('a claim code that another device shows ends the connection', async () => {
  const [one, two] = [await makeAgent(database.db), await makeAgent(database.db)]
  const device = randomUUID()
  const first = await keep(connectAgent(broker, one))
  await first.publish(inventoryOf(one), inventory(device))
  const second = await keep(connectAgent(broker, two))
  second.client.publish(inventoryOf(two), inventory(device).replaceAll(`"${device}"`, `"${randomUUID()}"`), { qos: 1 })
  await second.closed
  expect(broker.logged.findLast((line) => line.agent === two.agentId)).toMatchObject({ reason: 'claim-code-taken' })
})

test('a publish waits for the database a bounded time; then the agent keeps its sample, and sends it again', async () => {
  const { db, agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const blocking = db.transaction().execute(async (tx) => {
    await tx.selectFrom('device').select('id').where('id', '=', rack).forUpdate().execute()
    held.resolve()
    await release.promise
  })
  await held.promise
  let isAcknowledged = false
  const sample = values(1)
  const published = publishState(sender, rack, sample).then(
    () => {
      isAcknowledged = true
    },
    () => {},
  )
  await sender.closed
  expect(isAcknowledged).toBe(false)
  expect(broker.logged.findLast((line) => line.agent === agent.agentId)).toMatchObject({ reason: 'store-unavailable' })
  release.resolve()
  await blocking
  sender.client.end(true)
  await published
  const again = await keep(connectAgent(broker, agent))
  await publishState(again, rack, sample)
  await publishState(again, rack, values(2))
  expect(await stored(rack)).toEqual([1, 2])
})

test('a database that stops and comes back costs nothing: what came meanwhile is stored, acknowledged and shown', async () => {
  const log = pino({ level: 'silent' })
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-broker-'))
  await chmod(folder, 0o755)
  const options = { folder: join(folder, 'pg'), log, settings: ['fsync=off'] }
  let server = await startEmbeddedPostgres(options)
  const url = server.urlOf('outage')
  await createDatabase(server.url, 'outage', log)
  const db = openDb(url, log)
  await migrate(db, url)
  const own = await startTestBroker(url, { storePatienceMs: 30_000 })
  try {
    const ann = await makePerson(db, 'Ann')
    const agent = await makeAgent(db)
    const rack = await makeDevice(db, ann, agent, 'Rack')
    const sender = await connectAgent(own, agent)
    await publishState(sender, rack, values(1))
    await server.stop()
    const meanwhile = [2, 3, 4].map((seq) => publishState(sender, rack, values(seq)))
    await expect.poll(() => own.metric('store_failures_total'), { timeout: 10_000 }).toBeGreaterThan(0)
    server = await startEmbeddedPostgres(options)
    expect(server.urlOf('outage')).toBe(url)
    await Promise.all(meanwhile)
    const rows = await db.selectFrom('sample').select('seq').where('device_id', '=', rack).orderBy('seq').execute()
    expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    const viewer = await connectWhenServing(own, ann)
    await viewer.subscribe('v1/devices/+/state')
    expect(JSON.parse((await viewer.next(() => true)).text)).toMatchObject({ seq: 4 })
    await viewer.end()
    await sender.end()
  } finally {
    await own.stop()
    await db.destroy()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)

async function connectWhenServing(own: TestBroker, person: Person): Promise<TestClient> {
  await expect.poll(async () => (await fetch(`${own.metricsUrl}/readyz`)).status, { timeout: 15_000 }).toBe(200)
  return connectPerson(own, person)
}

test('an agent’s status is stored before it is acknowledged', async () => {
  const { db, agent } = await world()
  const client = await keep(connectAgent(broker, agent))
  for (const version of ['1', '2', '3']) {
    await client.publish(statusTopic(agent), statusOf(true, version))
    expect(
      await db.selectFrom('agent').select(['online', 'version']).where('id', '=', agent.agentId).executeTakeFirst(),
    ).toEqual({ online: true, version })
  }
})
