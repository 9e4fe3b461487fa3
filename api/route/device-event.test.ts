import { EventPage } from '@ridethrough/protocol/http/event.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import {
  changeAccess,
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
} from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Act, recordEvent, systemActor } from '../event.ts'
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '../support/harness.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let harness: Harness
let ann: Person
let bob: Person
let cid: Person
let rack: string
let desk: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  const agent = await makeAgent(db)
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  cid = await makePerson(db, 'Cid')
  rack = await makeDevice(db, ann, agent, 'Rack')
  desk = await makeDevice(db, ann, agent, 'Desk')
})

const as = (person: Person) => clientOf(harness.api, person.token)

async function logOf(person: Person, device = rack, query = '') {
  const { status, body } = await as(person)('GET', `/devices/${device}/events${query}`)
  expect(status).toBe(200)
  return EventPage.parse(body)
}
const kindsOf = async (person: Person, device = rack) => (await logOf(person, device)).items.map(({ kind }) => kind)

async function shareByHand(with_: Person, deviceIds: readonly string[], role = 'viewer'): Promise<string> {
  const made = await as(ann)('POST', '/shares', { email: with_.email, deviceIds, role })
  expect(made.status).toBe(201)
  const { id } = made.body.share
  const code = codeIn((await mailTo(harness.api, with_.email)).text)
  expect((await as(with_)('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
  return id
}

const log = (companyId: string, at: number, act: Omit<Act, 'companyId'>) =>
  harness.database.db.transaction().execute((tx) => recordEvent(tx, systemActor(at), { ...act, companyId }))

test('the owner sees all that is about the device, the recipient what is theirs, others that there is no device [R63]', async () => {
  await shareByHand(bob, [rack, desk])
  await shareByHand(cid, [rack])
  expect((await as(ann)('PATCH', `/devices/${rack}`, { name: 'Rack 2' })).status).toBe(200)
  expect(await kindsOf(ann)).toEqual(['device.changed', 'share.accepted', 'share.made', 'share.accepted', 'share.made'])
  expect(await kindsOf(ann, desk)).toEqual(['share.accepted', 'share.made'])
  const { items } = await logOf(bob)
  // It was made before its own period had begun, a moment earlier, or in the same one.
  expect(items.map(({ kind }) => kind).filter((kind) => kind !== 'share.made')).toEqual([
    'device.changed',
    'share.accepted',
  ])
  const text = JSON.stringify(items)
  for (const secret of [cid.email, cid.accountId, ann.sessionId]) expect(text).not.toContain(secret)
  expect(items[0]).toMatchObject({ account: null, address: '', credentialId: null, subject: { device: { id: rack } } })
  expect(Object.keys(items[0]?.subject ?? {})).toEqual(['device'])
  const eve = await makePerson(harness.database.db, 'Eve')
  expect((await as(eve)('GET', `/devices/${rack}/events`)).status).toBe(404)
})

test('without the right to the past nothing of it is told, and a member needs the right to share', async () => {
  const { db } = harness.database
  await makeShare(db, ann, bob, [rack], { privileges: 1 })
  expect(await as(bob)('GET', `/devices/${rack}/events`)).toMatchObject({
    status: 403,
    body: { code: 'right-missing' },
  })
  await shareByHand(cid, [rack])
  const eve = await makePerson(db, 'Eve')
  const join = (privileges: number) =>
    changeAccess(db, { accounts: [eve.accountId], what: 'joined' }, async (tx) => {
      await tx.updateTable('company').set({ member_privileges: privileges }).where('id', '=', ann.companyId).execute()
      await tx
        .updateTable('account')
        .set({ company_id: ann.companyId, role: 'member' })
        .where('id', '=', eve.accountId)
        .execute()
    })
  await join(BUILT_IN_ROLES.operator)
  // A colleague with the past but without a say reads of the device, not of people.
  expect(await kindsOf(eve)).toEqual([])
  await join(BUILT_IN_ROLES.owner)
  await expect.poll(() => kindsOf(eve)).toEqual(['share.accepted', 'share.made'])
  for (const { address } of (await logOf(eve)).items) expect(address).toBe('')
})

test('pages and filters', async () => {
  for (let index = 0; index < 5; index += 1) {
    await log(ann.companyId, Date.now() - index, { kind: 'device.changed', subject: { device: { id: rack }, index } })
  }
  await log(ann.companyId, Date.now(), { kind: 'device.claimed', subject: { device: { id: rack } } })
  const seen: number[] = []
  let query = '?limit=2&kind=device.changed'
  for (let page = 0; page < 5; page += 1) {
    const { items, next } = await logOf(ann, rack, query)
    seen.push(...items.map(({ subject }) => Number(subject.index)))
    if (next === null) break
    query = `?limit=2&kind=device.changed&cursor=${next}`
  }
  expect(seen).toEqual([4, 3, 2, 1, 0])
  expect((await as(ann)('GET', `/devices/${rack}/events?cursor=x`)).status).toBe(422)
})

test('no event outside the period of the recipient shows [R64]', async () => {
  const { db } = harness.database
  const now = Date.now()
  for (let hour = -48; hour < 0; hour += 1) {
    await log(ann.companyId, now + hour * HOUR, { kind: 'device.changed', subject: { device: { id: rack }, hour } })
  }
  const arbPeriod = fc.record({
    from: fc.option(fc.integer({ min: -60, max: -1 })),
    until: fc.option(fc.integer({ min: 1, max: 9 })),
  })
  const { shareId } = await makeShare(db, ann, bob, [rack])
  await fc.assert(
    fc.asyncProperty(arbPeriod, async ({ from, until }) => {
      // Half an hour beside the events, so that no instant is both.
      const startsAt = from === null ? null : new Date(now + from * HOUR - 30 * MINUTE)
      const endsAt = until === null ? null : new Date(now + until * HOUR)
      await changeAccess(db, { accounts: [bob.accountId], what: 'period moved' }, async (tx) => {
        await tx.updateTable('share').set({ starts_at: startsAt, ends_at: endsAt }).where('id', '=', shareId).execute()
      })
      const expected = Array.from({ length: 48 }, (_, index) => now - (index + 1) * HOUR).filter(
        (at) => startsAt === null || at >= startsAt.getTime(),
      )
      const shown = async () =>
        (await logOf(bob, rack, '?limit=200')).items
          .filter(({ kind }) => kind === 'device.changed')
          .map(({ at }) => Date.parse(at))
          .sort((a, b) => b - a)
      await expect.poll(shown).toEqual(expected)
    }),
    { numRuns: 12 },
  )
})
