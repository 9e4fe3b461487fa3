// A share while it lasts: changed, suspended, narrowed by either side, run out and revived.
import { randomUUID } from 'node:crypto'
import { recordAccessChange } from '@ridethrough/db/access.ts'
import { makeAgent, makeDevice, makePerson, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, mailTo, startHarness } from '../support/harness.ts'
import { asSide, letEndPass, noticesOf, offerTo, type Side, seenBy, shareWith } from '../support/share.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let devices: string[]

beforeAll(async () => {
  harness = await startHarness({ jobs: 'off' })
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  devices = []
  for (const name of ['a', 'b', 'c']) devices.push(await makeDevice(db, ann, agent, name))
})

const device = (n: number) => devices[n] ?? ''
const some = (...ns: number[]) => ns.map(device).sort()
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()
const patch = (id: string, body: unknown, who = ann) => who.call('PATCH', `/shares/${id}`, body)
const idsIn = (view: { devices: { id: string }[] }) => view.devices.map(({ id }) => id).sort()

/** Five open shares of a device to others. */
async function fill(deviceId: string, times = 5): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < times; n++) {
    ids.push((await offerTo(harness, ann, `${randomUUID()}@example.org`, [deviceId])).id)
  }
  return ids
}

describe('the set of devices', () => {
  test('one is unticked, another ticked, and both sides see so at once [R16]', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1))
    const { status, body } = await patch(id, { deviceIds: some(1, 2) })
    expect([status, idsIn(body.share)]).toEqual([200, some(1, 2)])
    expect(body.access.edges).toMatchObject([{ kind: 'api', outcome: 'applied' }])
    expect(await seenBy(bob)).toEqual(some(1, 2))
    expect(await noticesOf(harness.database.db, bob.accountId, id)).toContainEqual(['share.changed', 'Ann'])
    expect((await mailTo(harness.api, bob.email)).subject).toMatch(/changed/)
  })

  test('nothing of a change applies when a part of it is refused [R16]', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1), { role: 'viewer' })
    const full = (await fill(device(2))).length
    expect(full).toBe(5)
    const change = { deviceIds: some(1, 2), role: 'operator', until: inAnHour(), windows: [NIGHT] }
    expect((await patch(id, change)).body.code).toBe('share-limit')
    const { body } = await ann.call('GET', `/shares/${id}`)
    expect(idsIn(body)).toEqual(some(0, 1))
    expect(body).toMatchObject({ until: null, windows: [] })
    expect(body.privileges).not.toContain('reboot')
    expect(await seenBy(bob)).toEqual(some(0, 1))
  })

  test('a device is added only by whom it may be shared, on a plan that has it [R3 R16 R21]', async () => {
    const { db } = harness.database
    const id = await shareWith(harness, ann, bob, some(0))
    const cid = asSide(harness, await makePerson(db, 'Cid'))
    const foreign = await makeDevice(db, cid, agent, 'foreign')
    for (const other of [foreign, randomUUID()]) {
      const { status, body } = await patch(id, { deviceIds: [device(0), other] })
      expect([status, body.code]).toEqual([404, 'not-found'])
    }
    await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', device(1)).execute()
    expect((await patch(id, { deviceIds: some(0, 1) })).body.code).toBe('plan-too-low')
    expect((await patch(id, { deviceIds: [] })).body.code).toBe('input-invalid')
    expect((await patch(id, { deviceIds: some(0) }, bob)).body.code).toBe('not-found')
    expect((await patch(id, { deviceIds: some(0) }, cid)).body.code).toBe('not-found')
  })

  test('what the recipient took out stays out when the owner saves, and only the recipient takes it back [R17]', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1))
    const out = await bob.call('DELETE', `/shares/${id}/devices/${device(0)}`)
    expect(out.body.share.removedDevices).toMatchObject([{ id: device(0), name: 'a' }])
    expect(await noticesOf(harness.database.db, ann.accountId, id)).toContainEqual(['share.changed', 'Bob'])
    const saved = await patch(id, { deviceIds: some(0, 1, 2) })
    expect([idsIn(saved.body.share), saved.body.share.removedDevices]).toEqual([some(1, 2), []])
    expect(await seenBy(bob)).toEqual(some(1, 2))
    expect((await ann.call('POST', `/shares/${id}/devices/${device(0)}`)).body.code).toBe('not-found')
    expect((await patch(id, { deviceIds: some(0) })).body.code).toBe('input-invalid')
    const back = await bob.call('POST', `/shares/${id}/devices/${device(0)}`)
    expect([back.status, idsIn(back.body.share)]).toEqual([200, some(0, 1, 2)])
    expect(back.body.access.edges).toMatchObject([{ outcome: 'applied' }])
    expect(await seenBy(bob)).toEqual(some(0, 1, 2))
  })

  test('the recipient takes nothing back that the owner took away, nor where there is no place [R17 R18]', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1, 2))
    await ann.call('DELETE', `/shares/${id}/devices/${device(0)}`)
    expect((await bob.call('POST', `/shares/${id}/devices/${device(0)}`)).body.code).toBe('not-found')
    await bob.call('DELETE', `/shares/${id}/devices/${device(1)}`)
    await fill(device(1))
    expect((await bob.call('POST', `/shares/${id}/devices/${device(1)}`)).body.code).toBe('share-limit')
    expect(await seenBy(bob)).toEqual(some(2))
    // What is out may still be taken away for good.
    expect((await ann.call('DELETE', `/shares/${id}/devices/${device(1)}`)).status).toBe(200)
    expect((await bob.call('GET', `/shares/${id}`)).body.removedDevices).toEqual([])
  })
})

