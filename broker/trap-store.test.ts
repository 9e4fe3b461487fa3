// Traps between the packet and the database (TRAPS.md): what PUBACK means, and a store that is slow, hangs or is gone.
import { once } from 'node:events'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { serveTests } from '../test/support/broker.ts'
import { startPart } from '../test/support/part.ts'
import type { TestAgent } from '../test/support/world.ts'
import {
  connectAgent,
  connectClient,
  connectPerson,
  publishState,
  startTestBroker,
  type TestBroker,
  values,
} from './testing.ts'

const { served, keep, world } = serveTests()

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => index + from)
const stored = async (deviceId: string) =>
  (
    await served.database.db
      .selectFrom('sample')
      .select('seq')
      .where('device_id', '=', deviceId)
      .orderBy('seq')
      .execute()
  ).map(({ seq }) => seq)

test('T2: 500 messages at QoS 1 through a slow store: all acknowledged, all stored, all delivered', async () => {
  const { db, ann, agent, rack } = await world()
  const viewer = await keep(connectPerson(served.broker, ann))
  await viewer.subscribe('v1/devices/+/state')
  const sender = await keep(connectAgent(served.broker, agent))
  // known to the store as one that repeats nothing
  for (const seq of upTo(3)) await publishState(sender, rack, values(seq))
  await sql`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$`.execute(
    db,
  )
  await sql`
    create trigger dawdle before insert on sample for each row when (new.seq = 4) execute function dawdle()`.execute(db)
  try {
    const slow = publishState(sender, rack, values(4))
    await expect.poll(() => served.broker.metric('samples_waiting')).toBe(1)
    await Promise.all([slow, ...upTo(500, 5).map((seq) => publishState(sender, rack, values(seq)))])
  } finally {
    await sql`drop function dawdle cascade`.execute(db)
  }
  expect(await stored(rack)).toEqual(upTo(504))
  await viewer.next(({ text }) => text.includes('"seq":504,'))
  expect(viewer.received.map(({ text }) => JSON.parse(text).seq)).toEqual(upTo(504))
})

const credentials = ({ agentId, token }: TestAgent) => ({ username: `agent:${agentId}`, password: Buffer.from(token) })
test('T10: a sign-in that hangs is answered in time, and so many hang at once', async () => {
  const { db, ann, agent } = await world()
  const broker = await startTestBroker(served.database.url, { limits: { signIns: 3, signInsWaiting: 0 } })
  const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const locking = db.transaction().execute(async (tx) => {
    await sql`lock table session, agent in access exclusive mode`.execute(tx)
    locked.resolve()
    await free.promise
  })
  await locked.promise
  try {
    const refused: string[] = []
    const attempt = (name: string, client: Promise<unknown>) =>
      client.then(
        () => refused.push(`${name}: let in`),
        (error: { code?: number }) => refused.push(`${name}: ${error.code}`),
      )
    const hanging = [
      attempt('person', connectPerson(broker, ann)),
      attempt('agent', connectAgent(broker, agent)),
      attempt('person', connectPerson(broker, ann)),
    ]
    await expect.poll(() => signInsOf(broker)).toBe(3)
    // no place is left: this one is not kept waiting
    await attempt('one more', connectPerson(broker, ann))
    expect(refused).toEqual(['one more: 3'])
    await Promise.all(hanging)
    expect(refused.slice(1).sort()).toEqual(['agent: 3', 'person: 3', 'person: 3'])
    // given up by those who asked, and still there: what hangs takes up its place until the database answers
    expect(await signInsOf(broker)).toBe(3)
    free.resolve()
    await locking
    await expect.poll(() => signInsOf(broker)).toBe(0)
    await (await connectPerson(broker, ann)).end()
  } finally {
    free.resolve()
    await locking
    await broker.stop()
  }
})

test('T10: sign-ins that hang hold up no sample', async () => {
  const { db, ann, agent, rack } = await world()
  const sender = await keep(connectAgent(served.broker, agent))
  const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const locking = db.transaction().execute(async (tx) => {
    await sql`lock table session in access exclusive mode`.execute(tx)
    locked.resolve()
    await free.promise
  })
  await locked.promise
  try {
    const hanging = Array.from({ length: 20 }, () => connectPerson(served.broker, ann).catch(() => {}))
    const waiting = sql<{ count: number }>`
      select count(*)::int as count from pg_locks where not granted and relation = 'session'::regclass`
    await expect.poll(async () => (await waiting.execute(db)).rows[0]?.count).toBeGreaterThanOrEqual(8)
    const published = publishState(sender, rack, values(1)).then(() => 'stored')
    expect(await Promise.race([published, Promise.all(hanging).then(() => 'behind them')])).toBe('stored')
    await Promise.all(hanging)
  } finally {
    free.resolve()
    await locking
  }
  expect(await stored(rack)).toEqual([1])
})

const signInsOf = async (broker: TestBroker) =>
  (await broker.metric('sign_ins{kind="person"}')) + (await broker.metric('sign_ins{kind="agent"}'))

test('T23: connections to the database that end, idle, in use or listening, do not end the process', async () => {
  const { db, agent, rack } = await world()
  const name = 'trap-23'
  const url = `${served.database.url}&application_name=${name}`
  const part = await startPart(['broker'], {
    ...{ DATABASE_URL: url, MQTT_PORT: '0', METRICS_PORT: '0', HOST: '127.0.0.1', STORE_PATIENCE_MS: '30000' },
  })
  try {
    const gone = once(part.process, 'exit').then(() => 'gone')
    const sender = await connectClient({ ...served.broker, mqttUrl: part.ready.mqtt ?? '' }, credentials(agent))
    await publishState(sender, rack, values(1))
    for (const seq of [2, 3]) {
      const [held, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const holding = db.transaction().execute(async (tx) => {
        await tx.selectFrom('device_state').select('seq').where('device_id', '=', rack).forUpdate().execute()
        held.resolve()
        await free.promise
      })
      await held.promise
      try {
        const acknowledged = publishState(sender, rack, values(seq)).then(() => 'acknowledged')
        // the sample's transaction has begun, and waits
        await expect.poll(() => countWaiting(name)).toBe(1)
        const { rows } = await sql`
          select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`.execute(db)
        expect(rows.length).toBeGreaterThan(2)
        free.resolve()
        expect(await Promise.race([acknowledged, gone])).toBe('acknowledged')
      } finally {
        free.resolve()
        await holding
      }
    }
    expect(part.process.exitCode).toBe(null)
    expect((await fetch(`${part.ready.metrics}/healthz`)).status).toBe(200)
    const text = await (await fetch(`${part.ready.metrics}/metrics`)).text()
    expect(Number(/^ridethrough_broker_store_failures_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0)
    expect(await stored(rack)).toEqual([1, 2, 3])
    await sender.end()
  } finally {
    await part.stop()
  }
})

async function countWaiting(name: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity where application_name = ${name} and wait_event_type = 'Lock'`.execute(
    served.database.db,
  )
  return rows[0]?.count ?? 0
}
