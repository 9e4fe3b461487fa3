// Roles that companies make: named sets of privileges, held by guests and shares (R33).

import { Fault } from '@ridethrough/protocol/fault.ts'
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { namedOnce } from './name.ts'

export type Role = {
  readonly id: string
  readonly companyId: string
  readonly name: string
  readonly privileges: PrivilegeMask
}

/** Entries and shares that are not over. */
export type RoleUse = { readonly guests: number; readonly shares: number }

/** By name. */
export async function listRoles(db: Db, companyId: string): Promise<(Role & { readonly inUse: RoleUse })[]> {
  const { rows } = await sql<Row & RoleUse>`
    select r.id, r.company_id, r.name, r.privileges, ${useOf(sql`r.id`)}
    from role r where r.company_id = ${companyId} order by lower(r.name)`.execute(db)
  return rows.map((row) => ({ ...toRole(row), inUse: { guests: row.guests, shares: row.shares } }))
}

export async function findRole(db: Db, companyId: string, id: string): Promise<Role | undefined> {
  const row = await db
    .selectFrom('role')
    .selectAll()
    .where('id', '=', id)
    .where('company_id', '=', companyId)
    .executeTakeFirst()
  return row && toRole(row)
}

/** Until the end of the transaction it is neither changed nor deleted: for whoever gives it to somebody. */
export async function holdRole(tx: Db, companyId: string, id: string): Promise<Role | undefined> {
  const row = await tx
    .selectFrom('role')
    .selectAll()
    .where('id', '=', id)
    .where('company_id', '=', companyId)
    .forShare()
    .executeTakeFirst()
  return row && toRole(row)
}

/**
 * Locked together with all who have it, until the end of the transaction, so that nobody is accepted under it beside us
 * who would not be told. Its company must be locked before. Shares come first: whoever gives it to one holds that already.
 */
export async function lockRole(tx: Db, companyId: string, id: string): Promise<Role | undefined> {
  await lockSharesWith(tx, id)
  const row = await tx
    .selectFrom('role')
    .selectAll()
    .where('id', '=', id)
    .where('company_id', '=', companyId)
    .forUpdate()
    .executeTakeFirst()
  await lockSharesWith(tx, id)
  return row && toRole(row)
}

async function lockSharesWith(tx: Db, roleId: string): Promise<void> {
  await sql`select id from share where role_id = ${roleId} order by id for update`.execute(tx)
}

/** Throws `name-taken`. */
export function insertRole(tx: Db, role: Omit<Role, 'id'>): Promise<string> {
  return namedOnce('role_name', TAKEN, async () => {
    const { id } = await tx
      .insertInto('role')
      .values({ company_id: role.companyId, name: role.name, privileges: role.privileges })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  })
}

/** Throws `name-taken`. */
export async function updateRole(
  tx: Db,
  id: string,
  change: { readonly name?: string | undefined; readonly privileges?: PrivilegeMask | undefined },
): Promise<void> {
  const set = {
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.privileges === undefined ? {} : { privileges: change.privileges }),
  }
  if (Object.keys(set).length === 0) return
  await namedOnce('role_name', TAKEN, () => tx.updateTable('role').set(set).where('id', '=', id).execute())
}

export async function countRoleUse(db: Db, id: string): Promise<RoleUse> {
  const { rows } = await sql<RoleUse>`select ${useOf(sql`${id}::uuid`)}`.execute(db)
  return rows[0] ?? { guests: 0, shares: 0 }
}

/** Accounts that may do something by it, or could after a step of their own. */
export async function listAccountsWithRole(db: Db, id: string): Promise<string[]> {
  const { rows } = await sql<{ account_id: string }>`
    select account_id from share where role_id = ${id} and state in ('pending', 'accepted') and account_id is not null
    union
    select account_id from guest_entry where role_id = ${id} and state in ('pending', 'accepted') and account_id is not null
    union
    select g.account_id from guest_group gg join guest_entry g on g.id = gg.entry_id
    where gg.role_id = ${id} and g.state in ('pending', 'accepted') and g.account_id is not null`.execute(db)
  return rows.map((row) => row.account_id)
}

export async function listAcceptedSharesWithRole(db: Db, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('share')
    .select('id')
    .where('role_id', '=', id)
    .where('state', '=', 'accepted')
    .orderBy('id')
    .execute()
  return rows.map((row) => row.id)
}

/** All who have the one have the other from now on. */
export async function replaceRole(tx: Db, id: string, replacement: Role): Promise<void> {
  const set = { role_id: replacement.id, privileges: replacement.privileges }
  await tx
    .updateTable('share')
    .set(set)
    .where('role_id', '=', id)
    .where('state', 'in', ['pending', 'accepted'])
    .execute()
  await tx
    .updateTable('guest_entry')
    .set(set)
    .where('role_id', '=', id)
    .where('state', 'in', ['pending', 'accepted'])
    .execute()
  await tx.updateTable('guest_group').set(set).where('role_id', '=', id).where(ofOpenEntry()).execute()
}

/** What is over keeps the privileges that it had, without the name. Fails while somebody has the role. */
export async function deleteRole(tx: Db, { id, privileges }: Role): Promise<void> {
  const set = { role_id: null, privileges }
  const over = ['pending', 'accepted'] as const
  await tx
    .updateTable('share')
    .set(set)
    .where('role_id', '=', id)
    .where('state', 'not in', [...over])
    .execute()
  await tx
    .updateTable('guest_entry')
    .set(set)
    .where('role_id', '=', id)
    .where('state', 'not in', [...over])
    .execute()
  await tx
    .updateTable('guest_group')
    .set(set)
    .where('role_id', '=', id)
    .where((eb) => eb.not(ofOpenEntry()))
    .execute()
  await tx.deleteFrom('role').where('id', '=', id).execute()
}

function ofOpenEntry() {
  return sql<boolean>`exists (select from guest_entry g where g.id = guest_group.entry_id and g.state in ('pending', 'accepted'))`
}

function useOf(role: ReturnType<typeof sql>) {
  return sql`
    (select count(*) from guest_entry g where g.state in ('pending', 'accepted')
      and (g.role_id = ${role} or exists (select from guest_group gg where gg.entry_id = g.id and gg.role_id = ${role}))) as guests,
    (select count(*) from share s where s.role_id = ${role} and s.state in ('pending', 'accepted')) as shares`
}

const TAKEN = () => new Fault('name-taken', 'There is a role of this name already: take another name')

type Row = { id: string; company_id: string; name: string; privileges: number }

function toRole({ id, company_id, name, privileges }: Row): Role {
  return { id, companyId: company_id, name, privileges }
}
