// Making, listing, changing and ending links.
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeLink, openLink, tryLink } from '../support/link.ts'
import { eventsOf } from '../support/person.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
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
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  rack = await makeDevice(db, ann, agent, 'Rack')
  desk = await makeDevice(db, ann, agent, 'Desk')
})

const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000).toISOString()

test('a link carries all that its maker says, is shown as text and picture, and reads the same later [R22]', async () => {
  const terms = {
    name: 'For the plumber',
    deviceIds: [rack, desk],
    privileges: ['monitor', 'history'],
    variables: ['battery.charge', 'ups.status'],
    from: new Date(Date.now() - 60_000).toISOString(),
    until: IN_AN_HOUR(),
    windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', until: '24:00' }],
    maxUses: 3,
  }
  const { status, body } = await asAnn('POST', '/share-links', { ...terms, pin: '4711' })
  expect(status).toBe(201)
  const { deviceIds: _ids, ...same } = terms
  expect(body.link).toMatchObject({ ...same, state: 'active', hasPin: true, uses: 0, createdBy: { name: 'Ann' } })
  expect(body.link.devices.map((one: { id: string }) => one.id).sort()).toEqual([rack, desk].sort())
  expect(body.link.url).toMatch(new RegExp(`^${harness.api.httpUrl}/link#rt_[A-Za-z0-9_-]{43}$`))
  expect(body.link.svg).toMatch(/^<svg/)
  expect(JSON.stringify(body)).not.toContain('4711')
  expect((await asAnn('GET', `/share-links/${body.link.id}`)).body).toEqual(body.link)
  expect((await asAnn('GET', '/share-links')).body.items).toEqual([body.link])
})

