// What is asked of the past is what was true then (R73): all that happens is remembered, and nothing that is a secret.

import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FactSheet, loadFactsOfDevices, loadPastFactsOfDevices } from './facts.ts'

let database: TestDatabase
let [ann, bob]: Person[] = []
let devices: string[]

beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  const agent = await makeAgent(db)
  devices = [await makeDevice(db, ann, agent, 'rack'), await makeDevice(db, ann, agent, 'desk')]
  await makeShare(db, ann, bob, devices)
})
afterAll(() => database?.stop())

/** An instant after all that was committed and before all that follows; instants are asked for in whole milliseconds. */
async function mark(): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`
    select date_trunc('milliseconds', clock_timestamp()) + interval '1 ms' as at, pg_sleep(0.003)`.execute(database.db)
  if (!rows[0]) throw new Error('the database has no clock')
  return rows[0].at
}

/** The order of rows is nobody's business. */
function sorted({ devices, facts }: FactSheet): unknown {
  const order = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(order).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, order(one)]))
  }
  return order({ devices, facts })
}

const run = (...statements: RawBuilder<unknown>[]) =>
  database.db.transaction().execute(async (tx) => {
    for (const statement of statements) await statement.execute(tx)
  })

/** Everything that `decide` reads, changed in every way that there is, one step after the other. */
function* story(): Generator<RawBuilder<unknown>[]> {
  const [rack, desk] = devices
  const company = ann?.companyId
  const share = sql`(select id from share limit 1)`
  const one = (table: string) => sql`(select id from ${sql.ref(table)} limit 1)`
  yield [sql`update share set privileges = 3`]
  yield [sql`update share set suspended_at = now()`]
  yield [sql`update share set suspended_at = null, starts_at = now(), ends_at = now() + interval '1 h'`]
  yield [sql`update share set windows = '[{"days": [1], "from": "08:00", "until": "17:00"}]'`]
  yield [sql`update share_device set removed_by = 'owner' where device_id = ${rack}`]
  yield [sql`update share_device set removed_by = null where device_id = ${rack}`]
  yield [sql`update device set plan = 'basic', time_zone = 'Europe/Berlin' where id = ${rack}`]
  yield [sql`update company set member_privileges = 1 where id = ${company}`]
  yield [sql`update account set company_id = ${company}, role = 'member' where id = ${bob?.accountId}`]
  yield [sql`update account set active = false where id = ${bob?.accountId}`]
  yield [sql`update account set active = true, role = 'owner' where id = ${bob?.accountId}`]
  yield [sql`update account set company_id = ${bob?.companyId} where id = ${bob?.accountId}`]
  yield [sql`insert into role (company_id, name, privileges) values (${company}, 'Fitter', 7)`]
  yield [sql`update share set role_id = ${one('role')}, state = 'pending'`]
  yield [sql`update role set privileges = 15`]
  yield [sql`insert into device_group (company_id, name) values (${company}, 'Hall')`]
  yield [sql`insert into device_group_member select id, ${rack}, company_id from device_group`]
  yield [
    sql`insert into guest_entry (company_id, invited_by, email, email_folded, account_id, state, mode, privileges)
      values (${company}, ${ann?.accountId}, 'b', 'b', ${bob?.accountId}, 'accepted', 'groups', 31)`,
    sql`insert into guest_group select e.id, g.id, e.company_id, null, 3 from guest_entry e, device_group g`,
  ]
  yield [sql`update guest_group set role_id = ${one('role')}`]
  yield [sql`insert into device_group_member select id, ${desk}, company_id from device_group`]
  yield [sql`delete from device_group_member where device_id = ${rack}`]
  yield [sql`update guest_entry set mode = 'devices'`]
  yield [sql`insert into guest_device select id, ${rack}, company_id from guest_entry`]
  yield [sql`delete from guest_device`, sql`insert into guest_device select id, ${desk}, company_id from guest_entry`]
  yield [sql`update guest_entry set mode = 'groups-and-devices', active = false`]
  yield [sql`update guest_entry set active = true, role_id = ${one('role')}, ends_at = now() + interval '1 d'`]
  yield [
    sql`insert into link (company_id, created_by, name, token_hash, token_sealed, privileges, variables, pin_hash)
      values (${company}, ${ann?.accountId}, 'Door', 'secret', 'secret', 5, '{ups.status,ups.load}', 'secret')`,
    sql`insert into link_device select id, ${rack} from link`,
  ]
  yield [sql`update link set uses = uses + 1, last_used_at = now()`]
  yield [sql`update link set variables = null, windows = '[]', privileges = 1`]
  yield [sql`update link set suspended_at = now()`]
  yield [sql`update link set suspended_at = null`, sql`update link set ended_at = now()`]
  yield [sql`delete from link_device`]
  yield [sql`update guest_entry set state = 'left'`]
  yield [sql`delete from device_group`]
  // Deleting the device takes its places with it; registering it again begins anew.
  yield [sql`delete from device where id = ${desk}`]
  yield [
    sql`insert into device (id, company_id, agent_id, name, plan, time_zone, claimed_by)
      select ${desk}, company_id, agent_id, name, plan, time_zone, claimed_by from device where id = ${rack}`,
  ]
  yield [sql`insert into share_device (share_id, device_id) values (${share}, ${desk})`]
  yield [sql`update share set state = 'accepted', account_id = ${bob?.accountId}`]
  yield [sql`update share set state = 'revoked', ended_at = now()`]
}

