// Which devices are listed, as whose, and what happens to guests when devices come and go.
import { makeAgent, makeDevice, makePerson, makeShare, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { offerDevice } from '../support/device.ts'
import { type Harness, mailTo, startHarness } from '../support/harness.ts'
import { asSide, noticesOf, type Side, seenBy, shareWith } from '../support/share.ts'

let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let lab: string
let shed: string

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  lab = await makeDevice(db, ann, agent, 'lab')
  shed = await makeDevice(db, ann, agent, 'shed')
})

type Entry = { mode: 'groups-and-devices' | 'groups' | 'devices'; endsAt?: Date; deviceIds?: string[] }

/** Bob is a guest of Ann's company: monitor and history. */
async function makeGuest({ mode, endsAt, deviceIds = [] }: Entry): Promise<string> {
  const { db } = harness.database
  const { id } = await db
    .insertInto('guest_entry')
    .values({
      ...{ company_id: ann.companyId, invited_by: ann.accountId, email: bob.email, email_folded: bob.email },
      ...{ account_id: bob.accountId, state: 'accepted', mode, privileges: 0b101, ends_at: endsAt ?? null },
      windows: JSON.stringify([{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', until: '24:00' }]),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  for (const device_id of deviceIds) {
    await db.insertInto('guest_device').values({ entry_id: id, device_id, company_id: ann.companyId }).execute()
  }
  return id
}

test('one’s own, what is shared, and what a host company shows are three lists [R14 R35]', async () => {
  const { db } = harness.database
  const cid = asSide(harness, await makePerson(db, 'Cid'))
  const own = await makeDevice(db, bob, agent, 'own')
  const lent = await makeDevice(db, cid, agent, 'lent')
  await makeShare(db, cid, bob, [lent])
  await makeGuest({ mode: 'devices', deviceIds: [lab] })
  const cids = await seenBy(cid)
  expect(cids).toEqual([lent])
  await expect.poll(() => seenBy(bob)).toEqual([lab, lent, own].sort())
  expect(await seenBy(bob, '?scope=mine')).toEqual([own])
  expect(await seenBy(bob, '?scope=shared')).toEqual([lent])
  expect(await seenBy(bob, `?scope=company&companyId=${ann.companyId}`)).toEqual([lab])
  expect(await seenBy(bob, `?scope=company&companyId=${bob.companyId}`)).toEqual([own])
  expect(await seenBy(bob, '?scope=company')).toEqual([own])
  // A recipient is not told whose company a device is of.
  expect(await seenBy(bob, `?scope=company&companyId=${cid.companyId}`)).toEqual([])
  expect(await seenBy(bob, `?companyId=${cid.companyId}`)).toEqual([])
  expect(await seenBy(bob, `?scope=shared&companyId=${cid.companyId}`)).toEqual([])
  expect((await bob.call('GET', '/devices?companyId=x')).body.code).toBe('input-invalid')
})

test('a group chooses among what is seen, and not for recipients [R32]', async () => {
  const { db } = harness.database
  const { id } = await db
    .insertInto('device_group')
    .values({ company_id: ann.companyId, name: 'North' })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('device_group_member')
    .values({ group_id: id, device_id: lab, company_id: ann.companyId })
    .execute()
  expect(await seenBy(ann, `?groupId=${id}`)).toEqual([lab])
  await makeShare(db, ann, bob, [lab, shed])
  await expect.poll(() => seenBy(bob)).toEqual([lab, shed].sort())
  expect(await seenBy(bob, `?groupId=${id}`)).toEqual([])
})

test('a guest reads whose device it is and until when, and no sharer [R35]', async () => {
  const endsAt = new Date(Date.now() + 3_600_000)
  await makeGuest({ mode: 'devices', deviceIds: [lab], endsAt })
  const { body } = await bob.call('GET', `/devices/${lab}`)
  expect(body).toMatchObject({
    ...{ via: 'guest', company: { id: ann.companyId, name: 'Ann' }, sharedBy: null },
    ...{
      until: endsAt.toISOString(),
      windows: [{ from: '00:00', until: '24:00' }],
      privileges: ['monitor', 'history'],
    },
  })
  // With a share besides, each list shows it as what it is there.
  const id = await shareWith(harness, ann, bob, [lab])
  const viaIn = async (query: string) => (await bob.call('GET', `/devices?${query}`)).body.items[0]
  expect(await viaIn('scope=shared')).toMatchObject({
    via: 'share',
    company: null,
    sharedBy: { name: 'Ann' },
    until: null,
  })
  expect(await viaIn(`companyId=${ann.companyId}`)).toMatchObject({ via: 'guest', sharedBy: null })
  await ann.call('DELETE', `/shares/${id}`)
  expect(await seenBy(bob)).toEqual([lab])
})

test('a device that is claimed or given up is there, and gone, for a guest of the whole company at once [R32 R71]', async () => {
  await makeGuest({ mode: 'groups-and-devices' })
  expect(await seenBy(bob)).toEqual([lab, shed].sort())
  const fresh = await offerDevice(harness.database.db, agent, 'GVEST-CLA1M', new Date(Date.now() + 60_000))
  expect((await ann.call('POST', '/devices/claim', { code: 'GVEST-CLA1M' })).status).toBe(201)
  expect(await seenBy(bob)).toEqual([lab, shed, fresh].sort())
  const answer = await ann.call('DELETE', `/devices/${lab}`)
  expect(answer.body.access.edges).toMatchObject([{ outcome: 'applied' }])
  expect(await seenBy(bob)).toEqual([shed, fresh].sort())
})

test('a guest neither shares, nor renames, nor gives up what they see [R19]', async () => {
  await makeGuest({ mode: 'groups-and-devices' })
  expect((await bob.call('POST', '/shares', { email: 'x@example.org', deviceIds: [lab] })).status).toBe(404)
  expect((await bob.call('PATCH', `/devices/${lab}`, { name: 'mine' })).body.code).toBe('right-missing')
  expect((await bob.call('PATCH', `/devices/${lab}`, { timeZone: 'Asia/Tokyo' })).body.code).toBe('right-missing')
  expect((await bob.call('DELETE', `/devices/${lab}`)).body.code).toBe('right-missing')
})

test('who loses a device because its owner gives it up is told, and so is their log [R12 R19]', async () => {
  const { db } = harness.database
  const id = await shareWith(harness, ann, bob, [lab, shed])
  await ann.call('DELETE', `/devices/${lab}`)
  expect((await ann.call('GET', `/shares/${id}`)).body.devices).toMatchObject([{ id: shed }])
  await ann.call('DELETE', `/devices/${shed}`)
  expect((await bob.call('GET', '/shares?direction=received&state=ended')).body.items).toMatchObject([
    { id, state: 'revoked' },
  ])
  const kinds = (await noticesOf(db, bob.accountId, id)).map(([kind]) => kind)
  expect(kinds).toEqual(['share.invited', 'share.changed', 'share.ended'])
  expect((await mailTo(harness.api, bob.email)).text).toContain('shed')
  const rows = await db
    .selectFrom('event')
    .select('kind')
    .where('company_id', '=', bob.companyId)
    .orderBy('seq')
    .execute()
  expect(rows.map(({ kind }) => kind).slice(-2)).toEqual(['share.narrowed', 'share.ended'])
})

test('only what is registered can be shared: a device that waits for its claim is not there [R3]', async () => {
  const { db } = harness.database
  const waiting = await offerDevice(db, agent, 'WA1T-FOR-M3', new Date(Date.now() + 60_000))
  const offer = { email: bob.email, deviceIds: [waiting] }
  expect((await ann.call('POST', '/shares', offer)).body.code).toBe('not-found')
  expect((await ann.call('POST', '/devices/claim', { code: 'WA1T-FOR-M3' })).status).toBe(201)
  expect((await ann.call('POST', '/shares', offer)).status).toBe(201)
})
