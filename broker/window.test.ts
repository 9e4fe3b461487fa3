// What time alone opens and closes, what a share's own credential is worth, and that a clock which is set loses nothing.
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { mintToken } from '@ridethrough/db/token.ts'
import { maskOf } from '@ridethrough/protocol/privilege.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from '../test/model/client.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { changeAccess, makeAgent, makeDevice, makePerson, makeShare, revokeShare } from '../test/support/world.ts'
import { connectAgent, connectPerson, publishState, startTestBroker, type TestBroker, values } from './testing.ts'

/** A Wednesday; the devices stand in UTC. */
const NOON = Date.UTC(2026, 10, 25, 12)
const HOUR = 3_600_000

let database: TestDatabase
let listener: Listener
let broker: TestBroker
let now = NOON

beforeAll(async () => {
  database = await testDatabase()
  listener = await Listener.start(database.url, pino({ level: 'silent' }))
  broker = await startTestBroker(database.url, { clock: { now: () => now, monotonic: systemClock.monotonic } })
})

afterAll(async () => {
  await broker?.stop()
  await listener?.stop()
  await database?.stop()
})

const settled = (version: number) => waitForEdges(database.db, listener, version, systemClock)
const on = (deviceId: string, seq: number) => (message: { topic: string; text: string }) =>
  message.topic === deviceTopic(deviceId, 'state') && JSON.parse(message.text).seq === seq

/** Two shared devices of one owner, both with an agent that sends; the sessions outlast the test's clock. */
async function world() {
  now = NOON
  const { db } = database
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  await db
    .updateTable('session')
    .set({ expires_at: new Date(NOON + 1000 * HOUR), last_used_at: new Date(NOON) })
    .where('id', 'in', [ann.sessionId, bob.sessionId])
    .execute()
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const attic = await makeDevice(db, ann, agent, 'Attic')
  const limited = await makeShare(db, ann, bob, [rack])
  const open = await makeShare(db, ann, bob, [attic])
  await settled(open.version)
  const sender = await connectAgent(broker, agent)
  return { db, ann, bob, agent, rack, attic, limited, open, sender }
}

type World = Awaited<ReturnType<typeof world>>

function setWindows({ db, bob, limited }: World, windows: object[]): Promise<number> {
  return changeAccess(db, { accounts: [bob.accountId], what: 'share changed' }, async (tx) => {
    await tx
      .updateTable('share')
      .set({ windows: JSON.stringify(windows) })
      .where('id', '=', limited.shareId)
      .execute()
  })
}

/** The clock is set, and every edge has noticed. */
async function setClock(to: number): Promise<void> {
  now = to
  await settled(await changeAccess(database.db, { what: 'nothing' }, async () => {}))
}

test('a weekly window closes and opens a subscription to the second, without a word from the client [R23]', async () => {
  const at = await world()
  const { bob, rack, attic, sender } = at
  const guest = await connectPerson(broker, bob)
  const topic = deviceTopic(rack, 'state')
  expect(await guest.subscribe([topic, deviceTopic(attic, 'state')])).toEqual([1, 1])
  await settled(await setWindows(at, [{ days: [3], from: '08:00', until: '17:00' }]))
  let seq = 0
  const isShown = async () => {
    seq += 1
    await publishState(sender, rack, values(seq))
    await publishState(sender, attic, values(seq))
    await guest.next(on(attic, seq))
    return guest.received.some(on(rack, seq))
  }
  expect(await isShown()).toBe(true)
  // Each delivery is looked at: nobody has told the broker that the clock has moved.
  now = NOON + 5 * HOUR
  expect(await isShown()).toBe(false)
  await setClock(NOON + 5 * HOUR)
  expect(await isShown()).toBe(false)
  await setClock(NOON + 5 * HOUR - 1)
  expect(await isShown()).toBe(true)
  await setClock(NOON + (7 * 24 - 4) * HOUR - 1)
  expect(await isShown()).toBe(false)
  // Who comes at night is let in, is shown nothing, not even what is kept, and is served in the morning.
  const late = await connectPerson(broker, bob)
  expect(await late.subscribe(topic)).toEqual([1])
  await setClock(NOON + (7 * 24 - 4) * HOUR)
  expect(await isShown()).toBe(true)
  await late.next(on(rack, seq))
  expect(late.received).toHaveLength(1)
  await Promise.all([guest.end(), late.end(), sender.end()])
})

