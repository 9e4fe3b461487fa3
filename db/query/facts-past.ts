// The facts as they were (R73): tables of the same names as today's, filled from their history, for the same query to read.
import type { DeviceFact } from '@ridethrough/protocol/policy.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../schema.ts'

/**
 * Named queries that hide the tables behind their rows at that instant, as far as these devices are concerned. Columns that
 * `decide` does not read are null. Each begins with what the one before it found, so the whole history is never read.
 */
export function pastOfDevices(deviceIds: readonly string[], at: Date): RawBuilder<unknown> {
  const asked = sql`any(${sql.val([...deviceIds])}::uuid[])`
  const past = (name: string, condition: RawBuilder<unknown>) => sql`${sql.ref(name)} as materialized (
    select fact.* from access_history h, jsonb_populate_record(null::${sql.ref(name)}, h.content) fact
    where h.source = ${name} and (${condition}) and h.valid_from <= ${at} and (h.valid_until is null or h.valid_until > ${at}))`
  return sql.join([
    past('device', sql`h.id = ${asked}`),
    past('share_device', sql`h.other_id = ${asked}`),
    past('share', sql`h.id in (select share_id from share_device)`),
    past('link_device', sql`h.other_id = ${asked}`),
    past('link', sql`h.id in (select link_id from link_device)`),
    past('guest_entry', sql`h.other_id in (select company_id from device)`),
    past('device_group_member', sql`h.other_id = ${asked}`),
    past('guest_group', sql`h.id in (select id from guest_entry)`),
    past('guest_device', sql`h.other_id = ${asked}`),
    past(
      'role',
      sql`h.id in (select role_id from share union select role_id from guest_entry union select role_id from guest_group)`,
    ),
    past(
      'account',
      // Not "or": PostgreSQL would read the whole history for it.
      sql`h.id in (
        select id from access_history where other_id in (select company_id from device) and source = 'account'
        union select account_id from share union select account_id from guest_entry)`,
    ),
    past('company', sql`h.id in (select company_id from account)`),
  ])
}

/** Since when the facts about this device of this company are kept: when it was registered, or when we began to keep them. */
export async function findFactsBegin(db: Db, { id, companyId }: DeviceFact): Promise<Date | undefined> {
  const { rows } = await sql<{ begin: Date | null }>`
    select min(valid_from) as begin from access_history
    where id = ${id} and other_id = ${companyId} and source = 'device'`.execute(db)
  return rows[0]?.begin ?? undefined
}
