import { randomUUID } from 'node:crypto'
import { LINKABLE } from '@ridethrough/protocol/privilege.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { changeAccess, makeAgent, makeDevice, makePerson, makeShare, revokeShare } from '../test/support/world.ts'
import { LEASE_MS, waitForEdges } from './access.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Cut, Edge, type EdgeHooks, NOTHING_CUT } from './edge.ts'
import { Listener } from './listen.ts'
import { endLinkSessions, insertLink, insertLinkSession, markLinkEnded, updateLink } from './query/link.ts'
import { hashToken } from './token.ts'

const log = pino({ level: 'silent' })
let database: TestDatabase
let listener: Listener
const edges: Edge[] = []

beforeAll(async () => {
  database = await testDatabase()
  listener = await Listener.start(database.url, log)
})

afterEach(async () => {
  for (const edge of edges.splice(0)) await edge.stop()
})

afterAll(async () => {
  await listener.stop()
  await database.stop()
})

const quiet: EdgeHooks = { changed: () => NOTHING_CUT, lost: () => {}, regained: () => {} }

async function startEdge(hooks: Partial<EdgeHooks> = {}, clock: Clock = systemClock): Promise<Edge> {
  const edge = await Edge.start({
    db: database.db,
    listener,
    kind: 'broker',
    hooks: { ...quiet, ...hooks },
    clock,
    log,
  })
  edges.push(edge)
  return edge
}

async function sharedWorld() {
  const { db } = database
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const share = await makeShare(db, ann, bob, [rack])
  return { db, ann, bob, agent, rack, share }
}

const now = () => Date.now()

test('a revoke is answered after the edge has applied it, and the answer says what was cut', async () => {
  const { db, bob, rack, share } = await sharedWorld()
  const cut: Cut = { subscriptions: 2, connections: 0, viewers: 1 }
  const edge = await startEdge({
    changed: (principals) => (principals.some((one) => one.id === bob.accountId) ? cut : NOTHING_CUT),
  })
  const principal = await edge.open('person', bob.accountId, bob.sessionId)
  expect(principal && mayOn(principal.rights, 'monitor', rack, now())).toBe(`share:${share.shareId}`)

  const version = await revokeShare(db, share, bob)
  const report = await waitForEdges(db, listener, version, systemClock)
  expect(principal && mayOn(principal.rights, 'monitor', rack, now())).toBeUndefined()
  expect(report.edges).toEqual([{ id: edge.id, kind: 'broker', outcome: 'applied', ...cut }])
})

test('a right given after the connection is there when the change is answered', async () => {
  const { db, ann, bob, agent } = await sharedWorld()
  const edge = await startEdge()
  const principal = await edge.open('person', bob.accountId, bob.sessionId)
  const other = await makeDevice(db, ann, agent, 'Other')
  const { version } = await makeShare(db, ann, bob, [other])
  await waitForEdges(db, listener, version, systemClock)
  expect(principal && mayOn(principal.rights, 'monitor', other, now())).toBeDefined()
})

test('an edge that hangs while applying is fenced, and the answer comes after its lease', async () => {
  const { db, bob, share } = await sharedWorld()
  const hung = Promise.withResolvers<Cut>()
  const hanging = await startEdge({ changed: () => hung.promise })
  await hanging.open('person', bob.accountId, bob.sessionId)

  const version = await revokeShare(db, share, bob)
  const report = await waitForEdges(db, listener, version, systemClock)
  expect(report.edges).toMatchObject([{ id: hanging.id, outcome: 'fenced' }])
  expect(report.ms).toBeGreaterThanOrEqual(LEASE_MS)
  expect(hanging.isServing()).toBe(false)
  hung.resolve(NOTHING_CUT)
  await expect.poll(() => hanging.isServing(), { timeout: 10_000 }).toBe(true)
  expect(hanging.appliedVersion).toBeGreaterThanOrEqual(version)
})

test('the lease ends on the wall clock too: a machine that was suspended wakes up serving nobody', async () => {
  let asleep = 0
  const lost: string[] = []
  const edge = await startEdge(
    { lost: () => lost.push('lost') },
    { now: () => Date.now() + asleep, monotonic: systemClock.monotonic },
  )
  expect(edge.isServing()).toBe(true)
  asleep = 3_600_000
  expect(edge.isServing()).toBe(false)
})

