// Lists of shares: what was granted, what was received, what is over, in pages.
import { randomUUID } from 'node:crypto'
import { makeAgent, makeDevice, makePerson, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { asSide, letEndPass, offerTo, type Side, shareWith } from '../support/share.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let rack: string
let desk: string

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  rack = await makeDevice(db, ann, agent, 'Rack 100%')
  desk = await makeDevice(db, ann, agent, 'Desk')
})

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

async function list(call: Client, query: string): Promise<string[]> {
  const { status, body } = await call('GET', `/shares?${query}`)
  expect([status, body.code]).toEqual([200, undefined])
  return body.items.map(({ id }: { id: string }) => id)
}

/** One of each fate, by its state. */
async function oneOfEach(): Promise<Record<string, string>> {
  const { db } = harness.database
  const email = () => `${randomUUID()}@example.org`
  const past = new Date(Date.now() - 1000)
  const accepted = await shareWith(harness, ann, bob, [rack])
  const pending = (await offerTo(harness, ann, email(), [rack])).id
  const suspended = (await offerTo(harness, ann, email(), [rack])).id
  await ann.call('POST', `/shares/${suspended}/suspend`)
  const unanswered = (await offerTo(harness, ann, email(), [rack])).id
  await db.updateTable('share').set({ code_expires_at: past }).where('id', '=', unanswered).execute()
  const ranOut = await shareWith(harness, ann, bob, [desk])
  await letEndPass(db, ranOut)
  const withdrawn = (await offerTo(harness, ann, email(), [rack])).id
  await ann.call('DELETE', `/shares/${withdrawn}`)
  const declined = await offerTo(harness, ann, bob.email, [desk])
  await bob.call('POST', `/shares/${declined.id}/decline`)
  const left = await shareWith(harness, ann, bob, [desk])
  await bob.call('DELETE', `/shares/${left}`)
  const revoked = await shareWith(harness, ann, bob, [desk])
  await ann.call('DELETE', `/shares/${revoked}`)
  return { accepted, pending, suspended, unanswered, ranOut, withdrawn, declined: declined.id, left, revoked }
}

test('open ones, ended ones and all of them, each with how it stands and when it ended [R16 R17]', async () => {
  const of = await oneOfEach()
  const named = (ids: string[]) => ids.map((id) => Object.keys(of).find((name) => of[name] === id)).reverse()
  const open = ['accepted', 'pending', 'suspended']
  const ended = ['unanswered', 'ranOut', 'withdrawn', 'declined', 'left', 'revoked']
  expect(named(await list(ann.call, 'direction=granted'))).toEqual(open)
  expect(named(await list(ann.call, 'direction=granted&state=ended'))).toEqual(ended)
  expect(named(await list(ann.call, 'direction=granted&state=all'))).toEqual([...open, ...ended])
  expect(named(await list(bob.call, 'direction=received'))).toEqual(['accepted'])
  const received = ['ranOut', 'declined', 'left', 'revoked']
  expect(named(await list(bob.call, 'direction=received&state=ended'))).toEqual(received)
  const { body } = await ann.call('GET', '/shares?direction=granted&state=ended')
  const states = body.items.map(({ state }: { state: string }) => state).reverse()
  expect(states).toEqual(['expired', 'expired', 'withdrawn', 'declined', 'left', 'revoked'])
  for (const { endedAt } of body.items) expect(Date.parse(endedAt)).toBeLessThanOrEqual(Date.now())
})

test('found by the other side’s name or address, or by a device’s name [R16 R17]', async () => {
  const { db } = harness.database
  const cid = asSide(harness, await makePerson(db, 'Cid'))
  const toBob = await shareWith(harness, ann, bob, [rack])
  const toCid = await shareWith(harness, ann, cid, [desk])
  const found = (search: string) => list(ann.call, `direction=granted&search=${encodeURIComponent(search)}`)
  expect(await found('BOB')).toEqual([toBob])
  expect(await found(cid.email.toUpperCase())).toEqual([toCid])
  expect(await found('100%')).toEqual([toBob])
  expect(await found('desk')).toEqual([toCid])
  expect(await found('%')).toEqual([toBob])
  expect(await found('nobody')).toEqual([])
  const byBob = (search: string) => list(bob.call, `direction=received&search=${encodeURIComponent(search)}`)
  expect(await byBob('ann')).toEqual([toBob])
  expect(await byBob('rack')).toEqual([toBob])
  // His own address is no way to find what others gave him, nor are devices that are not in it.
  expect(await byBob('bob')).toEqual([])
  expect(await byBob('desk')).toEqual([])
  expect(await list(ann.call, `direction=granted&deviceId=${desk}`)).toEqual([toCid])
  expect(await list(ann.call, `direction=granted&deviceId=${randomUUID()}`)).toEqual([])
})

