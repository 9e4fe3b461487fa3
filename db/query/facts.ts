// The facts that policy.ts decides from, read in one snapshot together with the version of access that they belong to.

import type { Plan } from '@ridethrough/protocol/plan.ts'
import type { DeviceFact, Facts, MembershipFact, ShareFact, ShareState } from '@ridethrough/protocol/policy.ts'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Db, Schema } from '../schema.ts'

export type FactSheet = { readonly version: number; readonly devices: readonly DeviceFact[]; readonly facts: Facts }

/**
 * All that bears on these accounts: their memberships, their companies' devices, the shares they received, and the
 * devices in those. One statement, so one snapshot: the version and the facts cannot disagree.
 */
export function loadFactsOfAccounts(db: Db, accountIds: readonly string[]): Promise<FactSheet> {
  return load(
    db,
    sql`select id from account where id = any(${sql.val([...accountIds])}::uuid[])`,
    sql`
    select d.id from device d join account a on a.company_id = d.company_id where a.id = any(${sql.val([...accountIds])}::uuid[])
    union
    select sd.device_id from share_device sd join share s on s.id = sd.share_id
    where s.account_id = any(${sql.val([...accountIds])}::uuid[]) and sd.removed_by is null`,
  )
}

/** All that bears on these devices: everybody in the owning company, everybody they were ever shared with. */
export function loadFactsOfDevices(db: Db, deviceIds: readonly string[]): Promise<FactSheet> {
  const ids = sql`select unnest(${sql.val([...deviceIds])}::uuid[]) as id`
  return load(
    db,
    sql`
    select a.id from account a join device d on d.company_id = a.company_id where d.id in (${ids})
    union
    select s.account_id from share s join share_device sd on sd.share_id = s.id where sd.device_id in (${ids}) and s.account_id is not null`,
    ids,
  )
}

type Sheet = {
  version: number
  devices: { id: string; companyId: string; plan: Plan }[] | null
  memberships:
    | { accountId: string; companyId: string; role: 'owner' | 'member'; active: boolean; privileges: number }[]
    | null
  shares:
    | {
        id: string
        accountId: string | null
        state: ShareState
        privileges: number
        from: number | null
        until: number | null
        deviceIds: string[]
      }[]
    | null
}

async function load(
  db: Kysely<Schema>,
  accounts: RawBuilder<unknown>,
  devices: RawBuilder<unknown>,
): Promise<FactSheet> {
  const { rows } = await sql<Sheet>`
    with who as (${accounts}), what as (${devices})
    select
      (select version from access_clock) as version,
      (select json_agg(json_build_object('id', d.id, 'companyId', d.company_id, 'plan', d.plan)) from device d where d.id in (select id from what)) as devices,
      (select json_agg(json_build_object('accountId', a.id, 'companyId', a.company_id, 'role', a.role, 'active', a.active, 'privileges', c.member_privileges))
        from account a join company c on c.id = a.company_id where a.id in (select id from who)) as memberships,
      (select json_agg(json_build_object('id', s.id, 'accountId', s.account_id, 'state', s.state, 'privileges', s.privileges,
          'from', floor(extract(epoch from s.starts_at) * 1000), 'until', floor(extract(epoch from s.ends_at) * 1000),
          'deviceIds', coalesce((select json_agg(sd.device_id) from share_device sd where sd.share_id = s.id and sd.removed_by is null), '[]')))
        from share s where s.account_id in (select id from who)
          and exists (select from share_device sd where sd.share_id = s.id and sd.device_id in (select id from what))) as shares
  `.execute(db)
  const sheet = rows[0]
  if (!sheet) throw new Error('the access clock is missing')
  const shares: ShareFact[] = (sheet.shares ?? []).map(({ from, until, ...share }) => ({
    ...share,
    period: { from, until },
  }))
  const memberships: readonly MembershipFact[] = sheet.memberships ?? []
  return { version: sheet.version, devices: sheet.devices ?? [], facts: { memberships, shares } }
}
