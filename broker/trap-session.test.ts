// Traps of sessions, identities and revocations (TRAPS.md): what a broker must not remember, and whom it must not lose sight of.
import { insertSession } from '@ridethrough/db/query/session.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { expect, test } from 'vitest'
import { serveTests } from '../test/support/broker.ts'
import { changeAccess, makeAgent, makeShare, type Person, revokeShare } from '../test/support/world.ts'
import {
  connectAgent,
  connectPacket,
  connectPerson,
  connectRaw,
  publishState,
  startTestBroker,
  statusOf,
  statusTopic,
  type TestBroker,
  type TestClient,
  values,
} from './testing.ts'

const { served, settled, keep, bare, world } = serveTests()

const ACCEPTED = Buffer.from([0x20, 2, 0, 0])
const stateOf = (deviceId: string) => deviceTopic(deviceId, 'state')
const statesOf = ({ received }: TestClient) =>
  received.filter(({ topic }) => topic.endsWith('/state')).map(({ topic, text }) => [topic, JSON.parse(text).seq])

/** When it resolves, everything that the broker had for this client before has come. */
async function fence(client: TestClient): Promise<void> {
  const from = client.received.length
  await client.subscribe('v1/errors')
  await client.publish('a/b', 'fence')
  await client.next(({ topic }) => topic === 'v1/errors', from)
}

test('T1: a filter that was refused brings nothing at the next connection, whatever session is asked for', async () => {
  const { db, ann, bob, agent, rack, attic } = await world()
  const keeper = { clientId: 'keeper', clean: false }
  const first = await keep(connectPerson(served.broker, bob, keeper))
  expect(await first.subscribe([stateOf(rack), stateOf(attic)])).toEqual([1, 128])
  await first.end()
  // from here on the right is there; the subscription is not
  await settled((await makeShare(db, ann, bob, [attic])).version)
  const again = await keep(connectPerson(served.broker, bob, keeper))
  const sender = await keep(connectAgent(served.broker, agent))
  for (const id of [attic, rack]) await publishState(sender, id, values(1))
  await fence(again)
  expect(statesOf(again)).toEqual([])
})

test('T4: a message that is refused takes no other with it, and no reader, whatever session that one asked for', async () => {
  const { db, ann, bob, agent, rack, attic } = await world()
  const share = await makeShare(db, ann, bob, [attic])
  await settled(share.version)
  const sender = await keep(connectAgent(served.broker, agent))
  const keeper = { clientId: 'keeper', clean: false }
  const first = await keep(connectPerson(served.broker, bob, keeper))
  await first.subscribe('v1/devices/+/state')
  await first.end()
  for (const id of [attic, rack]) await publishState(sender, id, values(1))
  await settled(await revokeShare(db, share, bob))
  const raw = await connectRaw(served.broker)
  raw.write(connectPacket({ ...keeper, username: 'bob', password: Buffer.from(bob.token) }))
  // accepted, and no session was present [MQTT-3.2.2-1]
  await expect.poll(() => raw.bytes()).toEqual(ACCEPTED)
  raw.socket.destroy()
  const again = await keep(connectPerson(served.broker, bob, keeper))
  await again.subscribe('v1/devices/+/state')
  for (const seq of [2, 3]) for (const id of [attic, rack]) await publishState(sender, id, values(seq))
  await fence(again)
  expect(statesOf(again)).toEqual([1, 2, 3].map((seq) => [stateOf(rack), seq]))
})

test('T11: a client that comes again under its id while it is there is the one that a revoke reaches', async () => {
  const { db, bob, agent, rack, share } = await world()
  const sender = await keep(connectAgent(served.broker, agent))
  const first = await keep(connectPerson(served.broker, bob, { clientId: 'quick' }))
  const second = await keep(connectPerson(served.broker, bob, { clientId: 'quick' }))
  await first.closed
  await second.subscribe(['v1/devices/+/state', stateOf(rack)])
  await publishState(sender, rack, values(1))
  await second.next(({ topic }) => topic === stateOf(rack))
  const revoked = await settled(await revokeShare(db, share, bob))
  expect(revoked.edges).toMatchObject([{ subscriptions: 2, connections: 0 }])
  await publishState(sender, rack, values(2))
  await fence(second)
  expect(statesOf(second)).toEqual([[stateOf(rack), 1]])
  const signedOut = await settled(await signOut(bob))
  expect(signedOut.edges).toMatchObject([{ connections: 1 }])
  await second.closed
})

function signOut(person: Person): Promise<number> {
  return changeAccess(served.database.db, { credentials: [person.sessionId], what: 'signed out' }, async (tx) => {
    await tx.updateTable('session').set({ ended_at: new Date() }).where('id', '=', person.sessionId).execute()
  })
}

test('T12: a subscription that is on its way while its right is revoked is not there afterwards', async () => {
  const { db, ann, bob, agent, rack, share } = await world()
  const { broker } = served
  const sender = await keep(connectAgent(broker, agent))
  const guest = await keep(connectPerson(broker, bob))
  const granted = () => broker.metric('subscriptions_total{answer="granted"}')
  const before = await granted()
  const answer = guest.subscribe(stateOf(rack))
  await expect.poll(granted).toBe(before + 1)
  await settled(await revokeShare(db, share, bob))
  await answer
  // the right comes back; the subscription has gone with the one before
  await settled((await makeShare(db, ann, bob, [rack])).version)
  await publishState(sender, rack, values(1))
  await fence(guest)
  expect(statesOf(guest)).toEqual([])
  expect(await guest.subscribe(stateOf(rack))).toEqual([1])
  await publishState(sender, rack, values(2))
  await guest.next(({ text }) => text.includes('"seq":2,'))
})