test('who has the address is not told before they accept [R12]', async () => {
  const { id } = await offerTo(harness, ann, bob.email, [rack])
  const known = await ann.call('GET', `/shares/${id}`)
  expect(known.body.recipient).toBe(null)
  // The address begins with the name in these tests, so another name is looked for.
  await harness.database.db.updateTable('account').set({ name: 'Zebulon' }).where('id', '=', bob.accountId).execute()
  expect(await list(ann.call, 'direction=granted&search=zebulon')).toEqual([])
  await ann.call('DELETE', `/shares/${id}`)
  expect((await ann.call('GET', `/shares/${id}`)).body.recipient).toBe(null)
  const accepted = await shareWith(harness, ann, bob, [rack])
  expect((await ann.call('GET', `/shares/${accepted}`)).body.recipient).toEqual({ name: 'Zebulon' })
})

test('pages are whole and in order, also while others are added', async () => {
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.unshift((await offerTo(harness, ann, `${randomUUID()}@example.org`, [rack])).id)
  const first = (await ann.call('GET', '/shares?direction=granted&limit=2')).body
  const late = await shareWith(harness, ann, bob, [desk])
  const pages = [first.items]
  for (let next = first.next; next !== null; ) {
    const { body } = await ann.call('GET', `/shares?direction=granted&limit=2&cursor=${next}`)
    pages.push(body.items)
    next = body.next
  }
  expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
  expect(pages.flat().map(({ id }) => id)).toEqual(ids)
  expect(await list(ann.call, 'direction=granted&limit=1')).toEqual([late])
  for (const cursor of ['nonsense', Buffer.from('["x"]').toString('base64url')]) {
    const { status, body } = await ann.call('GET', `/shares?direction=granted&cursor=${cursor}`)
    expect([status, body.code]).toEqual([422, 'input-invalid'])
  }
})

test('colleagues who may share see what the company granted, others nothing; strangers neither [R16 R70]', async () => {
  const { db } = harness.database
  const owner = asSide(harness, await makeColleague(db, ann, 'Olga', 'owner'))
  const member = asSide(harness, await makeColleague(db, ann, 'Mia'))
  const id = await shareWith(harness, ann, bob, [rack])
  // On Basic nothing new is shared, but what is shared stays in sight.
  await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', rack).execute()
  expect(await list(owner.call, 'direction=granted')).toEqual([id])
  expect(await list(member.call, 'direction=granted')).toEqual([])
  expect((await member.call('GET', `/shares/${id}`)).status).toBe(404)
  expect(await list(bob.call, 'direction=granted')).toEqual([])
  expect(await list(owner.call, 'direction=received')).toEqual([])
  expect((await owner.call('DELETE', `/shares/${id}`)).body.share.state).toBe('revoked')
})

test('a token sees the shares of its devices [R70]', async () => {
  const ofRack = await shareWith(harness, ann, bob, [rack])
  await shareWith(harness, ann, asSide(harness, await makePerson(harness.database.db, 'Cid')), [desk])
  const token = async (privileges: string[]) => {
    const wanted = { name: 'x', privileges, deviceIds: [rack], expiresAt: inAnHour() }
    return clientOf(harness.api, (await ann.call('POST', '/tokens', wanted)).body.token)
  }
  expect(await list(await token(['monitor', 'share']), 'direction=granted&state=all')).toEqual([ofRack])
  expect(await list(await token(['monitor']), 'direction=granted&state=all')).toEqual([])
})