test('the facts of every past instant are those that were read then [R73]', async () => {
  const { db } = database
  const told: { at: Date; sheet: unknown }[] = []
  for (const step of story()) {
    await run(...step)
    told.push({ at: await mark(), sheet: sorted(await loadFactsOfDevices(db, devices)) })
  }
  const texts = new Set(told.map(({ sheet }) => JSON.stringify(sheet)))
  expect(texts.size).toBeGreaterThan(30)
  for (const { at, sheet } of told) expect(sorted(await loadPastFactsOfDevices(db, devices, at))).toEqual(sheet)
})

test('at no instant is half of a transaction true [R73]', async () => {
  const { db } = database
  const { shareId } = await makeShare(db, ann as Person, await makePerson(db, 'Cid'), devices, { state: 'pending' })
  await run(
    sql`update share set privileges = 1 where id = ${shareId}`,
    sql`select pg_sleep(0.003)`,
    sql`update share set privileges = 3 where id = ${shareId}`,
    sql`update share_device set removed_by = 'owner' where share_id = ${shareId}`,
  )
  const { rows } = await sql<{ begins: string; changes: number }>`
    select count(distinct valid_from) as begins, count(*) as changes from access_history where id = ${shareId}`.execute(
    db,
  )
  // Made with two devices at one instant, and all three rows changed at another.
  expect(rows).toEqual([{ begins: 2, changes: 6 }])
})

test('who waited for another transaction changes what that one left', async () => {
  const { db } = database
  const { shareId } = await makeShare(db, ann as Person, await makePerson(db, 'Dee'), devices)
  const set = (privileges: number) => sql`update share set privileges = ${privileges} where id = ${shareId}`
  await db.transaction().execute(async (first) => {
    // Its instant is taken here, before the other one changes the share.
    await sql`update company set member_privileges = 2 where id = ${bob?.companyId}`.execute(first)
    await run(set(1))
    await set(3).execute(first)
  })
  const { rows } = await sql<{ privileges: number; isOpen: boolean }>`
    select (content ->> 'privileges')::int as privileges, valid_until is null as "isOpen" from access_history
    where id = ${shareId} and source = 'share' order by valid_from`.execute(db)
  expect(rows.slice(1)).toEqual([
    { privileges: 1, isOpen: false },
    { privileges: 3, isOpen: true },
  ])
})

test('the history holds what decides and no secret, name or address [R73]', async () => {
  const { rows } = await sql<{ name: string }>`
    select distinct jsonb_object_keys(content) as name from access_history`.execute(database.db)
  const names = rows.map(({ name }) => name)
  expect(names).toContain('windows')
  expect(names.filter((name) => /hash|seal|secret|code|token|pin|mail|name/.test(name))).toEqual([])
})
