// Asked "who can do what on this device at time T, and why", the code that enforces it answers (R73).
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Answer, type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let [ann, bob]: Person[] = []
let asAnn: Client
let device: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness?.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  device = await makeDevice(db, ann, await makeAgent(db), 'Rack 4')
})

type Row = { privilege: string; allow: boolean; via: string | null; why: string | null }

const access = (at?: Date, who = asAnn): Promise<Answer> =>
  who('GET', `/devices/${device}/access${at ? `?at=${at.toISOString()}` : ''}`)

/** What is said of this person, and this privilege: the way, or the reason why not; `undefined`: nothing. */
async function ofBob(privilege: string, at?: Date): Promise<string | null | undefined> {
  const { body } = await access(at)
  const rows: Row[] | undefined = body.people.find(
    (one: { account: { id: string } }) => one.account.id === bob?.accountId,
  )?.privileges
  const row = rows?.find((one) => one.privilege === privilege)
  return row && (row.allow ? row.via : row.why)
}

/** An instant after all that is there and before all that follows; instants are asked for in whole milliseconds. */
async function mark(): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`
    select date_trunc('milliseconds', clock_timestamp()) + interval '1 ms' as at, pg_sleep(0.003)`.execute(
    harness.database.db,
  )
  return rows[0]?.at as Date
}

const change = (table: 'share' | 'guest_entry' | 'link', set: Record<string, unknown>, id: string) =>
  harness.database.db.updateTable(table).set(set).where('id', '=', id).execute()

test('a share is answered for as it was at each past instant, through all its states [R73 R25 R16]', async () => {
  const { db } = harness.database
  const before = await mark()
  const { shareId } = await makeShare(db, ann as Person, bob as Person, [device], { state: 'pending' })
  const pending = await mark()
  await change('share', { state: 'accepted' }, shareId)
  const accepted = await mark()
  await change('share', { privileges: BUILT_IN_ROLES.operator }, shareId)
  const stronger = await mark()
  await change('share', { suspended_at: new Date() }, shareId)
  const suspended = await mark()
  await change('share', { suspended_at: null }, shareId)
  await db.updateTable('share_device').set({ removed_by: 'recipient' }).where('share_id', '=', shareId).execute()
  const removed = await mark()
  await change('share', { state: 'revoked', ended_at: new Date() }, shareId)

  expect(await ofBob('monitor', before)).toBeUndefined()
  expect(await ofBob('monitor', pending)).toBe('pending')
  expect(await ofBob('monitor', accepted)).toBe(`share:${shareId}`)
  expect(await ofBob('reboot', accepted)).toBe('too-weak')
  expect(await ofBob('reboot', stronger)).toBe(`share:${shareId}`)
  expect(await ofBob('reboot', suspended)).toBe('suspended')
  expect(await ofBob('monitor', removed)).toBe('removed')
  expect(await ofBob('monitor')).toBe('removed')
})

test('a past window is kept by the time zone and the plan of that time [R73 R23 R21]', async () => {
  const { db } = harness.database
  const { shareId } = await makeShare(db, ann as Person, bob as Person, [device], {
    privileges: BUILT_IN_ROLES.operator,
  })
  const free = await mark()
  // The weekday is any but today's, here and in every other zone.
  const days = [((new Date().getUTCDay() + 2) % 7) + 1]
  await change('share', { windows: JSON.stringify([{ days, from: '00:00', until: '24:00' }]) }, shareId)
  const closed = await mark()
  await change('share', { windows: '[]' }, shareId)
  await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', device).execute()
  const basic = await mark()
  await db.updateTable('device').set({ plan: 'standard' }).where('id', '=', device).execute()

  expect(await ofBob('reboot', free)).toBe(`share:${shareId}`)
  expect(await ofBob('reboot', closed)).toBe('outside-window')
  expect(await ofBob('reboot', basic)).toBe('plan')
  expect(await ofBob('monitor', basic)).toBe(`share:${shareId}`)
  expect(await ofBob('shed')).toBe('plan')
})

test('a future instant is answered from the facts as they stand [R73 R15]', async () => {
  const { db } = harness.database
  const hour = (n: number) => new Date(Date.now() + n * 3_600_000)
  const { shareId } = await makeShare(db, ann as Person, bob as Person, [device], {
    startsAt: hour(1),
    endsAt: hour(3),
  })
  expect(await ofBob('monitor')).toBe('not-yet')
  expect(await ofBob('monitor', hour(2))).toBe(`share:${shareId}`)
  expect(await ofBob('monitor', hour(4))).toBe('ended')
  await change('share', { ends_at: null }, shareId)
  expect(await ofBob('monitor', hour(4))).toBe(`share:${shareId}`)
})

