// Traps of several brokers on one PostgreSQL (TRAPS.md): a client is at one of them.
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { serveTests } from '../test/support/broker.ts'
import type { Person } from '../test/support/world.ts'
import {
  connectAgent,
  publishState,
  startTestBroker,
  statusOf,
  statusTopic,
  type TestBroker,
  values,
} from './testing.ts'

const { served, keep, bare, world } = serveTests()
const others: TestBroker[] = []

afterEach(async () => {
  for (const one of others.splice(0)) await one.stop()
})

async function anotherBroker(): Promise<TestBroker> {
  const one = await startTestBroker(served.database.url)
  others.push(one)
  return one
}

test('T17: an agent that comes to another broker leaves the first, stays online, and may come back', async () => {
  const { db, agent, rack } = await world()
  const [here, there] = [served.broker, await anotherBroker()]
  const isOnline = async () =>
    (await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst())?.online
  let before = await keep(connectAgent(here, agent))
  await before.publish(statusTopic(agent), statusOf(true))
  let seq = 0
  for (const broker of [there, here, there]) {
    const next = await keep(connectAgent(broker, agent))
    await expect.poll(() => before.client.connected, { timeout: 10_000 }).toBe(false)
    seq += 1
    await publishState(next, rack, values(seq))
    expect(await isOnline()).toBe(true)
    before = next
  }
  await before.end()
  await expect.poll(isOnline).toBe(false)
})

const signIn = async (broker: TestBroker, person: Person, clientId: string) => {
  const client = bare(() => {}, broker)
  expect(await client.open({ clientId, username: 'any', password: person.token })).toBe(0)
  return client
}

/** At each of them, all in one moment; where others come under the same id one may be cut before it is answered. */
async function arriveAtOnce(brokers: readonly TestBroker[], person: Person, clientId: string) {
  const clients = brokers.map((broker) => bare(() => {}, broker))
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
  await Promise.all(clients.map((client) => client.open({ clientId, username: 'any', password: person.token })))
  return clients
}

test('T17: of those that come to several brokers at once under one id, one stays, and only that one', async () => {
  const { ann, bob } = await world()
  const brokers = [served.broker, await anotherBroker(), await anotherBroker()]
  const bystander = await signIn(served.broker, bob, 'phone')
  for (let round = 0; round < 20; round += 1) {
    const clients = await arriveAtOnce(brokers, ann, `phone-${round}`)
    await expect.poll(() => clients.filter(({ isClosed }) => !isClosed).length, { timeout: 10_000 }).toBe(1)
    // another client's move, told after all of these, is done: so is everything that they were told
    const first = await signIn(served.broker, bob, `fence-${round}`)
    await signIn(brokers[1] as TestBroker, bob, `fence-${round}`)
    await first.closed
    const left = clients.filter(({ isClosed }) => !isClosed)
    expect(await Promise.all(left.map((client) => client.ping()))).toEqual([true])
  }
  expect(await bystander.ping()).toBe(true)
})

test('clients at several brokers leave those of other credentials alone, whatever they call themselves', async () => {
  const { ann, bob, agent, rack } = await world()
  const there = await anotherBroker()
  const sender = await keep(connectAgent(served.broker, agent, { clientId: 'phone' }))
  const clients = [await signIn(served.broker, ann, 'phone'), await signIn(there, bob, 'phone')]
  expect(await Promise.all(clients.map((client) => client.ping()))).toEqual([true, true])
  await publishState(sender, rack, values(1))
})
