// Companies: their settings, and how many of what they hold.
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { countRoleUse, deleteRole } from './role.ts'

export type Company = {
  readonly id: string
  readonly name: string
  /** What members have on its devices; owners have everything. */
  readonly memberPrivileges: PrivilegeMask
  readonly requiresSecondFactor: boolean
  readonly requiresStepUp: boolean
  /** Ordinary actions of its people are logged; changes of access and refusals always are. */
  readonly logsOrdinary: boolean
}

export type CompanyCounts = {
  readonly active: number
  readonly inactive: number
  /** Invitations that wait for an answer, those that have run out included. */
  readonly invited: number
  readonly devices: number
}

export type CompanyChange = Partial<Omit<Company, 'id'>>

export async function findCompany(db: Db, id: string): Promise<Company | undefined> {
  const row = await db.selectFrom('company').selectAll().where('id', '=', id).executeTakeFirst()
  return (
    row && {
      id: row.id,
      name: row.name,
      memberPrivileges: row.member_privileges,
      requiresSecondFactor: row.requires_second_factor,
      requiresStepUp: row.requires_step_up,
      logsOrdinary: row.logs_ordinary,
    }
  )
}

/**
 * Until the end of the transaction nobody joins, leaves, is promoted, demoted, deactivated, deleted or invited there, and
 * no device comes in. First of all locks, in one order, so that two transactions cannot wait for each other.
 */
export async function lockCompanies(tx: Db, ids: readonly string[]): Promise<void> {
  await tx
    .selectFrom('company')
    .select('id')
    .where('id', 'in', [...new Set(ids)])
    .orderBy('id')
    .forUpdate()
    .execute()
}

export async function countCompany(db: Db, id: string): Promise<CompanyCounts> {
  const { rows } = await sql<CompanyCounts>`
    select
      (select count(*) from account where company_id = ${id} and verified_at is not null and deleted_at is null and active) as active,
      (select count(*) from account where company_id = ${id} and verified_at is not null and deleted_at is null and not active) as inactive,
      (select count(*) from invitation where company_id = ${id} and state = 'pending') as invited,
      (select count(*) from device where company_id = ${id}) as devices`.execute(db)
  return rows[0] ?? { active: 0, inactive: 0, invited: 0, devices: 0 }
}

/** Its id. Nobody is in it yet. */
export async function insertCompany(tx: Db, company: Pick<Company, 'name' | 'memberPrivileges'>): Promise<string> {
  const { id } = await tx
    .insertInto('company')
    .values({ name: company.name, member_privileges: company.memberPrivileges })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function changeCompany(tx: Db, id: string, change: CompanyChange): Promise<void> {
  const columns = {
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.memberPrivileges === undefined ? {} : { member_privileges: change.memberPrivileges }),
    ...(change.requiresSecondFactor === undefined ? {} : { requires_second_factor: change.requiresSecondFactor }),
    ...(change.requiresStepUp === undefined ? {} : { requires_step_up: change.requiresStepUp }),
    ...(change.logsOrdinary === undefined ? {} : { logs_ordinary: change.logsOrdinary }),
  }
  if (Object.keys(columns).length > 0) await tx.updateTable('company').set(columns).where('id', '=', id).execute()
}

/**
 * Whatever leads into a company that its last person has left is void, and the company goes, unless what is over or people
 * who were erased still name it: then it stays, empty. Its guests must have ended before.
 */
export async function abandonCompany(tx: Db, id: string, at: Date): Promise<void> {
  await tx
    .updateTable('invitation')
    .set({ state: 'withdrawn', answered_at: at })
    .where('company_id', '=', id)
    .where('state', '=', 'pending')
    .execute()
  await tx
    .updateTable('link')
    .set({ ended_at: at })
    .where('company_id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
  await tx.deleteFrom('device_group').where('company_id', '=', id).execute()
  await deleteRoles(tx, id)
  const named = ['account', 'device', 'share', 'invitation', 'link', 'guest_entry', 'role'].map(
    (table) => sql`exists (select from ${sql.table(table)} x where x.company_id = c.id)`,
  )
  await sql`delete from company c where c.id = ${id} and not (${sql.join(named, sql` or `)})`.execute(tx)
}

/** What is over keeps the privileges that it had by a role; a role that somebody still has stays. */
async function deleteRoles(tx: Db, companyId: string): Promise<void> {
  const roles = await tx.selectFrom('role').selectAll().where('company_id', '=', companyId).execute()
  for (const { id, name, privileges } of roles) {
    const { guests, shares } = await countRoleUse(tx, id)
    if (guests + shares === 0) await deleteRole(tx, { id, companyId, name, privileges })
  }
}