describe('the limit of five', () => {
  test('ten sixth shares and changes at once: as many get through as there are places [R18]', async () => {
    const others: string[] = []
    for (let n = 0; n < 5; n++) {
      others.push((await offerTo(harness, ann, `${randomUUID()}@example.org`, [device(1)])).id)
    }
    await fill(device(0), 2)
    const offers = Array.from({ length: 5 }, () =>
      ann.call('POST', '/shares', { email: `${randomUUID()}@example.org`, deviceIds: [device(0)] }),
    )
    const changes = others.map((id) => patch(id, { deviceIds: some(0, 1) }))
    const answers = await Promise.all([...offers, ...changes])
    const done = answers.filter(({ status }) => status < 300)
    expect(done).toHaveLength(3)
    const codes = answers.filter(({ status }) => status >= 300).map(({ body }) => body.code)
    expect(codes).toEqual(Array(7).fill('share-limit'))
  })

  test('members and guests take no place [H3]', async () => {
    const { db } = harness.database
    for (let n = 0; n < 6; n++) await makeColleague(db, ann, `Member${n}`)
    for (let n = 0; n < 6; n++) {
      const guest = await makePerson(db, 'Guest')
      await db
        .insertInto('guest_entry')
        .values({
          ...{ company_id: ann.companyId, invited_by: ann.accountId, email: guest.email, email_folded: guest.email },
          ...{ account_id: guest.accountId, state: 'accepted', mode: 'groups-and-devices', privileges: 1 },
        })
        .execute()
    }
    expect(await fill(device(0))).toHaveLength(5)
    const sixth = await ann.call('POST', '/shares', { email: 'six@example.org', deviceIds: [device(0)] })
    expect([sixth.status, sixth.body.code]).toEqual([409, 'share-limit'])
    expect(sixth.body.detail).toMatch(/five/)
  })
})

