// What passes between agents and persons, and what does not: real broker, real clients, real PostgreSQL.
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import {
  changeAccess,
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
  revokeShare,
} from '../test/support/world.ts'
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
  broker = await startTestBroker(database.url)
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
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const attic = await makeDevice(db, ann, agent, 'Attic')
  const share = await makeShare(db, ann, bob, [rack])
  await settled(share.version)
  return { db, ann, bob, agent, rack, attic, share }
}

const settled = (version: number) => waitForEdges(database.db, listener, version, systemClock)
const on = (deviceId: string, seq?: number) => (message: { topic: string; text: string }) =>
  message.topic === deviceTopic(deviceId, 'state') && (seq === undefined || JSON.parse(message.text).seq === seq)
const refusals = (client: TestClient) =>
  client.received.filter(({ topic }) => topic === 'v1/errors').map(({ text }) => JSON.parse(text))

test('a sample travels from its agent to whoever may monitor the device, and to nobody else by any wildcard', async () => {
  const { ann, bob, agent, rack, attic } = await world()
  const sender = await keep(connectAgent(broker, agent))
  const owner = await keep(connectPerson(broker, ann))
  const guest = await keep(connectPerson(broker, bob))
  expect(await owner.subscribe('v1/devices/+/state')).toEqual([1])
  expect(await guest.subscribe(['#', 'v1/devices/+/state', 'v1/devices/#', '+/+/+/+'])).toEqual([1, 1, 1, 1])

  await publishState(sender, attic, values(1))
  await publishState(sender, rack, values(1))
  const fence = await guest.next(on(rack))
  expect(JSON.parse(fence.text)).toMatchObject({ seq: 1, status: 'OL' })
  // once, although four filters fit, and without the other device
  await publishState(sender, rack, values(2))
  await guest.next(on(rack, 2))
  expect(guest.received).toHaveLength(2)
  await owner.next(on(rack, 2))
  expect(owner.received.map(({ topic }) => topic)).toEqual([attic, rack, rack].map((id) => deviceTopic(id, 'state')))
})

test('filters that are none of a person’s are refused, and so are devices that they may not see or that are not there', async () => {
  const { bob, agent, rack, attic } = await world()
  const guest = await keep(connectPerson(broker, bob))
  const nowhere = '00000000-0000-4000-8000-000000000000'
  const cases: [string, number][] = [
    [deviceTopic(rack, 'state'), 1],
    [`v1/devices/${rack}/#`, 1],
    ['v1/errors', 1],
    [deviceTopic(attic, 'state'), 128],
    [`v1/devices/${attic}/#`, 128],
    [`+/+/${attic}/+`, 128],
    [deviceTopic(attic, 'events'), 128],
    [`v1/devices/${nowhere}/state`, 128],
    [deviceTopic(rack, 'backlog'), 128],
    ['v1/agents/+/status', 128],
    [`v1/agents/${agent.agentId}/commands`, 128],
    ['$SYS/#', 128],
    ['$SYS/+/new/clients', 128],
    ['v2/#', 128],
    ['v1/devices/a*/state', 128],
    ['v1//state', 128],
    ['+/+/+/+/+', 128],
  ]
  for (const [filter, code] of cases) expect([filter, await guest.subscribe(filter)]).toEqual([filter, [code]])
})

test('an agent subscribes to its own commands and to nothing else', async () => {
  const { agent, rack } = await world()
  const other = await makeAgent(database.db)
  const client = await keep(connectAgent(broker, agent))
  expect(await client.subscribe(`v1/agents/${agent.agentId}/commands`)).toEqual([1])
  expect(
    await client.subscribe([
      `v1/agents/${other.agentId}/commands`,
      '#',
      deviceTopic(rack, 'state'),
      `v1/agents/${agent.agentId}/+`,
      'v1/errors',
    ]),
  ).toEqual([128, 128, 128, 128, 128])
})

