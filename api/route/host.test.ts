// Companies that somebody is a guest of: listed for them alone, left by them, and ended with an account or a company.
import { randomUUID } from 'node:crypto'
import { loadFactsOfAccounts } from '@ridethrough/db/query/facts.ts'
import { decide, FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inviteGuest, makeGuest, seen } from '../support/guest.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { eventsOf, join, PASSWORD } from '../support/person.ts'
import { linkCode, makeColleague } from '../support/team.ts'

let harness: Harness
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let one: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  const agent = await makeAgent(db)
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  one = await makeDevice(db, ann, agent, 'one')
  await makeDevice(db, ann, agent, 'two')
})

const hostsOf = async (client: Client) => (await client('GET', '/companies')).body.items
const invitationsOf = async (client: Client) => (await client('GET', '/invitations')).body.items
const guestOf = async (id: string) => (await asAnn('GET', `/company/guests/${id}`)).body
const noticesOf = async ({ accountId }: Pick<Person, 'accountId'>) => {
  const { db } = harness.database
  const rows = await db.selectFrom('notice').selectAll().where('account_id', '=', accountId).orderBy('id').execute()
  return rows.map(({ kind, subject }) => [kind, (subject as { state?: string }).state])
}

test('whoever was never invited finds empty lists; an invited one the invitation, a guest the company [R34]', async () => {
  const { id, code } = await inviteGuest(harness, asAnn, bob.email, { deviceIds: [one] })
  const eve = clientOf(harness.api, (await makePerson(harness.database.db, 'Eve')).token)
  expect([await hostsOf(eve), await invitationsOf(eve)]).toEqual([[], []])
  expect([await hostsOf(asAnn), await invitationsOf(asAnn)]).toEqual([[], []])
  expect(await hostsOf(asBob)).toEqual([])
  expect(await invitationsOf(asBob)).toMatchObject([
    { id, as: 'guest', company: 'Ann', role: null, obstacle: null, invitedBy: { name: 'Ann', email: ann.email } },
  ])
  const accepted = await asBob('POST', `/invitations/${id}/accept`, { code })
  expect(accepted.body).toMatchObject({ companyId: ann.companyId, access: { edges: [{ outcome: 'applied' }] } })
  expect(await invitationsOf(asBob)).toEqual([])
  expect(await hostsOf(asBob)).toEqual([
    {
      ...{ id: ann.companyId, name: 'Ann', guestId: id, invitedBy: 'Ann', active: true, devices: 1 },
      ...{ from: null, until: null, windows: [] },
    },
  ])
  expect((await asBob('GET', '/company')).body).toMatchObject({ id: bob.companyId, name: 'Bob' })
})

test('invitations as a co-worker and as a guest stand in one list, each with what it is [R34]', async () => {
  const { db } = harness.database
  const cid = await makePerson(db, 'Cid')
  await asAnn('POST', '/company/invitations', { email: bob.email })
  await clientOf(harness.api, cid.token)('POST', '/company/guests', { email: bob.email })
  expect((await invitationsOf(asBob)).map((one: { as: string; company: string }) => [one.as, one.company])).toEqual([
    ['guest', 'Cid'],
    ['member', 'Ann'],
  ])
})

describe('the host’s devices and no others', () => {
  test('the count and the list follow from the guest’s own rights at this instant [R35]', async () => {
    await makeDevice(harness.database.db, bob, await makeAgent(harness.database.db), 'mine')
    const later = new Date(Date.now() + 3_600_000).toISOString()
    const id = await makeGuest(harness, asAnn, bob, { deviceIds: [one] })
    expect(await seen(asBob)).toEqual(['mine', 'one'])
    expect(await hostsOf(asBob)).toMatchObject([{ devices: 1 }])
    await asAnn('PATCH', `/company/guests/${id}`, { from: later })
    expect(await seen(asBob)).toEqual(['mine'])
    expect(await hostsOf(asBob)).toMatchObject([{ devices: 0, from: later }])
  })

  test('entering a host shows its devices only, and going back one’s own [R35]', async () => {
    await makeDevice(harness.database.db, bob, await makeAgent(harness.database.db), 'mine')
    await makeGuest(harness, asAnn, bob, { deviceIds: [one] })
    expect(await seen(asBob, `?scope=company&companyId=${ann.companyId}`)).toEqual(['one'])
    expect(await seen(asBob, '?scope=mine')).toEqual(['mine'])
    expect(await seen(asBob, '?scope=shared')).toEqual([])
    expect(await seen(asBob, `?scope=company&companyId=${randomUUID()}`)).toEqual([])
  })
})

test('a guest leaves at any time: what they saw is gone with the answer, and both sides are told [R35 R71]', async () => {
  const id = await makeGuest(harness, asAnn, bob, { deviceIds: [one] })
  const left = await asBob('DELETE', `/companies/${ann.companyId}`)
  expect([left.status, left.body.access.edges.length]).toEqual([200, 1])
  expect([await seen(asBob), await hostsOf(asBob)]).toEqual([[], []])
  expect(await guestOf(id)).toMatchObject({ state: 'left', validated: false })
  expect((await asBob('DELETE', `/companies/${ann.companyId}`)).status).toBe(404)
  expect((await asBob('DELETE', `/companies/${randomUUID()}`)).status).toBe(404)
  expect((await noticesOf(ann)).at(-1)).toEqual(['guest.ended', 'left'])
  expect((await noticesOf(bob)).at(-1)).toEqual(['guest.ended', 'left'])
  // They may be invited anew.
  await makeGuest(harness, asAnn, bob, { deviceIds: [one] })
  expect(await seen(asBob)).toEqual(['one'])
})

