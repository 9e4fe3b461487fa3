// The facts that policy.ts decides from, read in one snapshot together with the version of access that they belong to.

import type { Period } from '@ridethrough/protocol/period.ts'
import type {
  DeviceFact,
  Facts,
  GuestFact,
  LinkFact,
  MembershipFact,
  ShareFact,
  Terms,
} from '@ridethrough/protocol/policy.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../schema.ts'
import { pastOfDevices } from './facts-past.ts'

export type FactSheet = { readonly version: number; readonly devices: readonly DeviceFact[]; readonly facts: Facts }

/** Whose rights are asked for. */
export type Asked = { readonly accounts: readonly string[]; readonly links: readonly string[] }

/** Ids of what bears on the question, as subqueries with one column `id`. */
type Which = {
  accounts: RawBuilder<unknown>
  shares: RawBuilder<unknown>
  guests: RawBuilder<unknown>
  links: RawBuilder<unknown>
  devices: RawBuilder<unknown>
}

/**
 * All that bears on these accounts and links now: memberships, their companies' devices, shares and guest entries that
 * are open, and the devices in those. One statement, so one snapshot: the version and the facts cannot disagree.
 */
export function loadFactsOf(db: Db, { accounts, links }: Asked): Promise<FactSheet> {
  const ofAccounts = sql`any(${sql.val([...accounts])}::uuid[])`
  const ofLinks = sql`any(${sql.val([...links])}::uuid[])`
  return load(db, {
    accounts: sql`select id from account where id = ${ofAccounts}`,
    shares: sql`select id from share where account_id = ${ofAccounts} and state in ('pending', 'accepted')`,
    guests: sql`select id from guest_entry where account_id = ${ofAccounts} and state in ('pending', 'accepted')`,
    links: sql`select id from link where id = ${ofLinks}`,
    devices: sql`
      select d.id from device d join account a on a.company_id = d.company_id where a.id = ${ofAccounts}
      union
      select sd.device_id from share_device sd where sd.share_id in (select id from shares_asked)
      union
      select d.id from guest_entry g join device d on d.company_id = g.company_id
      where g.id in (select id from guests_asked) and g.mode = 'groups-and-devices'
      union
      select m.device_id from guest_group gg join device_group_member m on m.group_id = gg.group_id
      join guest_entry g on g.id = gg.entry_id
      where gg.entry_id in (select id from guests_asked) and g.mode = 'groups'
      union
      select gd.device_id from guest_device gd join guest_entry g on g.id = gd.entry_id
      where gd.entry_id in (select id from guests_asked) and g.mode = 'devices'
      union
      select ld.device_id from link_device ld where ld.link_id in (select id from links_asked)`,
  })
}

/** The same of these devices only: what a change that is confined to them bears on. */
export function loadFactsOn(db: Db, { accounts, links }: Asked, deviceIds: readonly string[]): Promise<FactSheet> {
  const ofAccounts = sql`any(${sql.val([...accounts])}::uuid[])`
  const ofDevices = sql`any(${sql.val([...deviceIds])}::uuid[])`
  return load(db, {
    accounts: sql`select id from account where id = ${ofAccounts}`,
    shares: sql`
      select distinct s.id from share_device sd join share s on s.id = sd.share_id
      where sd.device_id = ${ofDevices} and s.account_id = ${ofAccounts} and s.state in ('pending', 'accepted')`,
    guests: sql`
      select distinct g.id from guest_entry g join device d on d.company_id = g.company_id
      where d.id = ${ofDevices} and g.account_id = ${ofAccounts} and g.state in ('pending', 'accepted')`,
    links: sql`
      select distinct link_id as id from link_device
      where device_id = ${ofDevices} and link_id = any(${sql.val([...links])}::uuid[])`,
    devices: sql`select id from device where id = ${ofDevices}`,
  })
}

export function loadFactsOfAccounts(db: Db, accountIds: readonly string[]): Promise<FactSheet> {
  return loadFactsOf(db, { accounts: accountIds, links: [] })
}

/**
 * All that bears on these devices: everybody in the owning company and its guests, everybody they were ever shared with,
 * and every link that shows them.
 */
export function loadFactsOfDevices(db: Db, deviceIds: readonly string[]): Promise<FactSheet> {
  return load(db, bearingOn(deviceIds))
}

/** The same as it was at a past instant; a device that was not registered then is left out. The version is today's. */
export function loadPastFactsOfDevices(db: Db, deviceIds: readonly string[], at: Date): Promise<FactSheet> {
  return load(db, bearingOn(deviceIds), pastOfDevices(deviceIds, at))
}

function bearingOn(deviceIds: readonly string[]): Which {
  const ids = sql`any(${sql.val([...deviceIds])}::uuid[])`
  return {
    accounts: sql`
      select a.id from account a join device d on d.company_id = a.company_id where d.id = ${ids}
      union
      select s.account_id from share s where s.id in (select id from shares_asked) and s.account_id is not null
      union
      select g.account_id from guest_entry g where g.id in (select id from guests_asked) and g.account_id is not null`,
    shares: sql`select distinct share_id as id from share_device where device_id = ${ids}`,
    guests: sql`select g.id from guest_entry g join device d on d.company_id = g.company_id where d.id = ${ids}`,
    links: sql`select distinct link_id as id from link_device where device_id = ${ids}`,
    devices: sql`select id from device where id = ${ids}`,
  }
}