test('the token is kept as a hash and sealed, the PIN as argon2id: a copy of the database opens no link [R22]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { pin: '4711' })
  const row = await harness.database.db
    .selectFrom('link')
    .selectAll()
    .where('id', '=', view.id)
    .executeTakeFirstOrThrow()
  const kept = [row.token_hash, row.token_sealed].map((bytes) => bytes.toString('latin1')).join('')
  expect(kept).not.toContain(token)
  expect(kept).not.toContain(token.slice(3))
  expect(row.pin_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

test('only who may share every device makes a link, and never with more than they hold [R22 R74]', async () => {
  const { db } = harness.database
  await makeShare(db, ann, bob, [rack], { privileges: BUILT_IN_ROLES.maintainer })
  const offer = { name: 'On', deviceIds: [rack] }
  expect((await asBob('POST', '/share-links', offer)).body.code).toBe('not-found')
  const agent = await makeAgent(db)
  const own = await makeDevice(db, bob, agent, 'Own')
  expect((await asBob('POST', '/share-links', { ...offer, deviceIds: [own, rack] })).body.code).toBe('not-found')
  for (const privilege of ['configure', 'share', 'register', 'notify', 'override', 'firmware']) {
    const answer = await asAnn('POST', '/share-links', { ...offer, privileges: ['monitor', privilege] })
    expect([privilege, answer.status]).toEqual([privilege, 422])
  }
  expect((await asAnn('POST', '/share-links', { ...offer, privileges: ['history'] })).body.code).toBe('input-invalid')
  await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', desk).execute()
  expect((await asAnn('POST', '/share-links', { ...offer, deviceIds: [desk] })).body.code).toBe('plan-too-low')
  const refused = (await eventsOf(harness, bob.accountId)).filter(({ kind }) => kind === 'link.made')
  expect(refused.map(({ outcome }) => outcome)).toEqual(['refused', 'refused'])
})

test('an API token makes links only of the devices that it reaches, and sees no others [R22]', async () => {
  const expiresAt = IN_AN_HOUR()
  const wanted = { name: 'script', privileges: ['monitor', 'share'], deviceIds: [rack], expiresAt }
  const { body } = await asAnn('POST', '/tokens', wanted)
  const asToken = clientOf(harness.api, body.token)
  await makeLink(asAnn, [rack, desk], { name: 'Both' })
  await makeLink(asToken, [rack], { name: 'Rack' })
  const offer = { name: 'Desk', deviceIds: [desk] }
  expect((await asToken('POST', '/share-links', offer)).body.code).toBe('not-found')
  const more = { name: 'More', deviceIds: [rack], privileges: ['monitor', 'history'] }
  expect((await asToken('POST', '/share-links', more)).body.code).toBe('right-missing')
  const seen = (await asToken('GET', '/share-links')).body.items
  expect(seen.map((link: { name: string }) => link.name)).toEqual(['Rack'])
})

test('those who may share its devices and its maker see a link; to others it is not there [R22 R74]', async () => {
  const { db } = harness.database
  const [second, member] = [await makeColleague(db, ann, 'Sue', 'owner'), await makeColleague(db, ann, 'Max', 'owner')]
  const { view } = await makeLink(clientOf(harness.api, member.token), [rack])
  await db.updateTable('account').set({ role: 'member' }).where('id', '=', member.accountId).execute()
  const asMember = clientOf(harness.api, member.token)
  for (const call of [asAnn, clientOf(harness.api, second.token), asMember]) {
    expect((await call('GET', '/share-links')).body.items).toHaveLength(1)
    expect((await call('GET', `/share-links/${view.id}`)).status).toBe(200)
  }
  const other = await makeColleague(db, ann, 'Tim', 'member')
  for (const call of [asBob, clientOf(harness.api, other.token)]) {
    expect((await call('GET', '/share-links?state=all')).body.items).toEqual([])
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await call(method, `/share-links/${view.id}`, method === 'PATCH' ? { name: 'x' } : undefined)
      expect([method, answer.status]).toEqual([method, 404])
    }
  }
  // Whoever may not share any more gives nothing, but takes back what they gave.
  expect((await asMember('PATCH', `/share-links/${view.id}`, { until: null })).body.code).toBe('right-missing')
  expect((await asMember('PATCH', `/share-links/${view.id}`, { suspended: true })).body.link.state).toBe('suspended')
  expect((await asMember('PATCH', `/share-links/${view.id}`, { suspended: false })).body.code).toBe('right-missing')
  expect((await asMember('DELETE', `/share-links/${view.id}`)).status).toBe(200)
})

test('a change keeps what it leaves out, and says clearly what does not fit [R22]', async () => {
  const { view, token } = await makeLink(asAnn, [rack], { until: IN_AN_HOUR(), maxUses: 2, variables: ['ups.load'] })
  const path = `/share-links/${view.id}`
  await openLink(harness.api, token)
  await openLink(harness.api, token)
  expect((await asAnn('PATCH', path, { maxUses: 1 })).body.fields).toEqual([
    { path: 'maxUses', message: 'it was opened 2 times already' },
  ])
  const late = new Date(Date.now() + 7_200_000).toISOString()
  expect((await asAnn('PATCH', path, { from: late })).body.fields[0].path).toBe('until')
  const past = new Date(Date.now() - 1000).toISOString()
  expect((await asAnn('PATCH', path, { until: past })).body.fields[0].path).toBe('until')
  await harness.database.db
    .updateTable('link')
    .set({ ending_noticed_at: new Date() })
    .where('id', '=', view.id)
    .execute()
  const { body } = await asAnn('PATCH', path, { deviceIds: [desk], until: late, maxUses: 5 })
  expect(body.link).toMatchObject({
    variables: ['ups.load'],
    maxUses: 5,
    uses: 2,
    until: late,
    devices: [{ id: desk }],
  })
  const row = await harness.database.db
    .selectFrom('link')
    .select('ending_noticed_at')
    .where('id', '=', view.id)
    .executeTakeFirstOrThrow()
  expect(row.ending_noticed_at).toBeNull()
  expect((await asAnn('PATCH', path, {})).body.link).toEqual(body.link)
})

test('an ended link stays listed among the ended ones, without its address, and is not changed again [R22]', async () => {
  const { view, token } = await makeLink(asAnn, [rack])
  expect((await asAnn('DELETE', `/share-links/${view.id}`)).body.link).toMatchObject({
    state: 'ended',
    url: '',
    svg: '',
  })
  expect((await asAnn('GET', '/share-links')).body.items).toEqual([])
  expect((await asAnn('GET', '/share-links?state=ended')).body.items).toHaveLength(1)
  expect((await asAnn('PATCH', `/share-links/${view.id}`, { name: 'Again' })).body.code).toBe('link-ended')
  expect((await asAnn('DELETE', `/share-links/${view.id}`)).body.code).toBe('link-ended')
  expect((await tryLink(harness.api, token)).body.code).toBe('link-ended')
})

test('a device that is given up drops out of its links, and the last one ends them [R22 R71]', async () => {
  const both = await makeLink(asAnn, [rack, desk])
  const one = await makeLink(asAnn, [rack])
  const held = await openLink(harness.api, one.token)
  expect((await asAnn('DELETE', `/devices/${rack}`)).status).toBe(200)
  expect((await asAnn('GET', `/share-links/${both.view.id}`)).body.devices).toMatchObject([{ id: desk }])
  expect((await asAnn('GET', `/share-links/${one.view.id}`)).body.state).toBe('ended')
  expect((await clientOf(harness.api, held)('GET', '/link')).body.code).toBe('link-ended')
  const kinds = (await eventsOf(harness, ann.accountId)).map(({ kind }) => kind)
  expect(kinds.slice(-3).sort()).toEqual(['device.deleted', 'link.changed', 'link.ended'])
})

test('pages follow each other without a gap [R22]', async () => {
  for (const name of ['1', '2', '3']) await makeLink(asAnn, [rack], { name })
  const first = (await asAnn('GET', '/share-links?limit=2')).body
  const second = (await asAnn('GET', `/share-links?limit=2&cursor=${first.next}`)).body
  expect([...first.items, ...second.items].map((link: { name: string }) => link.name)).toEqual(['3', '2', '1'])
  expect(second.next).toBeNull()
})

test('every step stands in the event log, with who and what, and never with the token or the PIN [R22 R74]', async () => {
  const { view, token } = await makeLink(asAnn, [rack], { pin: '4711' })
  await openLink(harness.api, token, '4711')
  await asAnn('PATCH', `/share-links/${view.id}`, { pin: '0815', name: 'Other' })
  await asAnn('DELETE', `/share-links/${view.id}`)
  const { body } = await asAnn('GET', '/events')
  const own = body.items.filter((event: { kind: string }) => event.kind.startsWith('link.'))
  expect(own.map((event: { kind: string }) => event.kind)).toEqual([
    'link.ended',
    'link.changed',
    'link.opened',
    'link.made',
  ])
  expect(own[1].subject.changes).toEqual({
    name: { from: 'For the plumber', to: 'Other' },
    pin: { from: 'set', to: 'set' },
  })
  expect(own[2]).toMatchObject({ account: null, subject: { link: { id: view.id } } })
  const log = JSON.stringify(own)
  for (const secret of [token, '4711', '0815']) expect(log).not.toContain(secret)
})