describe('what ends with something else', () => {
  test('a guest whose own company deactivates them sees nothing, and again once reactivated [R31 R43]', async () => {
    const cid = await makeColleague(harness.database.db, bob, 'Cid')
    const id = await makeGuest(harness, asAnn, cid, { deviceIds: [one] })
    expect(await seen(clientOf(harness.api, cid.token))).toEqual(['one'])
    await asBob('PATCH', `/company/members/${cid.accountId}`, { active: false })
    expect((await clientOf(harness.api, cid.token)('GET', '/devices')).status).toBe(401)
    const decision = async () => {
      const { devices, facts } = await loadFactsOfAccounts(harness.database.db, [cid.accountId])
      const device = devices.find(({ id }) => id === one)
      return device && decide({ accountId: cid.accountId, scope: FULL_SCOPE }, 'monitor', device, facts, Date.now())
    }
    expect(await decision()).toEqual({ allow: false, why: 'inactive' })
    await asBob('PATCH', `/company/members/${cid.accountId}`, { active: true })
    expect(await decision()).toEqual({ allow: true, via: `guest:${id}` })
  })

  test('a deleted account has left, pending ones are declined, and its address is nowhere [R30]', async () => {
    const late = await join(harness, 'Late')
    const first = await inviteGuest(harness, asAnn, late.email, { deviceIds: [one] })
    await late.call('POST', `/invitations/${first.id}/accept`, { code: first.code })
    const cid = await makePerson(harness.database.db, 'Cid')
    await inviteGuest(harness, clientOf(harness.api, cid.token), late.email)
    expect((await late.call('DELETE', '/account', { password: PASSWORD })).status).toBe(204)
    expect(await guestOf(first.id)).toMatchObject({ state: 'left', email: '', name: 'Deleted account' })
    expect((await noticesOf(ann)).at(-1)).toEqual(['guest.ended', 'left'])
    expect((await noticesOf(cid)).at(-1)).toEqual(['guest.declined', 'declined'])
    const rows = await harness.database.db
      .selectFrom('guest_entry')
      .selectAll()
      .where('account_id', '=', late.accountId)
      .execute()
    expect(rows.map((row) => [row.state, row.email, row.email_folded]).sort()).toEqual([
      ['declined', '', `deleted ${late.accountId}`],
      ['left', '', `deleted ${late.accountId}`],
    ])
    expect((await eventsOf(harness, late.accountId)).map(({ kind }) => kind)).toContain('guest.left')
  })

  test('a company that its last person leaves has no guests, roles and groups any more [R30 R33]', async () => {
    const { db } = harness.database
    const cid = await makePerson(db, 'Cid')
    const asCid = clientOf(harness.api, cid.token)
    const { body: role } = await asCid('POST', '/company/roles', { name: 'Fitter', privileges: ['monitor'] })
    const { body: group } = await asCid('POST', '/company/groups', { name: 'G' })
    const id = await makeGuest(harness, asCid, bob, {
      ...{ mode: 'groups', groups: [{ groupId: group.id, roleId: role.id }], roleId: role.id },
    })
    const pending = await inviteGuest(harness, asCid, 'pending@example.org')
    const { body: invitation } = await asAnn('POST', '/company/invitations', { email: cid.email })
    const code = await linkCode(harness.api, cid.email, invitation.id)
    const joined = await asCid('POST', `/invitations/${invitation.id}/accept`, { code })
    expect([joined.status, joined.body.companyId]).toEqual([200, ann.companyId])
    const states = await db
      .selectFrom('guest_entry')
      .select(['id', 'state'])
      .where('company_id', '=', cid.companyId)
      .orderBy('id')
      .execute()
    expect(states).toEqual([
      { id, state: 'ended' },
      { id: pending.id, state: 'withdrawn' },
    ])
    expect(await hostsOf(asBob)).toEqual([])
    expect((await noticesOf(bob)).at(-1)).toEqual(['guest.ended', 'ended'])
    for (const table of ['role', 'device_group'] as const) {
      expect(await db.selectFrom(table).select('id').where('company_id', '=', cid.companyId).execute()).toEqual([])
    }
  })

  test('a guest who becomes a co-worker is no guest any more, and who changes company stays a guest elsewhere [R30]', async () => {
    const { db } = harness.database
    const id = await makeGuest(harness, asAnn, bob, { deviceIds: [one] })
    const cid = await makePerson(db, 'Cid')
    const elsewhere = await makeGuest(harness, clientOf(harness.api, cid.token), bob)
    const { body: invitation } = await asAnn('POST', '/company/invitations', { email: bob.email })
    const code = await linkCode(harness.api, bob.email, invitation.id)
    expect((await asBob('POST', `/invitations/${invitation.id}/accept`, { code })).status).toBe(200)
    expect(await guestOf(id)).toMatchObject({ state: 'ended' })
    expect((await hostsOf(asBob)).map((host: { guestId: string }) => host.guestId)).toEqual([elsewhere])
    expect(await seen(asBob)).toEqual(['one', 'two'])
  })

  test('a member cannot become a guest by an invitation that came before [R30]', async () => {
    const pending = await inviteGuest(harness, asAnn, bob.email, { deviceIds: [one] })
    const { body: invitation } = await asAnn('POST', '/company/invitations', { email: bob.email })
    const code = await linkCode(harness.api, bob.email, invitation.id)
    await asBob('POST', `/invitations/${invitation.id}/accept`, { code })
    const answer = await asBob('POST', `/invitations/${pending.id}/accept`, { code: pending.code })
    expect([answer.status, answer.body.code]).toEqual([409, 'invitation-ended'])
  })
})
