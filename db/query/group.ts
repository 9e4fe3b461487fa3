// Groups of a company's devices: what guests may be given as one (R32).

import { Fault } from '@ridethrough/protocol/fault.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { namedOnce } from './name.ts'

export type Group = {
  readonly id: string
  readonly name: string
  /** By name. */
  readonly devices: readonly { readonly id: string; readonly name: string }[]
  /** Entries that are not over and whose rights follow from it. */
  readonly guests: number
}

/** By name. */
export function listGroups(db: Db, companyId: string): Promise<Group[]> {
  return list(db, sql`g.company_id = ${companyId}`)
}

export async function findGroup(db: Db, companyId: string, id: string): Promise<Group | undefined> {
  return (await list(db, sql`g.company_id = ${companyId} and g.id = ${id}`))[0]
}

/** Those of the ids that are groups of this company. */
export async function listGroupIds(db: Db, companyId: string, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('device_group')
    .select('id')
    .where('company_id', '=', companyId)
    .where('id', 'in', [...ids])
    .execute()
  return new Set(rows.map((row) => row.id))
}

/** Those of the ids that are devices of this company; they stay its own until the end of the transaction. */
export async function holdDevicesOf(tx: Db, companyId: string, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select id from device where company_id = ${companyId} and id = any(${[...ids]}::uuid[])
    order by id for key share`.execute(tx)
  return new Set(rows.map((row) => row.id))
}

/** Throws `name-taken`. */
export function insertGroup(
  tx: Db,
  group: { readonly companyId: string; readonly name: string; readonly deviceIds: readonly string[] },
): Promise<string> {
  return namedOnce('device_group_name', TAKEN, async () => {
    const { id } = await tx
      .insertInto('device_group')
      .values({ company_id: group.companyId, name: group.name })
      .returning('id')
      .executeTakeFirstOrThrow()
    await setGroupDevices(tx, group.companyId, id, group.deviceIds)
    return id
  })
}

/** Throws `name-taken`. */
export async function renameGroup(tx: Db, id: string, name: string): Promise<void> {
  await namedOnce('device_group_name', TAKEN, () =>
    tx.updateTable('device_group').set({ name }).where('id', '=', id).execute(),
  )
}

/** These and no others. */
export async function setGroupDevices(tx: Db, companyId: string, id: string, deviceIds: readonly string[]) {
  await tx.deleteFrom('device_group_member').where('group_id', '=', id).execute()
  if (deviceIds.length === 0) return
  const rows = deviceIds.map((deviceId) => ({ group_id: id, device_id: deviceId, company_id: companyId }))
  await tx.insertInto('device_group_member').values(rows).execute()
}

/** Nobody has anything by it any more. */
export async function deleteGroup(tx: Db, id: string): Promise<void> {
  await tx.deleteFrom('device_group').where('id', '=', id).execute()
}

/** Accounts of guests who have something by it. */
export async function listAccountsWithGroup(db: Db, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('guest_group')
    .innerJoin('guest_entry', 'guest_entry.id', 'guest_group.entry_id')
    .select('guest_entry.account_id')
    .distinct()
    .where('guest_group.group_id', '=', id)
    .where('guest_entry.state', '=', 'accepted')
    .execute()
  return rows.flatMap((row) => row.account_id ?? [])
}

const TAKEN = () => new Fault('name-taken', 'There is a group of this name already: take another name')

async function list(db: Db, where: ReturnType<typeof sql>): Promise<Group[]> {
  const { rows } = await sql<Group>`
    select g.id, g.name,
      (select coalesce(json_agg(json_build_object('id', d.id, 'name', d.name) order by d.name, d.id), '[]')
        from device_group_member m join device d on d.id = m.device_id where m.group_id = g.id) as devices,
      (select count(*) from guest_group gg join guest_entry e on e.id = gg.entry_id
        where gg.group_id = g.id and e.mode = 'groups' and e.state in ('pending', 'accepted')) as guests
    from device_group g where ${where} order by lower(g.name)`.execute(db)
  return rows
}
