import { once } from 'node:events'
import { connect } from 'node:net'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../test/support/world.ts'
import { readBrokerConfig } from './config.ts'
import {
  connectAgent,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  statusOf,
  statusTopic,
  values,
} from './testing.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

test('stopping shows everybody out, stores what waits, and says of every agent that it is gone', async () => {
  const { db } = database
  const broker = await startTestBroker(database.url)
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const [sender, viewer, silent] = [
    await connectAgent(broker, agent),
    await connectPerson(broker, ann),
    await connectRaw(broker),
  ]
  await sender.publish(statusTopic(agent), statusOf(true))
  await publishState(sender, rack, values(1))
  await Promise.all([broker.stop(), broker.stop()])
  await Promise.all([sender.closed, viewer.closed, silent.closed])
  expect(await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst()).toEqual({
    online: false,
  })
  expect(await db.selectFrom('edge').select('id').execute()).toEqual([])
  const refused = connect(broker.port, '127.0.0.1')
  expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }])
})

test('an agent that is hung up on is gone in the database already, so that the next broker is there the sooner', async () => {
  const { db } = database
  const broker = await startTestBroker(database.url)
  const agent = await makeAgent(db)
  const sender = await connectAgent(broker, agent)
  await sender.publish(statusTopic(agent), statusOf(true))
  const online = () => db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst()
  expect(await online()).toEqual({ online: true })
  let isClosed = false
  void sender.closed.then(() => {
    isClosed = true
  })
  const { stopped } = await db.transaction().execute(async (tx) => {
    // whoever writes to this agent waits for us
    await tx.selectFrom('agent').select('id').where('id', '=', agent.agentId).forUpdate().execute()
    const stopped = broker.stop()
    await expect
      .poll(async () => {
        const { rows } =
          await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.execute(
            db,
          )
        return rows.length
      })
      .toBe(1)
    expect(isClosed).toBe(false)
    return { stopped }
  })
  await stopped
  await sender.closed
  expect(await online()).toEqual({ online: false })
})

test('a broker that starts says of agents that a dead one left online that they are gone, and knows every state', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const first = await startTestBroker(database.url)
  const sender = await connectAgent(first, agent)
  await publishState(sender, rack, values(3, { 'ups.id': 'x' }))
  await sender.end()
  await first.stop()
  await db.updateTable('agent').set({ online: true }).where('id', '=', agent.agentId).execute()

  const second = await startTestBroker(database.url)
  expect(await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst()).toEqual({
    online: false,
  })
  const viewer = await connectPerson(second, ann)
  await viewer.subscribe('v1/devices/+/state')
  const kept = await viewer.next(() => true)
  expect(kept.retain).toBe(true)
  expect(JSON.parse(kept.text)).toMatchObject({ kind: 'values', seq: 3, status: 'OL', variables: { 'ups.id': 'x' } })
  await viewer.end()
  await second.stop()
})

test('a broker that cannot start leaves nothing running', async () => {
  const first = await startTestBroker(database.url)
  const taken = {
    ...readBrokerConfig({
      DATABASE_URL: database.url,
      HOST: '127.0.0.1',
      METRICS_PORT: '0',
      MQTT_PORT: String(first.port),
    }),
  }
  const { startBroker } = await import('./main.ts')
  const { pino } = await import('pino')
  await expect(startBroker(taken, pino({ level: 'silent' }))).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(await database.db.selectFrom('edge').select('id').execute()).toHaveLength(1)
  await first.stop()
})

test('every mistake in the configuration is named', () => {
  expect(() => readBrokerConfig({ MQTT_PORT: '99999' })).toThrow(/DATABASE_URL.*MQTT_PORT/)
  expect(readBrokerConfig({ DATABASE_URL: 'postgres://x' })).toMatchObject({ mqttPort: 1883, storePatienceMs: 30_000 })
})

test('metrics count, and unknown paths are not found', async () => {
  const broker = await startTestBroker(database.url)
  const raw = await connectRaw(broker)
  raw.write('GET / HTTP/1.1\r\n\r\n')
  await raw.closed
  expect(await (await fetch(`${broker.metricsUrl}/metrics`)).text()).toContain(
    'ridethrough_broker_packets_refused_total{reason="connect-missing"} 1',
  )
  expect((await fetch(`${broker.metricsUrl}/else`)).status).toBe(404)
  await broker.stop()
})