type Bounds = { from: number | null; until: number | null }
type Flat<T extends Terms> = Omit<T, 'period'> & Bounds

type Sheet = {
  version: number
  devices: DeviceFact[] | null
  memberships: MembershipFact[] | null
  shares: Flat<ShareFact>[] | null
  guests: Flat<GuestFact>[] | null
  links: Flat<LinkFact>[] | null
}

/** `past` hides the tables behind their rows at another time. */
async function load(db: Db, which: Which, past?: RawBuilder<unknown>): Promise<FactSheet> {
  // What a device sheet does not name is left out of the lists too: the facts are about the devices that were asked for.
  const { rows } = await sql<Sheet>`
    with ${past ? sql`${past},` : sql``} shares_asked as materialized (${which.shares}), guests_asked as materialized (${which.guests}),
    links_asked as materialized (${which.links}), who as materialized (${which.accounts}), what as materialized (${which.devices}),
    devices_of_share as (
      select share_id, ${ids('device_id')} filter (where removed_by is null) as present, ${ids('device_id')} filter (where removed_by is not null) as removed
      from share_device where share_id in (select id from shares_asked) and device_id in (select id from what) group by share_id),
    devices_of_group as (
      select group_id, ${ids('device_id')} as present from device_group_member
      where group_id in (select group_id from guest_group where entry_id in (select id from guests_asked)) and device_id in (select id from what)
      group by group_id),
    groups_of_guest as (
      select gg.entry_id, json_agg(json_build_object('privileges', coalesce(r.privileges, gg.privileges), 'deviceIds', coalesce(m.present, '[]'))) as groups
      from guest_group gg left join role r on r.id = gg.role_id left join devices_of_group m on m.group_id = gg.group_id
      where gg.entry_id in (select id from guests_asked) group by gg.entry_id),
    devices_of_guest as (
      select entry_id, ${ids('device_id')} as present from guest_device
      where entry_id in (select id from guests_asked) and device_id in (select id from what) group by entry_id),
    devices_of_link as (
      select link_id, ${ids('device_id')} as present from link_device
      where link_id in (select id from links_asked) and device_id in (select id from what) group by link_id)
    select
      (select version from access_clock) as version,
      (select json_agg(json_build_object('id', d.id, 'companyId', d.company_id, 'plan', d.plan, 'timeZone', d.time_zone))
        from device d where d.id in (select id from what)) as devices,
      (select json_agg(json_build_object('accountId', a.id, 'companyId', a.company_id, 'role', a.role, 'active', a.active, 'privileges', c.member_privileges))
        from account a join company c on c.id = a.company_id where a.id in (select id from who)) as memberships,
      (select json_agg(json_build_object('id', s.id, 'accountId', s.account_id, 'state', s.state, 'suspended', s.suspended_at is not null,
          'privileges', coalesce(r.privileges, s.privileges), ${terms('s')},
          'deviceIds', coalesce(sd.present, '[]'), 'removedIds', coalesce(sd.removed, '[]')))
        from share s left join role r on r.id = s.role_id left join devices_of_share sd on sd.share_id = s.id
        where s.id in (select id from shares_asked)) as shares,
      (select json_agg(json_build_object('id', g.id, 'accountId', g.account_id, 'companyId', g.company_id, 'state', g.state, 'active', g.active, 'mode', g.mode,
          'privileges', coalesce(r.privileges, g.privileges), ${terms('g')},
          'groups', coalesce(gs.groups, '[]'), 'deviceIds', coalesce(gd.present, '[]')))
        from guest_entry g left join role r on r.id = g.role_id
        left join groups_of_guest gs on gs.entry_id = g.id left join devices_of_guest gd on gd.entry_id = g.id
        where g.id in (select id from guests_asked)) as guests,
      (select json_agg(json_build_object('id', l.id, 'ended', l.ended_at is not null, 'suspended', l.suspended_at is not null,
          'privileges', l.privileges, 'variables', l.variables, ${terms('l')}, 'deviceIds', coalesce(ld.present, '[]')))
        from link l left join devices_of_link ld on ld.link_id = l.id
        where l.id in (select id from links_asked)) as links
  `.execute(db)
  const sheet = rows[0]
  if (!sheet) throw new Error('the access clock is missing')
  return {
    version: sheet.version,
    devices: sheet.devices ?? [],
    facts: {
      memberships: sheet.memberships ?? [],
      shares: (sheet.shares ?? []).map(unflat),
      guests: (sheet.guests ?? []).map(unflat),
      links: (sheet.links ?? []).map(unflat),
    },
  }
}

function ids(column: string): RawBuilder<unknown> {
  return sql`json_agg(${sql.ref(column)})`
}

function terms(table: 's' | 'g' | 'l'): RawBuilder<unknown> {
  const at = (column: string) => sql`floor(extract(epoch from ${sql.ref(`${table}.${column}`)}) * 1000)`
  return sql`'from', ${at('starts_at')}, 'until', ${at('ends_at')}, 'windows', ${sql.ref(`${table}.windows`)}`
}

function unflat<T extends Bounds>({ from, until, ...rest }: T): Omit<T, 'from' | 'until'> & { period: Period } {
  return { ...rest, period: { from, until } }
}