test('who waits for the lease waits for that, not for the changes that come after it', async () => {
  const { db, bob, share } = await sharedWorld()
  let step = 0
  const applying = Promise.withResolvers<Cut>()
  const edge = await startEdge(
    { changed: () => applying.promise },
    { now: () => Date.now() + step, monotonic: systemClock.monotonic },
  )
  await edge.open('person', bob.accountId, bob.sessionId)
  // The renewal hangs until there is a change for the round after it.
  const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = db.transaction().execute(async (tx) => {
    await sql`select from edge where id = ${edge.id} for update`.execute(tx)
    locked.resolve()
    await free.promise
  })
  await locked.promise
  step = 60_000
  const served = edge.whenServing()
  const noticed = Promise.withResolvers<void>()
  const off = listener.on('access_change', () => noticed.resolve())
  await revokeShare(db, share, bob)
  await noticed.promise
  off()
  free.resolve()
  await holding
  const late = new Promise<string>((resolve) => setTimeout(resolve, LEASE_MS / 2, 'not while a change is applied'))
  const answer = await Promise.race([served, late])
  applying.resolve(NOTHING_CUT)
  expect(answer).toBe(true)
})

test('a principal that is being loaded while its right is taken away never ends up with it', async () => {
  const { db, bob, rack, share } = await sharedWorld()
  const edge = await startEdge()
  const [principal, version] = await Promise.all([
    edge.open('person', bob.accountId, bob.sessionId),
    revokeShare(db, share, bob),
  ])
  await waitForEdges(db, listener, version, systemClock)
  expect(principal && mayOn(principal.rights, 'monitor', rack, now())).toBeUndefined()
})

test('an ended session ends its principal, and opens no new one', async () => {
  const { db, bob } = await sharedWorld()
  const ended: string[] = []
  const edge = await startEdge({
    changed: (principals) => {
      ended.push(...principals.filter((one) => one.isEnded).map((one) => one.credentialId))
      return NOTHING_CUT
    },
  })
  await edge.open('person', bob.accountId, bob.sessionId)
  const version = await changeAccess(db, { credentials: [bob.sessionId], what: 'signed out' }, async (tx) => {
    await tx.updateTable('session').set({ ended_at: new Date() }).where('id', '=', bob.sessionId).execute()
  })
  await waitForEdges(db, listener, version, systemClock)
  expect(ended).toEqual([bob.sessionId])
  expect(await edge.open('person', bob.accountId, bob.sessionId)).toBeUndefined()
})

test('what ends by time is closed by a timer, without any message', async () => {
  const { db, ann, bob, agent } = await sharedWorld()
  const brief = await makeDevice(db, ann, agent, 'Brief')
  const endsAt = new Date(Date.now() + 300)
  await makeShare(db, ann, bob, [brief], { endsAt })
  const closed = Promise.withResolvers<void>()
  const edge = await startEdge({
    changed: (principals) => {
      if (Date.now() >= endsAt.getTime() && principals.some((one) => one.id === bob.accountId)) closed.resolve()
      return NOTHING_CUT
    },
  })
  const principal = await edge.open('person', bob.accountId, bob.sessionId)
  await closed.promise
  expect(principal && mayOn(principal.rights, 'monitor', brief, now())).toBeUndefined()
})

test('what ran out while its timer was being replaced is closed all the same', async () => {
  const { db, ann, bob, agent } = await sharedWorld()
  const brief = await makeDevice(db, ann, agent, 'Brief')
  const endsAt = Date.now() + 3_600_000
  await makeShare(db, ann, bob, [brief], { endsAt: new Date(endsAt) })
  const cid = await makePerson(db, 'Cid')
  await db
    .updateTable('session')
    .set({ expires_at: new Date(endsAt + 7_200_000) })
    .where('id', 'in', [bob.sessionId, cid.sessionId])
    .execute()
  let step = 0
  const closed = Promise.withResolvers<void>()
  const edge = await startEdge(
    {
      changed: (principals) => {
        if (step > 0 && principals.some((one) => one.id === bob.accountId)) closed.resolve()
        return NOTHING_CUT
      },
    },
    { now: () => Date.now() + step, monotonic: systemClock.monotonic },
  )
  await edge.open('person', bob.accountId, bob.sessionId)
  // The end is passed at one stroke, and the next thing that happens is that somebody else comes in.
  step = 3_600_001
  await edge.open('person', cid.accountId, cid.sessionId)
  await closed.promise
})