test('what is suspended or over ends the subscription to the one device; a wildcard brings it again [R25]', async () => {
  const at = await world()
  const { db, bob, rack, attic, limited, sender } = at
  const exact = await connectPerson(broker, bob)
  const wide = await connectPerson(broker, bob)
  await exact.subscribe([deviceTopic(rack, 'state'), deviceTopic(attic, 'state')])
  await wide.subscribe('v1/devices/+/state')
  const suspend = (suspendedAt: Date | null) =>
    changeAccess(db, { accounts: [bob.accountId], what: 'share suspended' }, async (tx) => {
      await tx.updateTable('share').set({ suspended_at: suspendedAt }).where('id', '=', limited.shareId).execute()
    })
  const report = await settled(await suspend(new Date(NOON)))
  expect(report.edges).toMatchObject([{ subscriptions: 2, connections: 0 }])
  await publishState(sender, rack, values(1))
  await publishState(sender, attic, values(1))
  await Promise.all([exact, wide].map((client) => client.next(on(attic, 1))))
  await settled(await suspend(null))
  await publishState(sender, rack, values(2))
  await wide.next(on(rack, 2))
  await publishState(sender, attic, values(2))
  await exact.next(on(attic, 2))
  expect([...exact.received, ...wide.received].some(on(rack, 1))).toBe(false)
  expect(exact.received.some(on(rack, 2))).toBe(false)
  expect(await exact.subscribe(deviceTopic(rack, 'state'))).toEqual([1])
  await exact.next(on(rack, 2))
  await Promise.all([exact.end(), wide.end(), sender.end()])
})

test('the credential of a share opens that share, nothing else, and dies with it [R24]', async () => {
  const at = await world()
  const { db, bob, rack, attic, limited, sender } = at
  const { token, hash } = mintToken()
  await db
    .insertInto('share_credential')
    .values({
      ...{ share_id: limited.shareId, account_id: bob.accountId, name: 'plant room', token_hash: hash },
      ...{ privileges: maskOf(['monitor']), expires_at: null },
    })
    .execute()
  const program = await connectPerson(broker, { ...bob, token })
  expect(await program.subscribe(['v1/devices/+/state', deviceTopic(attic, 'state')])).toEqual([1, 128])
  await publishState(sender, attic, values(1))
  await publishState(sender, rack, values(1))
  await program.next(on(rack, 1))
  expect(program.received).toHaveLength(1)
  await settled(await revokeShare(db, limited, bob))
  await program.closed
  await expect(connectPerson(broker, { ...bob, token })).rejects.toMatchObject({ code: 4 })
  await sender.end()
})

