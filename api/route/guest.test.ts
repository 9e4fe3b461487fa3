// Guests of a company: invited, let in, given devices in three ways, switched off and on, and ended.
import { randomUUID } from 'node:crypto'
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { offerDevice } from '../support/device.ts'
import { inviteGuest, makeGuest, seen } from '../support/guest.ts'
import { type Client, clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import { join, newAddress } from '../support/person.ts'
import { linkCode, makeColleague } from '../support/team.ts'

let harness: Harness
let agent: TestAgent
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let devices: { one: string; two: string; three: string }

beforeAll(async () => {
  harness = await startHarness({ publicUrl: 'https://power.example' })
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  devices = {
    one: await makeDevice(db, ann, agent, 'one'),
    two: await makeDevice(db, ann, agent, 'two'),
    three: await makeDevice(db, ann, agent, 'three'),
  }
})

const logOf = async (companyId: string) => {
  const { db } = harness.database
  const rows = await db.selectFrom('event').selectAll().where('company_id', '=', companyId).orderBy('seq').execute()
  return rows.filter((row) => row.kind.startsWith('guest.')).map((row) => [row.kind, row.outcome])
}

const noticesOf = async ({ accountId }: Pick<Person, 'accountId'>) => {
  const { db } = harness.database
  const rows = await db.selectFrom('notice').select('kind').where('account_id', '=', accountId).orderBy('id').execute()
  return rows.map(({ kind }) => kind)
}

describe('inviting', () => {
  test('an empty, a malformed, an invited, a guest’s, a member’s and one’s own address each get their own message [R30]', async () => {
    const cid = await makeColleague(harness.database.db, ann, 'Cid')
    await inviteGuest(harness, asAnn, 'fitter@example.org')
    await makeGuest(harness, asAnn, bob)
    const said = async (email: string) => {
      const { status, body } = await asAnn('POST', '/company/guests', { email })
      return [status, body.code, body.fields?.[0].message ?? body.detail]
    }
    expect([await said(''), await said('fitter@'), await said('FITTER@example.org')]).toEqual([
      [422, 'input-invalid', 'enter an e-mail address'],
      [422, 'input-invalid', 'this is not an e-mail address'],
      [409, 'already-invited', expect.stringContaining('send that invitation again')],
    ])
    expect([await said(bob.email), await said(cid.email), await said(ann.email)]).toEqual([
      [409, 'already-invited', expect.stringContaining('is a guest of the company already')],
      [409, 'already-member', expect.stringContaining('Cid is in the company already')],
      [409, 'already-member', expect.stringContaining('your own address')],
    ])
  })

  test('the mail says who, which company, what they may do, where and until when, and leads to the invitation [R30 R34]', async () => {
    await asAnn('PATCH', '/company', { name: 'Acme <b>' })
    const until = new Date(Date.now() + 86_400_000)
    const { id } = await inviteGuest(harness, asAnn, bob.email, {
      ...{ deviceIds: [devices.two], privileges: ['monitor', 'diagnose'], until: until.toISOString() },
      windows: [{ days: [1, 5], from: '08:00', until: '17:00' }],
    })
    const mail = await mailTo(harness.api, bob.email)
    expect(mail.subject).toBe('Ann invites you to Acme <b> as a guest')
    expect(mail.text).toContain(`https://power.example/companies/invitations/${id}#code=`)
    expect(mail.text).toContain(`Ann (${ann.email})`)
    expect(mail.text).toContain('see live values and status and run tests')
    expect(mail.text).toMatch(/\btwo\b/)
    expect(mail.text).toContain('Monday and Friday, 08:00 to 17:00')
    expect(mail.text).toContain(`It ends at ${until.getUTCDate()} `)
    expect(mail.html).not.toContain('<b>')
  })

  test('two at the same moment make one [R30]', async () => {
    const email = `twice.${randomUUID()}@example.org`
    const both = await Promise.all([1, 2].map(() => asAnn('POST', '/company/guests', { email })))
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
  })

  test('only owners see and change guests; of another company’s there are none [R30 R74]', async () => {
    const { id } = await inviteGuest(harness, asAnn, 'x@example.org')
    const cid = await makeColleague(harness.database.db, ann, 'Cid')
    const tries: [string, string, unknown?][] = [
      ['GET', '/company/guests'],
      ['GET', `/company/guests/${id}`],
      ['POST', '/company/guests', { email: 'y@example.org' }],
      ['PATCH', `/company/guests/${id}`, { active: false }],
      ['POST', `/company/guests/${id}/resend`],
      ['DELETE', `/company/guests/${id}`],
    ]
    for (const [method, path, body] of tries) {
      const answer = await clientOf(harness.api, cid.token)(method, path, body)
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 403, 'owner-needed'])
    }
    for (const [method, path, body] of tries.filter(([, path]) => path.includes(id))) {
      const foreign = await asBob(method, path, body)
      const absent = await asBob(method, path.replace(id, randomUUID()), body)
      expect([foreign.status, foreign.body]).toEqual([404, absent.body])
    }
    expect((await asBob('GET', '/company/guests')).body.items).toEqual([])
    const refused = (await logOf(ann.companyId)).filter(([, outcome]) => outcome === 'refused')
    expect(refused.length).toBe(tries.filter(([method]) => method !== 'GET').length)
  })

  test('what is of another company, and what cannot be given, is refused; nothing is written [R30 R32]', async () => {
    const foreign = await makeDevice(harness.database.db, bob, agent, 'foreign')
    const { body: group } = await asBob('POST', '/company/groups', { name: 'theirs' })
    const { body: role } = await asBob('POST', '/company/roles', { name: 'theirs', privileges: ['monitor'] })
    const email = newAddress()
    const said = async (terms: object) => {
      const { status, body } = await asAnn('POST', '/company/guests', { email, ...terms })
      return [status, body.code, body.fields?.[0].path]
    }
    expect(await said({ deviceIds: [devices.one, foreign] })).toEqual([404, 'not-found', undefined])
    expect(await said({ mode: 'groups', groups: [{ groupId: group.id }] })).toEqual([404, 'not-found', undefined])
    expect(await said({ roleId: role.id })).toEqual([404, 'not-found', undefined])
    expect(await said({ privileges: ['monitor', 'register'] })).toEqual([422, 'input-invalid', 'privileges'])
    expect(await said({ privileges: ['reboot'] })).toEqual([422, 'input-invalid', 'privileges'])
    expect(await said({ role: 'viewer', privileges: ['monitor'] })).toEqual([422, 'input-invalid', 'privileges'])
    expect(await said({ until: new Date(Date.now() - 1).toISOString() })).toEqual([422, 'input-invalid', 'until'])
    expect((await asAnn('GET', '/company/guests')).body.items).toEqual([])
  })

  test('the list is searched, paged, and holds what is over only when asked for [R30]', async () => {
    const { id: first } = await inviteGuest(harness, asAnn, 'first@example.org')
    const second = await makeGuest(harness, asAnn, bob)
    await asAnn('DELETE', `/company/guests/${first}`)
    const ids = async (query: string) =>
      (await asAnn('GET', `/company/guests${query}`)).body.items.map((one: { id: string }) => one.id)
    expect(await ids('')).toEqual([second])
    expect(await ids('?state=ended')).toEqual([first])
    expect(await ids('?state=all')).toEqual([second, first])
    expect(await ids('?state=all&search=FIRST')).toEqual([first])
    expect(await ids('?search=bob')).toEqual([second])
    const { body } = await asAnn('GET', '/company/guests?state=all&limit=1')
    expect(body.items).toHaveLength(1)
    expect(await ids(`?state=all&limit=1&cursor=${body.next}`)).toEqual([first])
  })
})

