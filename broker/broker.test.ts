// What passes between agents and persons, and what does not: real broker, real clients, real PostgreSQL.
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare } from '../test/support/world.ts'
import {
  connectAgent,
  connectPerson,
  publishState,
  startTestBroker,
  type TestBroker,
  type TestClient,
  values,
} from './testing.ts'

let database: TestDatabase
let broker: TestBroker
const clients: TestClient[] = []

beforeAll(async () => {
  database = await testDatabase()
  broker = await startTestBroker(database.url)
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end()
})

afterAll(async () => {
  await broker?.stop()
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
  return { db, ann, bob, agent, rack, attic, share }
}

test('a sample travels from its agent to whoever may monitor the device, and to nobody else by any wildcard', async () => {
  const { ann, bob, agent, rack, attic } = await world()
  const sender = await keep(connectAgent(broker, agent))
  const owner = await keep(connectPerson(broker, ann))
  const guest = await keep(connectPerson(broker, bob))
  expect(await owner.subscribe('v1/devices/+/state')).toEqual([1])
  expect(await guest.subscribe(['#', 'v1/devices/+/state', 'v1/devices/#'])).toEqual([1, 1, 1])

  await publishState(sender, attic, values(1))
  await publishState(sender, rack, values(1))
  const fence = await guest.next(({ topic }) => topic === deviceTopic(rack, 'state'))
  expect(JSON.parse(fence.text)).toMatchObject({ seq: 1, status: 'OL' })
  expect(guest.received).toHaveLength(1)
  await owner.next(({ topic }) => topic === deviceTopic(rack, 'state'))
  expect(owner.received.map(({ topic }) => topic)).toEqual([deviceTopic(attic, 'state'), deviceTopic(rack, 'state')])
})