test('members and guests are named with their way of that time; guests without a way are not [R73 R31 R32 R33]', async () => {
  const { db } = harness.database
  const meg = await makeColleague(db, ann as Person, 'Meg')
  const role = await db
    .insertInto('role')
    .values({ company_id: ann?.companyId as string, name: 'Fitter', privileges: BUILT_IN_ROLES.viewer })
    .returning('id')
    .executeTakeFirstOrThrow()
  const guest = await db
    .insertInto('guest_entry')
    .values({
      ...{ company_id: ann?.companyId as string, invited_by: ann?.accountId as string },
      ...{ email: bob?.email as string, email_folded: bob?.email as string, account_id: bob?.accountId as string },
      ...{ state: 'accepted', mode: 'groups-and-devices', privileges: 0, role_id: role.id },
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const everything = await mark()
  await db.updateTable('role').set({ privileges: BUILT_IN_ROLES.operator }).where('id', '=', role.id).execute()
  const stronger = await mark()
  await change('guest_entry', { active: false }, guest.id)
  const inactive = await mark()
  await change('guest_entry', { active: true, mode: 'devices' }, guest.id)
  const elsewhere = await mark()
  await db.updateTable('account').set({ active: false }).where('id', '=', meg.accountId).execute()

  expect(await ofBob('reboot', everything)).toBe('too-weak')
  expect(await ofBob('reboot', stronger)).toBe(`guest:${guest.id}`)
  expect(await ofBob('reboot', inactive)).toBe('suspended')
  expect(await ofBob('monitor', elsewhere)).toBeUndefined()
  const monitorOf = async (at?: Date) =>
    Object.fromEntries(
      (await access(at)).body.people.map((one: { account: { name: string }; privileges: Row[] }) => {
        const row = one.privileges.find(({ privilege }) => privilege === 'monitor')
        return [one.account.name, row?.via ?? row?.why]
      }),
    )
  expect(await monitorOf(elsewhere)).toEqual({ Ann: 'owner', Meg: 'member' })
  expect(await monitorOf()).toEqual({ Ann: 'owner', Meg: 'inactive' })
})

test('links are answered for beside people, as they were too [R73 R22]', async () => {
  const { db } = harness.database
  const link = await db
    .insertInto('link')
    .values({
      ...{ company_id: ann?.companyId as string, created_by: ann?.accountId as string, name: 'Door' },
      ...{ token_hash: Buffer.from(device), token_sealed: Buffer.from('sealed'), privileges: 1 },
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db.insertInto('link_device').values({ link_id: link.id, device_id: device }).execute()
  const open = await mark()
  await change('link', { ended_at: new Date() }, link.id)
  const links = async (at?: Date) =>
    (await access(at)).body.links.map(({ id, name, privileges }: { id: string; name: string; privileges: Row[] }) => {
      const row = privileges.find(({ privilege }) => privilege === 'monitor')
      return [id, name, row?.via ?? row?.why]
    })
  expect(await links(open)).toEqual([[link.id, 'Door', `link:${link.id}`]])
  expect(await links()).toEqual([[link.id, 'Door', 'ended']])
})

test('a company is told nothing of the time in which the device was another one’s [R73 R70]', async () => {
  const { db } = harness.database
  await makeShare(db, ann as Person, bob as Person, [device])
  const hers = await mark()
  const agentId = (await db.selectFrom('device').select('agent_id').where('id', '=', device).executeTakeFirstOrThrow())
    .agent_id
  await db.deleteFrom('device').where('id', '=', device).execute()
  const nobodys = await mark()
  expect((await access(hers)).status).toBe(404)

  const cid = await makePerson(db, 'Cid')
  await db
    .insertInto('device')
    .values({
      ...{ id: device, company_id: cid.companyId, agent_id: agentId, name: 'Rack 4', plan: 'advanced' },
      ...{ time_zone: 'UTC', claimed_by: cid.accountId },
    })
    .execute()
  const asCid = clientOf(harness.api, cid.token)
  for (const at of [hers, nobodys]) {
    const { body } = await access(at, asCid)
    expect([body.people, body.links]).toEqual([[], []])
    expect(Date.parse(body.since)).toBeGreaterThan(at.getTime())
  }
  expect((await access(undefined, asCid)).body.people).toMatchObject([{ account: { id: cid.accountId } }])
  expect((await access(hers)).status).toBe(404)
})

test('only who may share the device now may ask, on every plan, whenever it is asked of [R73 R19]', async () => {
  const { db } = harness.database
  const then = await mark()
  await makeShare(db, ann as Person, bob as Person, [device], { privileges: -1 })
  const asBob = clientOf(harness.api, bob?.token)
  // The API has not been asked to make this share, so its edge may take a moment to know it.
  await expect.poll(async () => (await asBob('GET', `/devices/${device}`)).status).toBe(200)
  for (const at of [undefined, then]) expect((await access(at, asBob)).body.code).toBe('right-missing')
  await db.updateTable('device').set({ plan: 'basic' }).where('id', '=', device).execute()
  expect((await access()).status).toBe(200)
})