describe('codes', () => {
  test('wrong, for another address, used: each says so, to strangers nothing; five wrong ones close it [R34 H1]', async () => {
    const cid = await makePerson(harness.database.db, 'Cid')
    const asCid = clientOf(harness.api, cid.token)
    const { id, code } = await inviteGuest(harness, asAnn, bob.email)
    const accept = async (client: Client, text: string) => {
      const { status, body } = await client('POST', `/invitations/${id}/accept`, { code: text })
      return [status, body.code]
    }
    expect(await accept(asCid, code)).toEqual([403, 'address-other'])
    expect(await accept(asCid, '00000-00000')).toEqual([404, 'not-found'])
    expect((await asCid('POST', `/invitations/${id}/decline`, {})).status).toBe(404)
    for (let n = 0; n < 5; n++) expect(await accept(asBob, '00000-00000')).toEqual([422, 'code-wrong'])
    expect(await accept(asBob, code)).toEqual([429, 'too-many-tries'])
    await asAnn('POST', `/company/guests/${id}/resend`)
    expect(await accept(asBob, code)).toEqual([422, 'code-wrong'])
    expect(await accept(asBob, await linkCode(harness.api, bob.email, id))).toEqual([200, undefined])
    expect(await accept(asBob, code)).toEqual([409, 'code-used'])
  })

  test('it runs out after 48 hours, is dead once withdrawn, and makes place for another [R30 R34]', async () => {
    const { id, code } = await inviteGuest(harness, asAnn, bob.email)
    const expiresAt = Date.parse((await asAnn('GET', `/company/guests/${id}`)).body.invitationExpiresAt)
    expect(Math.abs(expiresAt - Date.now() - 48 * 3_600_000)).toBeLessThan(60_000)
    await harness.database.db
      .updateTable('guest_entry')
      .set({ code_expires_at: new Date(Date.now() - 1000) })
      .where('id', '=', id)
      .execute()
    const late = await asBob('POST', `/invitations/${id}/accept`, { code })
    expect(['code-expired', 'invitation-ended']).toContain(late.body.code)
    expect((await asAnn('GET', `/company/guests/${id}`)).body.state).toBe('expired')
    expect((await asBob('GET', '/invitations')).body.items).toEqual([])
    // Sent again it counts again, whether or not somebody has written down that it had run out.
    const { db } = harness.database
    await db.updateTable('guest_entry').set({ state: 'expired', ended_at: new Date() }).where('id', '=', id).execute()
    expect((await asAnn('POST', `/company/guests/${id}/resend`)).body.state).toBe('pending')
    expect((await asBob('GET', '/invitations')).body.items).toMatchObject([{ id }])
    await db
      .updateTable('guest_entry')
      .set({ state: 'expired', ended_at: new Date(), code_expires_at: null })
      .where('id', '=', id)
      .execute()
    const again = await inviteGuest(harness, asAnn, bob.email)
    expect((await asAnn('POST', `/company/guests/${id}/resend`)).body.code).toBe('already-invited')
    expect((await asAnn('DELETE', `/company/guests/${again.id}`)).body.guest.state).toBe('withdrawn')
    expect((await asBob('POST', `/invitations/${again.id}/accept`, { code: again.code })).body.code).toBe(
      'invitation-ended',
    )
    expect((await asAnn('PATCH', `/company/guests/${again.id}`, { active: false })).body.code).toBe('invitation-ended')
  })

  test('accepted twice at once, it is accepted once; accepted and withdrawn at once, one of them wins [R31]', async () => {
    const { id, code } = await inviteGuest(harness, asAnn, bob.email, { mode: 'groups-and-devices' })
    const twice = await Promise.all([1, 2].map(() => asBob('POST', `/invitations/${id}/accept`, { code })))
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 409])
    const cid = await makePerson(harness.database.db, 'Cid')
    const asCid = clientOf(harness.api, cid.token)
    const other = await inviteGuest(harness, asAnn, cid.email, { mode: 'groups-and-devices' })
    await Promise.all([
      asCid('POST', `/invitations/${other.id}/accept`, { code: other.code }),
      asAnn('DELETE', `/company/guests/${other.id}`),
    ])
    expect(await seen(asCid)).toEqual([])
  })
})