describe('the period', () => {
  test('is turned on for a share that had none, moved, and turned off [R15]', async () => {
    const id = await shareWith(harness, ann, bob, some(0))
    const until = inAnHour()
    expect((await patch(id, { until })).body.share.until).toBe(until)
    expect((await bob.call('GET', `/devices/${device(0)}`)).body.until).toBe(until)
    const later = new Date(Date.now() + 7_200_000).toISOString()
    const from = new Date(Date.now() + 3_600_000).toISOString()
    expect((await patch(id, { from, until: later })).body.share).toMatchObject({ from, until: later })
    expect(await seenBy(bob)).toEqual([])
    expect((await patch(id, { from: null, until: null })).body.share.until).toBe(null)
    expect(await seenBy(bob)).toEqual(some(0))
  })

  test('turned off it begins with the share itself: what was before stays the owner’s [R15]', async () => {
    const id = await shareWith(harness, ann, bob, some(0))
    const { createdAt } = (await ann.call('GET', `/shares/${id}`)).body
    expect((await patch(id, { from: inAnHour() })).status).toBe(200)
    expect((await patch(id, { from: null })).body.share.from).toBe(createdAt)
  })

  test.each([
    ['an end that is past', { until: '2020-01-01T00:00:00Z' }],
    ['a start after the end', { from: '2998-01-01T00:00:00Z', until: '2997-01-01T00:00:00Z' }],
    ['a role and privileges', { role: 'viewer', privileges: ['monitor'] }],
    ['no sight', { privileges: ['reboot'] }],
    ['a role that is not there', { roleId: '00000000-0000-4000-8000-000000000000' }],
    ['an unknown field', { email: 'x@example.org' }],
  ])('%s is refused in words [R15 R74]', async (_what, body) => {
    const id = await shareWith(harness, ann, bob, some(0))
    const answer = await patch(id, body)
    expect([answer.status, answer.body.code]).toEqual([422, 'input-invalid'])
    expect(answer.body.fields).not.toEqual([])
  })

  test('a start that would come after the end that is there is refused [R15]', async () => {
    const id = await shareWith(harness, ann, bob, some(0), { until: inAnHour() })
    const from = new Date(Date.now() + 7_200_000).toISOString()
    expect((await patch(id, { from })).body.code).toBe('input-invalid')
  })

  test('what has run out takes its places again when it is extended, if there are any [R15 R18]', async () => {
    const { db } = harness.database
    const id = await shareWith(harness, ann, bob, some(0))
    await letEndPass(db, id)
    expect((await ann.call('GET', `/shares/${id}`)).body.state).toBe('expired')
    expect((await patch(id, { role: 'operator' })).body.code).toBe('share-ended')
    const [other = ''] = await fill(device(0))
    expect((await patch(id, { until: inAnHour() })).body.code).toBe('share-limit')
    await ann.call('DELETE', `/shares/${other}`)
    await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', device(0)).execute()
    expect((await patch(id, { until: null })).body.code).toBe('plan-too-low')
    await db.updateTable('device').set({ plan: 'standard' }).where('id', '=', device(0)).execute()
    expect((await patch(id, { until: inAnHour() })).body.share.state).toBe('accepted')
    expect(await seenBy(bob)).toEqual(some(0))
  })

  test('what a job has written down as run out is revived the same way [R15]', async () => {
    const { db } = harness.database
    const id = await shareWith(harness, ann, bob, some(0))
    await letEndPass(db, id)
    await db.updateTable('share').set({ state: 'expired', ended_at: new Date() }).where('id', '=', id).execute()
    expect((await patch(id, { until: null })).body.share).toMatchObject({ state: 'accepted', endedAt: null })
    expect(await seenBy(bob)).toEqual(some(0))
  })

  test('two that ran out do not both take the last place [R18]', async () => {
    const { db } = harness.database
    const cid = asSide(harness, await makePerson(db, 'Cid'))
    const ids = [await shareWith(harness, ann, bob, some(0)), await shareWith(harness, ann, cid, some(0))]
    for (const id of ids) await letEndPass(db, id)
    await fill(device(0), 4)
    const answers = await Promise.all(ids.map((id) => patch(id, { until: null })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('what was ended by somebody is not revived [R17]', async () => {
    const revoked = await shareWith(harness, ann, bob, some(0))
    await ann.call('DELETE', `/shares/${revoked}`)
    const left = await shareWith(harness, ann, bob, some(0))
    await bob.call('DELETE', `/shares/${left}`)
    const declined = await offerTo(harness, ann, bob.email, some(0))
    await bob.call('POST', `/shares/${declined.id}/decline`)
    for (const id of [revoked, left, declined.id]) {
      const { status, body } = await patch(id, { until: null })
      expect([status, body.code]).toEqual([409, 'share-ended'])
    }
  })
})

const NIGHT = { days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', until: '00:00' }

describe('weekly windows', () => {
  /** All weekdays but today, in UTC, which is the time zone of the devices. */
  const elsewhen = () => {
    const today = new Date().getUTCDay() || 7
    const around = [today, (today % 7) + 1, ((today + 5) % 7) + 1]
    return { days: [1, 2, 3, 4, 5, 6, 7].filter((day) => !around.includes(day)), from: '00:00', until: '24:00' }
  }

  test('outside of them the device is not there; without them it is [R23]', async () => {
    const id = await shareWith(harness, ann, bob, some(0), { windows: [elsewhen()] })
    expect(await seenBy(bob)).toEqual([])
    expect((await bob.call('GET', `/devices/${device(0)}/state`)).body.code).toBe('not-found')
    expect((await ann.call('GET', `/shares/${id}`)).body.windows).toEqual([elsewhen()])
    expect((await patch(id, { windows: [NIGHT] })).body.share.windows).toEqual([NIGHT])
    expect((await bob.call('GET', `/devices/${device(0)}`)).body.windows).toEqual([NIGHT])
    expect((await patch(id, { windows: [] })).body.share.windows).toEqual([])
    expect(await seenBy(bob)).toEqual(some(0))
  })

  test('they are kept by the clock of the device, also after it moved, from the answer on [R23]', async () => {
    const { db } = harness.database
    // Only the hour that it is now in Kiritimati (UTC+14), which it is not in UTC.
    const there = new Date(Date.now() + 14 * 3_600_000)
    const hour = (at: Date) => `${String(at.getUTCHours()).padStart(2, '0')}:00`
    const window = {
      ...NIGHT,
      from: hour(new Date(there.getTime() - 3_600_000)),
      until: hour(new Date(there.getTime() + 7_200_000)),
    }
    await shareWith(harness, ann, bob, some(0), { windows: [window] })
    expect(await seenBy(bob)).toEqual([])
    const moved = await ann.call('PATCH', `/devices/${device(0)}`, { timeZone: 'Pacific/Kiritimati' })
    expect(moved.body).toMatchObject({ timeZone: 'Pacific/Kiritimati', via: 'owner' })
    expect(await seenBy(bob)).toEqual(some(0))
    await ann.call('PATCH', `/devices/${device(0)}`, { timeZone: 'UTC' })
    expect(await seenBy(bob)).toEqual([])
    const change = await db.selectFrom('access_change').selectAll().orderBy('version', 'desc').executeTakeFirst()
    expect(change).toMatchObject({ devices: [device(0)], what: 'device moved to another time zone' })
  })
})

describe('privileges', () => {
  test('a role, then ticked ones, then a role that the company made [R20]', async () => {
    const { db } = harness.database
    const id = await shareWith(harness, ann, bob, some(0), { role: 'viewer' })
    const given = async () => (await bob.call('GET', `/devices/${device(0)}`)).body.privileges
    await patch(id, { privileges: ['monitor', 'reboot'] })
    expect(await given()).toEqual(['monitor', 'reboot'])
    const { id: roleId } = await db
      .insertInto('role')
      .values({ company_id: ann.companyId, name: 'Night shift', privileges: 0b0001_0011 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const named = await patch(id, { roleId })
    expect(named.body.share.role).toEqual({ id: roleId, name: 'Night shift' })
    expect(await given()).toEqual(['monitor', 'notify', 'diagnose'])
    await patch(id, { role: 'maintainer' })
    expect((await ann.call('GET', `/shares/${id}`)).body.role).toBe(null)
    expect(await given()).toContain('firmware')
  })

  test('a role of another company is not there; one that may register is cut to what can be shared [R19 R33]', async () => {
    const { db } = harness.database
    const role = (company_id: string, privileges: number) =>
      db
        .insertInto('role')
        .values({ company_id, name: randomUUID(), privileges })
        .returning('id')
        .executeTakeFirstOrThrow()
    const foreign = await role(bob.companyId, 1)
    const offer = { email: bob.email, deviceIds: some(0) }
    const refused = await ann.call('POST', '/shares', { ...offer, roleId: foreign.id })
    expect([refused.status, refused.body.fields?.[0]?.path]).toEqual([422, 'roleId'])
    const all = await role(ann.companyId, 0b1_1111_1111_1111)
    const { body } = await ann.call('POST', '/shares', { ...offer, roleId: all.id })
    expect(body.share.privileges).not.toContain('share')
    expect(body.share.privileges).not.toContain('register')
    expect(body.share.privileges).toContain('override')
  })

  test('nobody gives more than they have, nor lengthens what others gave [R20]', async () => {
    const { db } = harness.database
    const member = asSide(harness, await makeColleague(db, ann, 'Mia'))
    // bits of monitor and share
    await db
      .updateTable('company')
      .set({ member_privileges: 0b1000_0000_0001 })
      .where('id', '=', ann.companyId)
      .execute()
    const role = await db
      .insertInto('role')
      .values({ company_id: ann.companyId, name: 'Strong', privileges: 0b10_0001 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const offer = { email: 'x@example.org', deviceIds: some(0) }
    expect((await member.call('POST', '/shares', { ...offer, roleId: role.id })).body.code).toBe('right-missing')
    const id = await shareWith(harness, ann, bob, some(0), { role: 'operator', until: inAnHour() })
    for (const change of [
      { privileges: ['monitor', 'reboot'] },
      { roleId: role.id },
      { deviceIds: some(0, 1) },
      { until: null },
      { from: '2020-01-01T00:00:00Z' },
      { windows: [NIGHT] },
    ]) {
      expect([change, (await patch(id, change, member)).body.code]).toEqual([change, 'right-missing'])
    }
    // Taking away is open to whoever has a say.
    expect((await patch(id, { until: new Date(Date.now() + 60_000).toISOString() }, member)).status).toBe(200)
    expect((await member.call('POST', `/shares/${id}/suspend`)).status).toBe(200)
    expect((await member.call('POST', `/shares/${id}/resume`)).body.code).toBe('right-missing')
    expect((await patch(id, { privileges: ['monitor'] }, member)).status).toBe(200)
    expect((await member.call('POST', `/shares/${id}/resume`)).status).toBe(200)
    expect(await noticesOf(db, ann.accountId, id)).toContainEqual(['share.suspended', 'Mia'])
  })

  test('a token for one device changes nothing for the other', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1), { role: 'viewer' })
    const made = await ann.call('POST', '/tokens', {
      ...{ name: 'script', privileges: ['monitor', 'share'], deviceIds: [device(0)], expiresAt: inAnHour() },
    })
    const token = { ...ann, call: asSide(harness, { ...ann, token: made.body.token }).call }
    expect((await patch(id, { deviceIds: some(0) }, token)).body.code).toBe('not-found')
    expect((await patch(id, { until: inAnHour() }, token)).body.code).toBe('right-missing')
    expect((await patch(id, { deviceIds: some(1) }, token)).status).toBe(200)
    expect(await seenBy(bob)).toEqual(some(1))
  })
})

describe('suspended', () => {
  test('it gives nothing, keeps what it is and its place, and is resumed as it was [R25 H5]', async () => {
    const { db } = harness.database
    const id = await shareWith(harness, ann, bob, some(0, 1), { role: 'operator' })
    const before = (await ann.call('GET', `/shares/${id}`)).body
    const { body } = await ann.call('POST', `/shares/${id}/suspend`)
    expect(body.share).toEqual({ ...before, suspended: true })
    expect(body.access.edges).toMatchObject([{ outcome: 'applied' }])
    expect(await seenBy(bob)).toEqual([])
    expect((await bob.call('GET', '/shares?direction=received')).body.items).toMatchObject([{ id, suspended: true }])
    await fill(device(0), 4)
    const sixth = await ann.call('POST', '/shares', { email: 'six@example.org', deviceIds: [device(0)] })
    expect(sixth.body.code).toBe('share-limit')
    expect((await ann.call('POST', `/shares/${id}/suspend`)).status).toBe(200)
    expect((await ann.call('POST', `/shares/${id}/resume`)).body.share).toEqual(before)
    expect(await seenBy(bob)).toEqual(some(0, 1))
    const told = (await noticesOf(db, bob.accountId, id)).map(([kind]) => kind)
    expect(told).toEqual(['share.invited', 'share.suspended', 'share.resumed'])
  })

  test('its recipient cannot resume it, but leave it; an invitation can be accepted and gives nothing [R17 R25]', async () => {
    const offered = await offerTo(harness, ann, bob.email, some(0))
    await ann.call('POST', `/shares/${offered.id}/suspend`)
    expect((await bob.call('POST', `/shares/${offered.id}/resume`)).body.code).toBe('not-found')
    expect((await bob.call('POST', `/shares/${offered.id}/accept`, { code: offered.code })).status).toBe(200)
    expect(await seenBy(bob)).toEqual([])
    expect((await bob.call('DELETE', `/shares/${offered.id}`)).body.share.state).toBe('left')
    expect((await ann.call('POST', `/shares/${offered.id}/resume`)).body.code).toBe('share-ended')
    expect(await noticesOf(harness.database.db, ann.accountId, offered.id)).toEqual([
      ['share.accepted', 'Bob'],
      ['share.ended', 'Bob'],
    ])
  })
})

describe('run out', () => {
  test('neither left, suspended, resumed nor narrowed; nobody sees anything [R15 R17]', async () => {
    const id = await shareWith(harness, ann, bob, some(0, 1))
    await letEndPass(harness.database.db, id)
    const tries: [Side, string, string][] = [
      [bob, 'DELETE', ''],
      [ann, 'DELETE', ''],
      [ann, 'POST', '/suspend'],
      [ann, 'POST', '/resume'],
      [ann, 'DELETE', `/devices/${device(0)}`],
      [bob, 'DELETE', `/devices/${device(0)}`],
    ]
    for (const [who, method, path] of tries) {
      expect([path, (await who.call(method, `/shares/${id}${path}`)).body.code]).toEqual([path, 'share-ended'])
    }
  })

  test('an invitation that a job has written off is sent again with a new code, and finds its account [R12 R13]', async () => {
    const { db } = harness.database
    const email = `later.${randomUUID()}@example.org`
    const { id, code } = await offerTo(harness, ann, email, some(0))
    const past = new Date(Date.now() - 1000)
    await db
      .updateTable('share')
      .set({ state: 'expired', ended_at: past, code_expires_at: past })
      .where('id', '=', id)
      .execute()
    const late = await makePerson(db, 'Late')
    await db.updateTable('account').set({ email, email_folded: email }).where('id', '=', late.accountId).execute()
    const asLate = asSide(harness, { ...late, email })
    expect((await asLate.call('POST', `/shares/${id}/accept`, { code })).body.code).toBe('code-expired')
    const { body } = await ann.call('POST', `/shares/${id}/resend`)
    expect(body.share).toMatchObject({ state: 'pending', endedAt: null })
    const { text } = await mailTo(harness.api, email)
    const fresh = /^ {4}(\S+)$/m.exec(text)?.[1]
    expect((await asLate.call('POST', `/shares/${id}/accept`, { code: fresh })).status).toBe(200)
    expect(await seenBy(asLate)).toEqual(some(0))
  })

  test('an invitation whose own end has passed is not sent again before it has a later one [R15]', async () => {
    const { id } = await offerTo(harness, ann, bob.email, some(0))
    await letEndPass(harness.database.db, id)
    expect((await ann.call('POST', `/shares/${id}/resend`)).body.code).toBe('share-ended')
    expect((await patch(id, { until: inAnHour() })).status).toBe(200)
    expect((await ann.call('POST', `/shares/${id}/resend`)).body.share.state).toBe('pending')
  })
})

test('an invitation that goes on because it got a later end takes its place like any other [R18]', async () => {
  const { id } = await offerTo(harness, ann, bob.email, some(0))
  await letEndPass(harness.database.db, id)
  const [other = ''] = await fill(device(0))
  expect((await patch(id, { until: inAnHour() })).body.code).toBe('share-limit')
  await ann.call('DELETE', `/shares/${other}`)
  expect((await patch(id, { until: inAnHour() })).body.share.state).toBe('pending')
})

test('a change of plan keeps the share: control and notifications are off, either side may restore it [R21]', async () => {
  const { db } = harness.database
  const id = await shareWith(harness, ann, bob, some(0), { role: 'maintainer' })
  const given = async (who: Side) => (await who.call('GET', `/devices/${device(0)}`)).body.privileges
  const setPlan = async (plan: 'basic' | 'standard' | 'advanced') => {
    await db.transaction().execute(async (tx) => {
      await tx.updateTable('device').set({ plan }).where('id', '=', device(0)).execute()
      await recordAccessChange(tx, { devices: [device(0)], what: 'plan changed' })
    })
  }
  expect(await given(bob)).toContain('reboot')
  await setPlan('basic')
  await expect.poll(() => given(bob)).toEqual(['monitor', 'report', 'licence'])
  expect(await given(ann)).toContain('licence')
  expect((await ann.call('GET', `/shares/${id}`)).body.state).toBe('accepted')
  expect((await ann.call('GET', '/shares?direction=granted')).body.items).toMatchObject([{ id }])
  // It can still be managed: ending it is nothing that a plan sells.
  expect((await patch(id, { until: inAnHour() })).status).toBe(200)
  await setPlan('advanced')
  await expect.poll(() => given(bob)).toContain('reboot')
})

test('every refusal is in the log of who tried and of whom it concerned [R74]', async () => {
  const id = await shareWith(harness, ann, bob, some(0, 1))
  await bob.call('DELETE', `/shares/${id}/devices/${device(1)}`)
  await fill(device(1))
  expect((await bob.call('POST', `/shares/${id}/devices/${device(1)}`)).body.code).toBe('share-limit')
  for (const { companyId } of [ann, bob]) {
    const rows = await harness.database.db
      .selectFrom('event')
      .select(['account_id', 'outcome', 'subject'])
      .where('company_id', '=', companyId)
      .where('kind', '=', 'share.restored')
      .execute()
    const refused = { account_id: bob.accountId, outcome: 'refused', subject: { code: 'share-limit', share: { id } } }
    expect(rows).toMatchObject([refused])
  }
})