test('what a browser holds that has opened a link is no way in by MQTT [R22]', async () => {
  const { db, ann, bob, sender } = await world()
  const [ofLink, ofSession] = [mintToken(), mintToken()]
  const link = await db
    .insertInto('link')
    .values({
      ...{
        company_id: ann.companyId,
        created_by: ann.accountId,
        name: 'door',
        token_hash: ofLink.hash,
        variables: null,
      },
      ...{
        token_sealed: Buffer.alloc(1),
        privileges: 1,
        starts_at: null,
        ends_at: null,
        max_uses: null,
        pin_hash: null,
      },
      last_used_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('link_session')
    .values({
      ...{ link_id: link.id, token_hash: ofSession.hash, expires_at: new Date(NOON + 1000 * HOUR) },
      ...{ address: '127.0.0.1', user_agent: 'test' },
    })
    .execute()
  for (const { token } of [ofLink, ofSession]) {
    await expect(connectPerson(broker, { ...bob, token })).rejects.toMatchObject({ code: 4 })
  }
  await sender.end()
})

test('a message at the moment at which the clock is set waits for the lease, and is not lost [R72]', async () => {
  const { ann, rack, sender } = await world()
  const owner = await connectPerson(broker, ann)
  await owner.subscribe('v1/devices/+/state')
  for (let seq = 1; seq <= 5; seq += 1) {
    now += HOUR
    await publishState(sender, rack, values(seq))
    // The lease that it waits for would be void again if the clock were set while it is asked for.
    await owner.next(on(rack, seq))
  }
  expect(owner.received.map(({ text }) => JSON.parse(text).seq)).toEqual([1, 2, 3, 4, 5])
  await Promise.all([owner.end(), sender.end()])
})

test("rights that come while a kept state waits for the lease bring no former owner's state with them", async () => {
  const { db, bob, agent, rack, attic, sender } = await world()
  await publishState(sender, rack, values(500))
  await publishState(sender, attic, values(1))
  const guest = await connectPerson(broker, bob)
  await guest.subscribe(deviceTopic(attic, 'state'))
  await guest.next(on(attic, 1))
  const from = guest.received.length
  const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let reading: Promise<void> | undefined
  const change = { accounts: [bob.accountId], devices: [rack], agents: [agent.agentId], what: 'device changed hands' }
  const version = await changeAccess(db, change, async (tx) => {
    // The broker cannot renew its lease before it reads of this change ...
    await sql`lock table access_change in access exclusive mode`.execute(tx)
    now += HOUR
    const before = await broker.metric('subscriptions_total{answer="granted"}')
    void guest.subscribe('v1/devices/+/state')
    await expect.poll(() => broker.metric('subscriptions_total{answer="granted"}')).toBe(before + 1)
    await tx.deleteFrom('device').where('id', '=', rack).execute()
    const mine = { company_id: bob.companyId, claimed_by: bob.accountId, agent_id: agent.agentId }
    await tx
      .insertInto('device')
      .values({ id: rack, ...mine, name: 'R', plan: 'basic', time_zone: 'UTC' })
      .execute()
    // ... and not learn that the kept state is gone before it has its lease: whoever waits for a lock has it before them.
    reading = db.transaction().execute(async (other) => {
      await sql`lock table device_state in access exclusive mode`.execute(other)
      locked.resolve()
      await free.promise
    })
    const waiting = sql<{
      count: number
    }>`select count(*)::int as count from pg_locks where not granted and relation = 'device_state'::regclass`
    await expect.poll(async () => (await waiting.execute(db)).rows[0]?.count).toBe(1)
  })
  await locked.promise
  await settled(version)
  free.resolve()
  await reading
  await guest.next(on(attic, 1), from)
  await publishState(sender, attic, values(2))
  await guest.next(on(attic, 2))
  expect(guest.received.filter(({ topic }) => topic === deviceTopic(rack, 'state'))).toEqual([])
  await Promise.all([guest.end(), sender.end()])
})

test('unsubscribed and subscribed again in one breath: the subscription is there', async () => {
  const { ann, rack, sender } = await world()
  const got: string[] = []
  const client = new Client(broker.port, ({ topic }) => got.push(topic))
  await client.open({ clientId: 'quick', username: 'anybody', password: ann.token })
  const filter = 'v1/devices/+/state'
  await client.subscribe([[filter, 1]])
  client.socket.cork()
  const answers = [client.unsubscribe([filter]), client.subscribe([[filter, 1]])]
  client.socket.uncork()
  expect(await Promise.all(answers)).toEqual([true, [1]])
  await publishState(sender, rack, values(1))
  await client.ping()
  expect(got).toEqual([deviceTopic(rack, 'state')])
  client.disconnect()
  await sender.end()
})