test('a subscription at QoS 2 is granted 1, one at QoS 0 is delivered at 0, wildcards included', async () => {
  const { ann, agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  const one = await keep(connectPerson(broker, ann))
  const two = await keep(connectPerson(broker, ann))
  expect(await one.subscribe('v1/devices/+/state', 2)).toEqual([1])
  expect(await two.subscribe('v1/devices/+/state', 0)).toEqual([0])
  await publishState(sender, rack, values(1))
  expect((await one.next(on(rack))).qos).toBe(1)
  expect((await two.next(on(rack))).qos).toBe(0)
  // overlapping filters: once, at the highest of them [MQTT-3.3.5-1]
  expect(await two.subscribe(deviceTopic(rack, 'state'), 1)).toEqual([1])
  await publishState(sender, rack, values(2))
  expect((await two.next(on(rack, 2))).qos).toBe(1)
})

test('at most 50 filters, at most 8 in one packet', async () => {
  const { ann } = await world()
  const owner = await keep(connectPerson(broker, ann))
  const filters = ['#', '+/#', 'v1/#', '+/+/#', 'v1/+/#', '+/devices/#', 'v1/devices/#', '+/+/+/#', '+/+/+/+']
  expect(await owner.subscribe(filters)).toEqual(Array(9).fill(128))
  expect(await owner.subscribe(filters.slice(0, 8))).toEqual(Array(8).fill(1))
  const devices: string[] = []
  const agent = await makeAgent(database.db)
  for (let count = 0; count < 43; count++) devices.push(await makeDevice(database.db, ann, agent, `R${count}`))
  await settled(await changeAccess(database.db, { accounts: [ann.accountId], what: 'nothing' }, async () => {}))
  const codes: number[] = []
  for (const id of devices) codes.push(...(await owner.subscribe(deviceTopic(id, 'state'))))
  expect(codes).toEqual([...Array(42).fill(1), 128])
})

test('a new subscription is answered with the kept states of the subscriber’s own devices, marked as retained', async () => {
  const { bob, ann, agent, rack, attic } = await world()
  const sender = await keep(connectAgent(broker, agent))
  await publishState(sender, rack, values(7))
  await publishState(sender, attic, values(8))
  const guest = await keep(connectPerson(broker, bob))
  await guest.subscribe('v1/devices/+/state')
  const kept = await guest.next(on(rack))
  expect(kept.retain).toBe(true)
  expect(JSON.parse(kept.text)).toMatchObject({ seq: 7 })
  await publishState(sender, rack, values(8))
  const live = await guest.next(on(rack, 8))
  expect(live.retain).toBe(false)
  expect(guest.received).toHaveLength(2)
  const owner = await keep(connectPerson(broker, ann))
  await owner.subscribe(deviceTopic(attic, 'state'))
  expect((await owner.next(on(attic))).retain).toBe(true)
  expect(owner.received).toHaveLength(1)
})

test('a device that changes hands takes no state along', async () => {
  const { db, ann, bob, agent, rack } = await world()
  const sender = await keep(connectAgent(broker, agent))
  await publishState(sender, rack, values(500))
  await sender.end()
  await settled(
    await changeAccess(
      db,
      { accounts: [ann.accountId], devices: [rack], agents: [agent.agentId], what: 'device deleted' },
      async (tx) => {
        await tx.deleteFrom('device').where('id', '=', rack).execute()
      },
    ),
  )
  const claim = await changeAccess(
    db,
    { accounts: [bob.accountId], devices: [rack], agents: [agent.agentId], what: 'device claimed' },
    async (tx) => {
      await tx
        .insertInto('device')
        .values({
          id: rack,
          company_id: bob.companyId,
          agent_id: agent.agentId,
          name: 'R',
          plan: 'basic',
          time_zone: 'UTC',
          claimed_by: bob.accountId,
        })
        .execute()
    },
  )
  await settled(claim)
  const owner = await keep(connectPerson(broker, bob))
  expect(await owner.subscribe(deviceTopic(rack, 'state'))).toEqual([1])
  const again = await keep(connectAgent(broker, agent))
  // lower than what the former owner saw, and yet the newest
  await publishState(again, rack, values(1))
  expect(JSON.parse((await owner.next(on(rack))).text)).toMatchObject({ seq: 1 })
  expect(owner.received.map(({ retain }) => retain)).toEqual([false])
})

test('a revoke cuts exactly that device: nothing of it arrives after the answer, all else goes on', async () => {
  const { db, ann, bob, agent, rack, attic } = await world()
  const second = await makeShare(db, ann, bob, [attic])
  await settled(second.version)
  const sender = await keep(connectAgent(broker, agent))
  const owner = await keep(connectPerson(broker, ann))
  const guest = await keep(connectPerson(broker, bob))
  await owner.subscribe('v1/devices/+/state')
  await guest.subscribe(['v1/devices/+/state', deviceTopic(attic, 'state'), deviceTopic(rack, 'state')])
  await publishState(sender, attic, values(1))
  await guest.next(on(attic, 1))

  const report = await settled(await revokeShare(db, second, bob))
  expect(report.edges).toMatchObject([{ kind: 'broker', outcome: 'applied', subscriptions: 2, connections: 0 }])
  const from = guest.received.length
  await publishState(sender, attic, values(2))
  await publishState(sender, rack, values(2))
  await guest.next(on(rack, 2))
  expect(guest.received.slice(from).every(on(rack))).toBe(true)
  await owner.next(on(rack, 2))
  expect(owner.received.some(on(attic, 2))).toBe(true)
  expect(await guest.subscribe(deviceTopic(attic, 'state'))).toEqual([128])

  // shared again: the wildcard, which stayed, brings it again
  await settled((await makeShare(db, ann, bob, [attic])).version)
  await publishState(sender, attic, values(3))
  await guest.next(on(attic, 3))
})

test('a share that runs out ends by itself, without any message', async () => {
  const { db, ann, bob, agent, rack, attic } = await world()
  const brief = await makeShare(db, ann, bob, [attic], { endsAt: new Date(Date.now() + 700) })
  await settled(brief.version)
  const sender = await keep(connectAgent(broker, agent))
  const guest = await keep(connectPerson(broker, bob))
  await guest.subscribe(['v1/devices/+/state'])
  await publishState(sender, attic, values(1))
  await guest.next(on(attic, 1))
  await expect.poll(() => guest.subscribe(deviceTopic(attic, 'state')), { timeout: 5000 }).toEqual([128])
  await publishState(sender, attic, values(2))
  await publishState(sender, rack, values(1))
  await guest.next(on(rack, 1))
  expect(guest.received.some(on(attic, 2))).toBe(false)
})

test('signing out ends the connection, and its token opens none', async () => {
  const { db, ann } = await world()
  const owner = await keep(connectPerson(broker, ann))
  const report = await settled(await signOut(ann))
  expect(report.edges).toMatchObject([{ connections: 1 }])
  await owner.closed
  await expect(connectPerson(broker, ann)).rejects.toMatchObject({ code: 4 })
  expect(
    await db.selectFrom('session').select('ended_at').where('id', '=', ann.sessionId).executeTakeFirst(),
  ).not.toEqual({ ended_at: null })
})

function signOut(person: Person): Promise<number> {
  return changeAccess(database.db, { credentials: [person.sessionId], what: 'signed out' }, async (tx) => {
    await tx.updateTable('session').set({ ended_at: new Date() }).where('id', '=', person.sessionId).execute()
  })
}

test('what a person may not publish is swallowed, and they alone are told why', async () => {
  const { ann, bob, agent, rack, attic } = await world()
  const owner = await keep(connectPerson(broker, ann))
  const guest = await keep(connectPerson(broker, bob))
  await guest.subscribe('v1/errors')
  await owner.subscribe('#')
  const asked: [string, string][] = [
    [deviceTopic(rack, 'state'), 'right-missing'],
    [`v1/agents/${agent.agentId}/commands`, 'right-missing'],
    ['v1/errors', 'right-missing'],
    ['somewhere/else', 'right-missing'],
    [`v1/devices/${rack}/requests/beeper.mute`, 'right-missing'],
    [`v1/devices/${rack}/requests/no.such`, 'not-found'],
    [`v1/devices/${attic}/requests/beeper.mute`, 'not-found'],
    ['v1/devices/00000000-0000-4000-8000-000000000000/requests/beeper.mute', 'not-found'],
  ]
  for (const [topic] of asked) await guest.publish(topic, JSON.stringify(values(99)))
  await guest.next(({ text }) => text.includes('00000000'))
  expect(refusals(guest).map(({ topic, code }) => [topic, code])).toEqual(asked)
  // not there and not yours cannot be told apart
  expect(refusals(guest)[6].message).toBe(refusals(guest)[7].message)

  const sender = await keep(connectAgent(broker, agent))
  await publishState(sender, rack, values(1))
  await owner.next(on(rack))
  expect(owner.received).toHaveLength(1)
})

test('a person who floods is told so, and the rest is swallowed', async () => {
  const { ann } = await world()
  const owner = await keep(connectPerson(broker, ann))
  await owner.subscribe('v1/errors', 0)
  await Promise.all(Array.from({ length: 150 }, () => owner.publish('a/b', 'x')))
  await owner.next(({ text }) => text.includes('too-many-tries'))
})

test.each<[string, (agentId: string, mine: string, theirs: string) => [string, string, { retain?: boolean }?], string]>(
  [
    [
      'a sample of a device that is not its own',
      (_, __, theirs) => [deviceTopic(theirs, 'state'), JSON.stringify(values(1))],
      'device-not-registered',
    ],
    [
      'the status of another agent',
      () => ['v1/agents/00000000-0000-4000-8000-000000000000/status', statusOf(true)],
      'topic-of-another-agent',
    ],
    ['commands', (agentId) => [`v1/agents/${agentId}/commands`, '{}'], 'topic-of-the-cloud'],
    ['events of its device', (_, mine) => [deviceTopic(mine, 'events'), '{}'], 'topic-of-the-cloud'],
    ['a request', (_, mine) => [`v1/devices/${mine}/requests/load.off`, ''], 'topic-of-persons'],
    ['something else', () => ['home/light', 'on'], 'topic-unknown'],
    [
      'a retained inventory',
      (agentId) => [`v1/agents/${agentId}/inventory`, '{"devices":[]}', { retain: true }],
      'retain-refused',
    ],
    ['a sample that is not JSON', (_, mine) => [deviceTopic(mine, 'state'), '{'], 'payload-malformed: not JSON'],
    [
      'a sample without a sequence',
      (_, mine) => [deviceTopic(mine, 'state'), JSON.stringify({ ...values(1), seq: 0 })],
      'payload-malformed: seq',
    ],
    [
      'a sample from the year 100000',
      (_, mine) => [deviceTopic(mine, 'state'), JSON.stringify({ ...values(1), at: 4e15 })],
      'payload-malformed: at',
    ],
    [
      'an endless backlog',
      (_, mine) => [
        deviceTopic(mine, 'backlog'),
        JSON.stringify({ samples: Array.from({ length: 101 }, (_, seq) => values(seq + 1)) }),
      ],
      'payload-malformed: samples',
    ],
    [
      'a status without an interval',
      (agentId) => [`v1/agents/${agentId}/status`, '{"online":true}'],
      'payload-malformed: version',
    ],
  ],
)('an agent that publishes %s loses its connection, and the log says why', async (_, make, reason) => {
  const { agent, rack } = await world()
  const other = await world()
  const client = await keep(connectAgent(broker, agent))
  const [topic, payload, options] = make(agent.agentId, rack, other.rack)
  client.client.publish(topic, payload, { qos: 1, ...options })
  await client.closed
  expect(
    broker.logged.findLast(
      (line) => line.agent === agent.agentId && line.reason !== undefined && line.topic !== undefined,
    ),
  ).toMatchObject({ topic, reason })
  expect(await database.db.selectFrom('sample').select('seq').where('device_id', '=', other.rack).execute()).toEqual([])
})

test('an agent connects once: the newer connection takes over, and it stays online', async () => {
  const { db, agent, rack, ann } = await world()
  const owner = await keep(connectPerson(broker, ann))
  await owner.subscribe('v1/devices/+/state')
  const first = await keep(connectAgent(broker, agent))
  await first.publish(statusTopic(agent), statusOf(true), { retain: true })
  const second = await keep(connectAgent(broker, agent))
  await first.closed
  await publishState(second, rack, values(1))
  await owner.next(on(rack, 1))
  expect(await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst()).toEqual({
    online: true,
  })
})

test('a client id belongs to its account: nobody throws out somebody else with it', async () => {
  const { ann, bob, agent, rack } = await world()
  const guest = await keep(connectPerson(broker, bob, { clientId: 'phone' }))
  await guest.subscribe('v1/devices/+/state')
  const owner = await keep(connectPerson(broker, ann, { clientId: 'phone' }))
  const sender = await keep(connectAgent(broker, agent, { clientId: 'phone' }))
  await publishState(sender, rack, values(1))
  await guest.next(on(rack))
  expect(owner.client.connected).toBe(true)
  // one's own connection is taken over, though
  await keep(connectPerson(broker, bob, { clientId: 'phone' }))
  await guest.closed
})

test('however quickly a client comes and goes under one id, a revoke reaches the connection that is left', async () => {
  const { db, ann, bob, agent, attic } = await world()
  const share = await makeShare(db, ann, bob, [attic])
  await settled(share.version)
  const quick = await Promise.allSettled(
    Array.from({ length: 8 }, () => connectPerson(broker, bob, { clientId: 'quick' })),
  )
  for (const one of quick) if (one.status === 'fulfilled') clients.push(one.value)
  const last = await keep(connectPerson(broker, bob, { clientId: 'quick' }))
  await last.subscribe('v1/devices/+/state')
  await settled(await signOut(bob))
  await last.closed
  const sender = await keep(connectAgent(broker, agent))
  await publishState(sender, attic, values(1))
  expect(last.received).toEqual([])
})

test('nothing is kept for a client that is away, whatever session it asks for', async () => {
  const { ann, agent, rack } = await world()
  const options = { clientId: 'keeper', clean: false }
  const first = await keep(connectPerson(broker, ann, options))
  await first.subscribe('v1/devices/+/state')
  await first.end()
  const sender = await keep(connectAgent(broker, agent))
  await publishState(sender, rack, values(1))
  const again = await keep(connectPerson(broker, ann, options))
  await again.subscribe('v1/errors')
  await again.publish('a/b', 'fence')
  await again.next(({ topic }) => topic === 'v1/errors')
  expect(again.received.filter(({ topic }) => topic !== 'v1/errors')).toEqual([])
})

test('an agent is online from its birth message until its socket is gone, and its viewers get none of it', async () => {
  const { db, ann, agent, rack } = await world()
  const owner = await keep(connectPerson(broker, ann))
  await owner.subscribe('#')
  const told: string[] = []
  const off = listener.on('agent_state', (id) => told.push(id))
  const will = { topic: statusTopic(agent), payload: Buffer.from(statusOf(false)), qos: 1 as const, retain: true }
  const client = await keep(connectAgent(broker, agent, { will }))
  await client.publish(statusTopic(agent), statusOf(true, '7.0'), { retain: true })
  const row = () =>
    db
      .selectFrom('agent')
      .select(['online', 'version', 'interval_s'])
      .where('id', '=', agent.agentId)
      .executeTakeFirst()
  expect(await row()).toEqual({ online: true, version: '7.0', interval_s: 5 })
  client.client.stream.destroy()
  await expect.poll(row).toEqual({ online: false, version: '7.0', interval_s: 5 })
  await expect.poll(() => told.filter((id) => id === agent.agentId).length).toBe(2)
  off()
  const again = await keep(connectAgent(broker, agent))
  await publishState(again, rack, values(1))
  await owner.next(on(rack))
  expect(owner.received).toHaveLength(1)
})

test('a will for somebody else’s topic lets nobody in', async () => {
  const { ann, agent } = await world()
  const other = await makeAgent(database.db)
  const will = (payload: string, topic = statusTopic(agent)) => ({
    topic,
    payload: Buffer.from(payload),
    qos: 1 as const,
    retain: true,
  })
  await expect(connectAgent(broker, other, { will: will(statusOf(false)) })).rejects.toMatchObject({ code: 5 })
  await expect(connectPerson(broker, ann, { will: will(statusOf(false)) })).rejects.toMatchObject({ code: 5 })
  await expect(connectAgent(broker, agent, { will: will('nonsense') })).rejects.toMatchObject({ code: 5 })
  await expect(connectAgent(broker, agent, { will: will(statusOf(true)) })).rejects.toMatchObject({ code: 5 })
})

test('without a lease no person is served, from the first delivery on; agents go on; with it, all is as before', async () => {
  const { db, ann, agent, rack } = await world()
  let asleep = 0
  const clocked = await startTestBroker(database.url, {
    clock: { now: () => Date.now() + asleep, monotonic: systemClock.monotonic },
  })
  const blocked = Promise.withResolvers<void>()
  try {
    const sender = await connectAgent(clocked, agent)
    const owner = await connectPerson(clocked, ann)
    await owner.subscribe('v1/devices/+/state')
    await publishState(sender, rack, values(1))
    await owner.next(on(rack, 1))
    // nobody can renew a lease any more
    const held = Promise.withResolvers<void>()
    const blocking = db.transaction().execute(async (tx) => {
      await tx.selectFrom('edge').select('id').orderBy('started_at', 'desc').limit(1).forUpdate().execute()
      held.resolve()
      await blocked.promise
    })
    await held.promise
    // as after a suspended machine: the lease is over, no timer has noticed
    asleep = 60_000
    await publishState(sender, rack, values(2))
    // the answer comes after whatever was delivered before it
    expect(await owner.subscribe('v1/errors')).toHaveLength(1)
    expect(owner.received).toHaveLength(1)
    await owner.closed
    await expect(connectPerson(clocked, ann)).rejects.toMatchObject({ code: 3 })
    expect((await fetch(`${clocked.metricsUrl}/readyz`)).status).toBe(503)
    expect((await fetch(`${clocked.metricsUrl}/healthz`)).status).toBe(200)
    const stored = await db.selectFrom('sample').select('seq').where('device_id', '=', rack).orderBy('seq').execute()
    expect(stored).toEqual([{ seq: 1 }, { seq: 2 }])

    asleep = 0
    blocked.resolve()
    await blocking
    await expect.poll(async () => (await fetch(`${clocked.metricsUrl}/readyz`)).status, { timeout: 5000 }).toBe(200)
    const again = await connectPerson(clocked, ann)
    await again.subscribe('v1/devices/+/state')
    await again.next(on(rack, 2))
    await again.end()
    await sender.end()
  } finally {
    blocked.resolve()
    await clocked.stop()
  }
})
