// Who gets in, who does not, and what they are told [MQTT-3.2.2.3].
import { randomUUID } from 'node:crypto'
import { systemClock } from '@ridethrough/db/clock.ts'
import type { Edge } from '@ridethrough/db/edge.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makePerson } from '../test/support/world.ts'
import { Admission } from './admission.ts'
import { Authenticator } from './authenticate.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { createMetrics } from './metrics.ts'
import { connectAgent, connectClient, connectPerson, startTestBroker, type TestBroker } from './testing.ts'

let database: TestDatabase
let broker: TestBroker

beforeAll(async () => {
  database = await testDatabase()
  broker = await startTestBroker(database.url)
})

afterAll(async () => {
  await broker?.stop()
  await database?.stop()
})

const TOKEN = 'a token of good length'

test.each<[string, { username?: string; password?: string }, number]>([
  ['nothing', {}, 4],
  ['a user name alone', { username: 'ann' }, 4],
  ['a password that is no token', { username: 'ann', password: 'secret' }, 4],
  ['a token that nobody has', { username: 'ann', password: `rt_${'a'.repeat(43)}` }, 4],
  ['an agent without an id', { username: 'agent:', password: TOKEN }, 4],
  ['an agent whose id is no uuid', { username: 'agent:me', password: TOKEN }, 4],
  ['an agent whose id is in capitals', { username: `agent:${randomUUID().toUpperCase()}`, password: TOKEN }, 4],
  ['an agent with a short token', { username: `agent:${randomUUID()}`, password: 'short' }, 4],
  ['an agent with an endless token', { username: `agent:${randomUUID()}`, password: 'x'.repeat(513) }, 4],
])('%s: refused with its code, and the log holds no secret', async (_, credentials, code) => {
  await expect(connectClient(broker, credentials)).rejects.toMatchObject({ code })
  if (credentials.password !== undefined) expect(JSON.stringify(broker.logged)).not.toContain(credentials.password)
})

test('a person gets in with any user name and a token', async () => {
  const ann = await makePerson(database.db, 'Ann')
  for (const username of ['anybody', 'ann', '']) await (await connectPerson(broker, ann, { username })).end()
})

test('a session that has run out, or an account that was deactivated, is refused', async () => {
  const { db } = database
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  await db
    .updateTable('session')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('id', '=', ann.sessionId)
    .execute()
  // A company keeps an active owner: somebody must be left.
  const cid = await makePerson(db, 'Cid')
  await db.updateTable('account').set({ company_id: bob.companyId }).where('id', '=', cid.accountId).execute()
  await db.updateTable('account').set({ active: false }).where('id', '=', bob.accountId).execute()
  for (const person of [ann, bob]) await expect(connectPerson(broker, person)).rejects.toMatchObject({ code: 4 })
})

test('an agent that nobody knew owns its id from then on, and the log tells', async () => {
  const agent = { agentId: randomUUID(), token: TOKEN }
  await (await connectAgent(broker, agent)).end()
  expect(broker.logged.find((line) => line.agent === agent.agentId)).toMatchObject({
    msg: 'a new agent has enrolled itself',
  })
  await (await connectAgent(broker, agent)).end()
  await expect(connectAgent(broker, { ...agent, token: `${TOKEN}!` })).rejects.toMatchObject({ code: 4 })
})

test('of two that name a new id at once with different tokens, exactly one owns it', async () => {
  const agentId = randomUUID()
  const tokens = Array.from({ length: 6 }, (_, index) => `${TOKEN} ${index}`)
  const results = await Promise.allSettled(tokens.map((token) => connectAgent(broker, { agentId, token })))
  const [winner, ...others] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  expect(others).toEqual([])
  await winner?.end()
})

test('a revoked agent is refused', async () => {
  const agent = await makeAgent(database.db)
  await database.db.updateTable('agent').set({ revoked_at: new Date() }).where('id', '=', agent.agentId).execute()
  await expect(connectAgent(broker, agent)).rejects.toMatchObject({ code: 5 })
})

test(`an address enrols ${DEFAULT_LIMITS.enrolmentsPerMinutePerAddress} agents a minute, known agents are not concerned`, async () => {
  let monotonic = 0
  const clock = { now: Date.now, monotonic: () => monotonic }
  const fresh = await startTestBroker(database.url, { clock })
  try {
    const enrol = async () => (await connectAgent(fresh, { agentId: randomUUID(), token: TOKEN })).end()
    for (let count = 0; count < DEFAULT_LIMITS.enrolmentsPerMinutePerAddress; count++) await enrol()
    await expect(enrol()).rejects.toMatchObject({ code: 5 })
    await (await connectAgent(fresh, await makeAgent(database.db))).end()
    monotonic += 60_001
    await enrol()
  } finally {
    await fresh.stop()
  }
})

test('no more than 1000 agents wait for somebody to claim them', async () => {
  const { db } = database
  const rows = Array.from({ length: DEFAULT_LIMITS.unclaimedAgents }, () => ({
    id: randomUUID(),
    token_hash: Buffer.from('x'),
    version: '',
    interval_s: 60,
  }))
  await db.insertInto('agent').values(rows).execute()
  const agent = { agentId: randomUUID(), token: TOKEN }
  await expect(connectAgent(broker, agent)).rejects.toMatchObject({ code: 5 })
  await db.deleteFrom('agent').where('token_hash', '=', Buffer.from('x')).execute()
  await (await connectAgent(broker, agent)).end()
})

test('credentials that take too long to check are refused, so many are checked at once, and late ones are let go', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const opening = Promise.withResolvers<never>()
  const closed: unknown[] = []
  // an edge that takes its time, as one does whose database hangs
  const edge = {
    isServing: () => true,
    whenServing: async () => true,
    open: () => opening.promise,
    close: (principal: unknown) => closed.push(principal),
  }
  const limits = { ...DEFAULT_LIMITS, signIns: 50, signInsWaiting: 1 }
  const metrics = createMetrics()
  const admission = new Admission({ limits, clock: systemClock, metrics })
  const authenticator = new Authenticator({
    db: database.db,
    edge: edge as unknown as Edge,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    ...{ metrics, limits, admission },
  })
  const ask = () => authenticator.authenticate({ username: 'ann', password: Buffer.from(ann.token), address: '' })
  const many = Array.from({ length: 50 }, ask)
  const waiting = ask()
  expect(await ask()).toEqual({ outcome: 'too-many-at-once' })
  expect(new Set((await Promise.all(many)).map(({ outcome }) => outcome))).toEqual(new Set(['too-late']))
  opening.resolve('a principal' as never)
  await expect.poll(() => closed.length).toBe(50)
  expect(await waiting).toEqual({ outcome: 'signed-in', principal: 'a principal' })
  admission.stop()
})

test('agents that come together are looked up together, and each gets the answer that it would get alone', async () => {
  const { db } = database
  const agents = await Promise.all(Array.from({ length: 20 }, () => makeAgent(db)))
  await db
    .updateTable('agent')
    .set({ revoked_at: new Date() })
    .where('id', '=', agents[7]?.agentId ?? '')
    .execute()
  const results = await Promise.allSettled(
    agents.map(({ agentId, token }, index) =>
      connectAgent(broker, { agentId, token: index === 3 ? `${token}!` : token }),
    ),
  )
  const codes = results.map((result) => (result.status === 'fulfilled' ? 0 : result.reason.code))
  expect(codes).toEqual(agents.map((_, index) => (index === 3 ? 4 : index === 7 ? 5 : 0)))
  for (const result of results) if (result.status === 'fulfilled') await result.value.end()
})