test('an agent loses a device that is no longer registered', async () => {
  const { db, agent, rack } = await sharedWorld()
  const edge = await startEdge()
  const principal = await edge.open('agent', agent.agentId, agent.agentId)
  expect([...(principal?.devices ?? [])]).toEqual([rack])
  const version = await changeAccess(
    db,
    { devices: [rack], agents: [agent.agentId], what: 'device deleted' },
    async (tx) => {
      await tx.deleteFrom('device').where('id', '=', rack).execute()
    },
  )
  await waitForEdges(db, listener, version, systemClock)
  expect([...(principal?.devices ?? [])]).toEqual([])
})

/** A link that shows the device, opened once. */
async function openedLink({ db, ann, rack }: Awaited<ReturnType<typeof sharedWorld>>, endsAt: Date | null = null) {
  const linkId = await insertLink(db, {
    ...{ companyId: ann.companyId, createdBy: ann.accountId, deviceIds: [rack], at: new Date() },
    ...{ name: 'Link', privileges: LINKABLE, variables: null, startsAt: null, endsAt, windows: [] },
    ...{ maxUses: null, pinHash: null, tokenHash: hashToken(randomUUID()), seal: () => Buffer.alloc(1) },
  })
  const expiresAt = new Date(Date.now() + 3_600_000)
  const session = { linkId, at: new Date(), expiresAt, address: '127.0.0.1', userAgent: 'test' }
  const { sessionId } = await insertLinkSession(db, session)
  return { linkId, sessionId }
}

test('whoever opened a link holds its rights and no others, and loses them when it ends [R22 R71]', async () => {
  const world = await sharedWorld()
  const { db, ann, agent, rack } = world
  const desk = await makeDevice(db, ann, agent, 'Desk')
  const { linkId, sessionId } = await openedLink(world)
  const other = await openedLink(world)
  const edge = await startEdge()
  const principal = await edge.open('link', linkId, sessionId)
  const untouched = await edge.open('link', other.linkId, other.sessionId)
  expect(principal && mayOn(principal.rights, 'monitor', rack, now())).toBe(`link:${linkId}`)
  expect(principal && mayOn(principal.rights, 'configure', rack, now())).toBeUndefined()
  expect(principal && mayOn(principal.rights, 'monitor', desk, now())).toBeUndefined()
  // The session of a link is nobody's account, and no account's session opens it.
  expect(await edge.open('person', ann.accountId, sessionId)).toBeUndefined()
  expect(await edge.open('link', linkId, ann.sessionId)).toBeUndefined()

  const suspended = await changeAccess(db, { links: [linkId], what: 'link changed' }, (tx) =>
    updateLink(tx, linkId, { suspendedAt: new Date() }),
  )
  await waitForEdges(db, listener, suspended, systemClock)
  expect(principal?.isEnded).toBe(false)
  expect(principal && mayOn(principal.rights, 'monitor', rack, now())).toBeUndefined()

  const ended = await changeAccess(db, { links: [linkId], what: 'link ended' }, async (tx) => {
    await markLinkEnded(tx, linkId, new Date())
    await endLinkSessions(tx, linkId, new Date())
  })
  await waitForEdges(db, listener, ended, systemClock)
  expect(principal?.isEnded).toBe(true)
  expect(await edge.open('link', linkId, sessionId)).toBeUndefined()
  expect(untouched && mayOn(untouched.rights, 'monitor', rack, now())).toBe(`link:${other.linkId}`)
})

test('an open link ends with its period, by a timer, without any message [R22]', async () => {
  const world = await sharedWorld()
  const over: string[] = []
  const edge = await startEdge({
    changed: (principals) => {
      over.push(...principals.filter((one) => one.isEnded).map((one) => one.credentialId))
      return NOTHING_CUT
    },
  })
  const { linkId, sessionId } = await openedLink(world, new Date(Date.now() + 3000))
  await edge.open('link', linkId, sessionId)
  await expect.poll(() => over, { timeout: 30_000 }).toEqual([sessionId])
})
