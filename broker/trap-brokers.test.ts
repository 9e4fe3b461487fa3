// Traps of several brokers on one PostgreSQL (TRAPS.md): a client is at one of them.
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

/** Where others come under the same id it may be cut before it is answered. */
const arrive = async (broker: TestBroker, person: Person, clientId: string) => {
  const client = bare(() => {}, broker)
  const code = await client.open({ clientId, username: 'any', password: person.token })
  return { client, code }
}

const signIn = async (broker: TestBroker, person: Person, clientId: string) => {
  const { client, code } = await arrive(broker, person, clientId)
  expect(code).toBe(0)
  return client
}

test('T17: of those that come to several brokers at once under one id, one stays, and only that one', async () => {
  const { ann, bob } = await world()
  const brokers = [served.broker, await anotherBroker(), await anotherBroker()]
  const bystander = await signIn(served.broker, bob, 'phone')
  for (let round = 0; round < 5; round += 1) {
    const arrivals = await Promise.all(brokers.map((broker) => arrive(broker, ann, 'phone')))
    const clients = arrivals.map(({ client }) => client)
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