describe('somebody without an account', () => {
  test('the invitation waits for the account, and is there when the address is proved [R30 H2]', async () => {
    const email = newAddress('late')
    const { id, code } = await inviteGuest(harness, asAnn, email, { mode: 'groups-and-devices' })
    const late = await join(harness, 'Late', email)
    const { body } = await late.call('GET', '/invitations')
    expect(body.items).toMatchObject([{ id, as: 'guest', role: null, obstacle: null, company: 'Ann' }])
    expect(await noticesOf(late)).toContain('guest.invited')
    expect(await seen(late.call)).toEqual([])
    expect((await late.call('POST', `/invitations/${id}/accept`, { code })).status).toBe(200)
    expect(await seen(late.call)).toEqual(['one', 'three', 'two'])
  })
})

describe('both flags', () => {
  test('nothing is seen until the guest has accepted and while the company has switched it off [R31 R71 H5]', async () => {
    const { id, code } = await inviteGuest(harness, asAnn, bob.email, { active: false, mode: 'groups-and-devices' })
    const flags = async () => {
      const { body } = await asAnn('GET', `/company/guests/${id}`)
      return [body.active, body.validated]
    }
    expect([await flags(), await seen(asBob)]).toEqual([[false, false], []])
    await asAnn('PATCH', `/company/guests/${id}`, { active: true })
    expect([await flags(), await seen(asBob)]).toEqual([[true, false], []])
    await asBob('POST', `/invitations/${id}/accept`, { code })
    expect([await flags(), await seen(asBob)]).toEqual([
      [true, true],
      ['one', 'three', 'two'],
    ])
    const off = await asAnn('PATCH', `/company/guests/${id}`, { active: false })
    expect(off.body.access.edges.map((edge: { outcome: string }) => edge.outcome)).toEqual(['applied'])
    expect([await flags(), await seen(asBob)]).toEqual([[false, true], []])
    expect((await asBob('GET', '/companies')).body.items).toMatchObject([{ active: false, devices: 0 }])
    await asAnn('PATCH', `/company/guests/${id}`, { active: true })
    expect(await seen(asBob)).toEqual(['one', 'three', 'two'])
  })

  test('declined, it gives nothing, and both sides are told [R34]', async () => {
    const { id } = await inviteGuest(harness, asAnn, bob.email, { mode: 'groups-and-devices' })
    expect((await asBob('POST', `/invitations/${id}/decline`)).status).toBe(204)
    expect((await asAnn('GET', `/company/guests/${id}`)).body).toMatchObject({ state: 'declined', validated: false })
    expect(await noticesOf(bob)).toEqual(['guest.invited', 'guest.declined'])
    expect(await noticesOf(ann)).toEqual(['guest.invited', 'guest.declined'])
  })
})