test('T13: each start of the broker is somebody new, to whom nothing of an earlier one belongs', async () => {
  const { db, ann, agent, rack } = await world()
  const keeper = { clientId: 'keeper', clean: false, username: 'ann', password: Buffer.from(ann.token) }
  const [engines, edges] = [new Set<unknown>(), new Set<string>()]
  for (const seq of [1, 2]) {
    const before = new Set((await db.selectFrom('edge').select('id').execute()).map(({ id }) => id))
    const broker = await startTestBroker(served.database.url)
    try {
      engines.add(broker.logged.find((line) => line.engine !== undefined)?.engine)
      for (const { id } of await db.selectFrom('edge').select('id').execute()) if (!before.has(id)) edges.add(id)
      const messages: string[] = []
      const client = bare(({ topic }) => messages.push(topic), broker)
      client.socket.write(connectPacket(keeper))
      const sender = await connectAgent(broker, agent)
      await publishState(sender, rack, values(seq))
      expect(await client.ping()).toBe(true)
      // what was subscribed before the restart is not
      expect(messages).toEqual([])
      expect(await client.subscribe([[stateOf(rack), 1]])).toEqual([1])
      await sender.end()
      client.socket.destroy()
    } finally {
      await broker.stop()
    }
  }
  expect([...engines].every((id) => typeof id === 'string')).toBe(true)
  expect([engines.size, edges.size]).toEqual([2, 2])
})

test('T18: an error while a subscription is judged refuses that one, and locks nobody out', async () => {
  const { ann, agent, rack } = await world()
  let isBroken = false
  const clock = {
    now: () => {
      if (!isBroken) return Date.now()
      isBroken = false
      throw new Error('no clock')
    },
    monotonic: () => performance.now(),
  }
  const broker = await startTestBroker(served.database.url, { clock })
  try {
    const owner = bare(() => {}, broker)
    expect(await owner.open({ clientId: 'desk', username: 'ann', password: ann.token })).toBe(0)
    isBroken = true
    expect(await owner.subscribe([[stateOf(rack), 1]])).toEqual([0x80])
    expect(isBroken).toBe(false)
    expect(await owner.subscribe([[stateOf(rack), 1]])).toEqual([1])
    const again = await connectPerson(broker, ann, { clientId: 'desk' })
    expect(await again.subscribe(stateOf(rack))).toEqual([1])
    const sender = await connectAgent(broker, agent)
    await publishState(sender, rack, values(1))
    await again.next(({ topic }) => topic === stateOf(rack))
    for (const client of [sender, again]) await client.end()
  } finally {
    await broker.stop()
  }
})

test('T19: a client id that is empty, too long, or more than letters, digits, _ and - is refused', async () => {
  const { ann } = await world()
  const answers: (readonly [string, number | undefined])[] = []
  for (const clientId of ['', 'x'.repeat(60_000), 'x'.repeat(65), 'a\0b', 'a#', 'a/b', 'a+', 'ä']) {
    const raw = await connectRaw(served.broker)
    raw.write(connectPacket({ clientId, username: 'ann', password: Buffer.from(ann.token) }))
    await expect.poll(() => raw.bytes().length > 0 || raw.socket.closed).toBe(true)
    raw.socket.destroy()
    answers.push([clientId.slice(0, 3), raw.bytes()[3]])
  }
  // what is no CONNECT at all, for its length or for NUL, is closed without a word [MQTT-1.5.3-2]
  expect(answers).toEqual([
    ['', 2],
    ['xxx', undefined],
    ['xxx', 2],
    ['a\0b', undefined],
    ['a#', 2],
    ['a/b', 2],
    ['a+', 2],
    ['ä', 2],
  ])
})

test('T19: a client id belongs to its credential: nobody else gets what comes to it, or throws it out', async () => {
  const { db, ann, bob } = await world()
  const another = await insertSession(db, {
    accountId: ann.accountId,
    expiresAt: new Date(Date.now() + 3_600_000),
    address: '127.0.0.1',
    userAgent: 'test',
  })
  const sign = async (password: string) => {
    const client = bare()
    expect(await client.open({ clientId: 'phone', username: 'any', password })).toBe(0)
    return client
  }
  const own = await sign(ann.token)
  const others = [await sign(another.token), await sign(bob.token)]
  for (const client of [own, ...others]) expect(await client.ping()).toBe(true)
  await sign(ann.token)
  await own.closed
  for (const client of others) expect(await client.ping()).toBe(true)
})

test('T21: an agent that was taken over is there, one that is gone is not, whatever became of its will', async () => {
  const { db, ann, agent, rack } = await world()
  const { broker } = served
  const owner = await keep(connectPerson(broker, ann))
  await owner.subscribe('#')
  const will = { topic: statusTopic(agent), payload: Buffer.from(statusOf(false)), qos: 1 as const, retain: true }
  const isOnline = async () =>
    (await db.selectFrom('agent').select('online').where('id', '=', agent.agentId).executeTakeFirst())?.online
  const first = await keep(connectAgent(broker, agent, { will }))
  await first.publish(statusTopic(agent), statusOf(true), { retain: true })
  const second = await keep(connectAgent(broker, agent, { will }))
  await first.closed
  // what is to be written of agents is written in its order
  await beforeStatusesOf(broker)
  expect(await isOnline()).toBe(true)
  await publishState(second, rack, values(1))
  await owner.next(({ topic }) => topic === stateOf(rack))
  // the will is told to nobody
  expect(owner.received).toHaveLength(1)
  second.client.stream.destroy()
  await expect.poll(isOnline).toBe(false)
})

async function beforeStatusesOf(broker: TestBroker): Promise<void> {
  const other = await makeAgent(served.database.db)
  const client = await keep(connectAgent(broker, other))
  await client.publish(statusTopic(other), statusOf(true))
}
