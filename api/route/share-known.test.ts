// Shares that are accepted by themselves, where the recipient has said so (H).
import { makeAgent, makeDevice, makePerson, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Harness, mailTo, startHarness } from '../support/harness.ts'
import { asSide, noticesOf, offerTo, type Side, seenBy, shareWith } from '../support/share.ts'

let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let first: string
let second: string

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  first = await makeDevice(db, ann, agent, 'first')
  second = await makeDevice(db, ann, agent, 'second')
})

const offer = (deviceId: string) => ann.call('POST', '/shares', { email: bob.email, deviceIds: [deviceId] })

test('without the setting each share asks for its code, also from somebody known [H1]', async () => {
  expect((await bob.call('GET', '/account')).body.acceptsFromKnown).toBe(false)
  await shareWith(harness, ann, bob, [first])
  const again = await offerTo(harness, ann, bob.email, [second])
  expect(await seenBy(bob)).toEqual([first])
  expect((await bob.call('POST', `/shares/${again.id}/accept`, { code: again.code })).status).toBe(200)
})

test('with it a share of somebody whose share was accepted before is there at once; both are told [H1]', async () => {
  const { db } = harness.database
  expect((await bob.call('PATCH', '/account', { acceptsFromKnown: true })).body.acceptsFromKnown).toBe(true)
  await shareWith(harness, ann, bob, [first])
  const { status, body } = await offer(second)
  expect([status, body.share.state]).toEqual([201, 'accepted'])
  expect(body.access.edges).toMatchObject([{ outcome: 'applied' }])
  expect(await seenBy(bob, '?scope=shared')).toEqual([first, second].sort())
  const { id } = body.share
  expect(await noticesOf(db, bob.accountId, id)).toEqual([['share.accepted', 'Bob']])
  expect(await noticesOf(db, ann.accountId, id)).toEqual([['share.accepted', 'Bob']])
  const mail = await mailTo(harness.api, bob.email)
  expect(mail.text).toContain('second')
  expect(mail.text).not.toMatch(/#code=/)
  const logged = await db
    .selectFrom('event')
    .select(['kind', 'subject'])
    .where('company_id', '=', bob.companyId)
    .orderBy('seq', 'desc')
    .executeTakeFirst()
  expect(logged).toMatchObject({ kind: 'share.accepted', subject: { share: { id }, by: 'setting' } })
})

test('a stranger, and somebody whose invitation was declined, is asked for the code all the same [H1]', async () => {
  await bob.call('PATCH', '/account', { acceptsFromKnown: true })
  const declined = await offerTo(harness, ann, bob.email, [first])
  await bob.call('POST', `/shares/${declined.id}/decline`)
  expect((await offer(first)).body.share.state).toBe('pending')
  const cid = asSide(harness, await makePerson(harness.database.db, 'Cid'))
  const foreign = await makeDevice(harness.database.db, cid, agent, 'foreign')
  await shareWith(harness, ann, bob, [second])
  const { body } = await cid.call('POST', '/shares', { email: bob.email, deviceIds: [foreign] })
  expect(body.share.state).toBe('pending')
  expect(await seenBy(bob)).toEqual([second])
})

test('the setting is its account’s, in the log, and leaves the name alone [H1]', async () => {
  await bob.call('PATCH', '/account', { acceptsFromKnown: true })
  const { body } = await bob.call('PATCH', '/account', { name: 'Robert' })
  expect(body).toMatchObject({ name: 'Robert', acceptsFromKnown: true })
  expect((await bob.call('PATCH', '/account', { acceptsFromKnown: 'yes' })).body.code).toBe('input-invalid')
  const rows = await harness.database.db
    .selectFrom('event')
    .select('subject')
    .where('account_id', '=', bob.accountId)
    .where('kind', '=', 'account.changed')
    .orderBy('seq')
    .execute()
  expect(rows[0]?.subject).toEqual({ acceptsFromKnown: { from: false, to: true } })
})