describe('workspace modes', () => {
  const privilegesOn = async (client: Client) => {
    const { body } = await client('GET', '/devices')
    return Object.fromEntries(
      body.items.map((one: { name: string; privileges: string[] }) => [one.name, one.privileges]),
    )
  }

  test('all devices, those of groups with each group’s own privileges, or chosen ones: the others are not there [R32]', async () => {
    const { body: group } = await asAnn('POST', '/company/groups', { name: 'Racks', deviceIds: [devices.one] })
    const { body: more } = await asAnn('POST', '/company/groups', {
      name: 'More',
      deviceIds: [devices.one, devices.two],
    })
    const id = await makeGuest(harness, asAnn, bob, { mode: 'groups-and-devices', privileges: ['monitor'] })
    expect(await privilegesOn(asBob)).toEqual({ one: ['monitor'], two: ['monitor'], three: ['monitor'] })
    const change = async (body: object) => {
      const answer = await asAnn('PATCH', `/company/guests/${id}`, body)
      expect([answer.status, answer.body.code]).toEqual([200, undefined])
      return answer.body.guest
    }
    const changed = await change({
      mode: 'groups',
      groups: [
        { groupId: group.id, privileges: ['monitor', 'reboot'] },
        { groupId: more.id, privileges: ['monitor', 'history'] },
      ],
    })
    expect(changed.groups.map((one: { name: string }) => one.name)).toEqual(['More', 'Racks'])
    expect(await privilegesOn(asBob)).toEqual({ one: ['monitor', 'history', 'reboot'], two: ['monitor', 'history'] })
    await change({ groups: [{ groupId: more.id, privileges: ['monitor', 'history'] }] })
    expect(await privilegesOn(asBob)).toEqual({ one: ['monitor', 'history'], two: ['monitor', 'history'] })
    await change({ mode: 'devices', deviceIds: [devices.three], role: 'operator' })
    expect(Object.keys(await privilegesOn(asBob))).toEqual(['three'])
    expect((await asBob('GET', `/devices/${devices.one}`)).status).toBe(404)
    await change({ deviceIds: [devices.one, devices.two] })
    expect(await seen(asBob)).toEqual(['one', 'two'])
    await change({ mode: 'groups-and-devices' })
    expect(await seen(asBob)).toEqual(['one', 'three', 'two'])
  })

  test('a new device of the company is there for whoever sees all of them, and for nobody else [R32 R35]', async () => {
    const cid = await makePerson(harness.database.db, 'Cid')
    const asCid = clientOf(harness.api, cid.token)
    await makeGuest(harness, asAnn, bob, { mode: 'groups-and-devices' })
    await makeGuest(harness, asAnn, cid, { mode: 'devices', deviceIds: [devices.one] })
    expect([await seen(asBob), await seen(asCid)]).toEqual([['one', 'three', 'two'], ['one']])
    const code = randomUUID()
    await offerDevice(harness.database.db, agent, code, new Date(Date.now() + 60_000))
    expect((await asAnn('POST', '/devices/claim', { code, name: 'four' })).status).toBe(201)
    expect([await seen(asBob), await seen(asCid)]).toEqual([['four', 'one', 'three', 'two'], ['one']])
    expect((await asAnn('DELETE', `/devices/${devices.three}`)).status).toBe(200)
    expect([await seen(asBob), await seen(asCid)]).toEqual([['four', 'one', 'two'], ['one']])
  })

  test('all of a change applies, or nothing [R32]', async () => {
    const id = await makeGuest(harness, asAnn, bob, { deviceIds: [devices.one] })
    const answer = await asAnn('PATCH', `/company/guests/${id}`, {
      ...{ active: false, mode: 'groups-and-devices', privileges: ['monitor'] },
      groups: [{ groupId: randomUUID() }],
    })
    expect([answer.status, answer.body.code]).toEqual([404, 'not-found'])
    expect((await asAnn('GET', `/company/guests/${id}`)).body).toMatchObject({ active: true, mode: 'devices' })
    expect(await seen(asBob)).toEqual(['one'])
  })

  test('the period ends by itself and is announced anew when it changes; both sides read of a change [R32]', async () => {
    const id = await makeGuest(harness, asAnn, bob, { deviceIds: [devices.one] })
    const { db } = harness.database
    const noticed = () =>
      db.selectFrom('guest_entry').select(['ending_noticed_at']).where('id', '=', id).executeTakeFirstOrThrow()
    await db.updateTable('guest_entry').set({ ending_noticed_at: new Date() }).where('id', '=', id).execute()
    await asAnn('PATCH', `/company/guests/${id}`, { active: true })
    expect((await noticed()).ending_noticed_at).not.toBeNull()
    const later = new Date(Date.now() + 3_600_000).toISOString()
    const changed = await asAnn('PATCH', `/company/guests/${id}`, { until: later })
    expect(changed.body.guest.until).toBe(later)
    expect((await noticed()).ending_noticed_at).toBeNull()
    const order = await asAnn('PATCH', `/company/guests/${id}`, { from: new Date(Date.now() + 9e6).toISOString() })
    expect(order.body.fields[0].path).toBe('until')
    expect((await asBob('GET', '/devices')).body.items[0].until).toBe(later)
    const until = new Date(Date.now() + 1500)
    await asAnn('PATCH', `/company/guests/${id}`, { until: until.toISOString() })
    await expect.poll(() => seen(asBob), { timeout: 20_000 }).toEqual([])
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime())
    expect((await asBob('GET', '/companies')).body.items).toEqual([])
    expect((await asAnn('GET', `/company/guests/${id}`)).body.state).toBe('expired')
    expect((await noticesOf(bob)).filter((kind) => kind === 'guest.changed')).toHaveLength(2)
    expect((await noticesOf(ann)).filter((kind) => kind === 'guest.changed')).toHaveLength(2)
  })
})

test('what owners and guests do stands in the log of both companies, and what only the host may know in the host’s alone [R30 R35]', async () => {
  const id = await makeGuest(harness, asAnn, bob, { deviceIds: [devices.one] })
  await asAnn('PATCH', `/company/guests/${id}`, { deviceIds: [devices.two] })
  await asAnn('DELETE', `/company/guests/${id}`)
  const kinds = (rows: unknown[][]) => rows.map(([kind]) => kind)
  expect(kinds(await logOf(ann.companyId))).toEqual(['guest.invited', 'guest.accepted', 'guest.changed', 'guest.ended'])
  expect(kinds(await logOf(bob.companyId))).toEqual(['guest.accepted', 'guest.changed', 'guest.ended'])
  const { body } = await asBob('GET', '/events')
  expect(JSON.stringify(body)).not.toContain(devices.one)
  expect(JSON.stringify((await asAnn('GET', '/events')).body)).toContain(devices.one)
})
