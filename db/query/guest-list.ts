// Entries of guests, read: one of them, those of a company, those of a person.
import { type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import type { Db, GuestEntryTable } from '../schema.ts'
import type { Guest, GuestGroup } from './guest.ts'

export async function findGuest(db: Db, id: string): Promise<Guest | undefined> {
  return (await list(db, sql`g.id = ${id}`))[0]
}

/** Locked until the end of the transaction, after its company. */
export async function lockGuest(tx: Db, id: string): Promise<Guest | undefined> {
  await tx.selectFrom('guest_entry').select('id').where('id', '=', id).forUpdate().execute()
  return findGuest(tx, id)
}

export type GuestFilter = {
  /** Those that are not over, those that are, or both. */
  readonly state: 'open' | 'ended' | 'all'
  /** Part of the name or the address. */
  readonly search?: string | undefined
}

/** The newest first; one more than `limit`. `before`: an id. */
export function listGuestsOf(
  db: Db,
  companyId: string,
  { state, search }: GuestFilter,
  page: { readonly before?: string | undefined; readonly limit: number },
): Promise<Guest[]> {
  const pattern = search && `%${search.replace(/[\\%_]/g, '\\$&')}%`
  const conditions = [
    sql<SqlBool>`g.company_id = ${companyId}`,
    ...(state === 'all' ? [] : [state === 'open' ? OPEN : sql<SqlBool>`not ${OPEN}`]),
    ...(pattern ? [sql<SqlBool>`(g.email ilike ${pattern} or guest.name ilike ${pattern})`] : []),
    ...(page.before === undefined ? [] : [sql<SqlBool>`g.id < ${page.before}`]),
  ]
  return list(db, sql.join(conditions, sql` and `), page.limit + 1)
}

/**
 * What this account may still answer, the newest first. What has found its account is that one's, whatever its address
 * has become; a company that its last person has left leads nowhere.
 */
export function listGuestInvitationsTo(
  db: Db,
  to: { readonly accountId: string; readonly folded: string },
  now: Date,
): Promise<Guest[]> {
  return list(
    db,
    sql`g.state = 'pending' and g.code_expires_at > ${now} and (g.ends_at is null or g.ends_at > ${now})
      and (g.account_id = ${to.accountId} or g.account_id is null and g.email_folded = ${to.folded}) and has_owner(g.company_id)`,
  )
}

/** Accepted by this account, and neither side has ended it; by the company's name. */
export async function listHosts(db: Db, accountId: string): Promise<Guest[]> {
  const found = await list(db, sql`g.account_id = ${accountId} and g.state = 'accepted'`)
  return found.toSorted((a, b) => a.company.name.localeCompare(b.company.name, 'en'))
}

/** All that is not over and belongs to this account. */
export function listOpenGuestsTo(db: Db, accountId: string): Promise<Guest[]> {
  return list(db, sql`g.account_id = ${accountId} and ${OPEN}`)
}

export function listOpenGuestsOf(db: Db, companyId: string): Promise<Guest[]> {
  return list(db, sql`g.company_id = ${companyId} and ${OPEN}`)
}

/** Entries that are not over and name this role, for themselves or for a group. */
export function listGuestsWithRole(db: Db, roleId: string): Promise<Guest[]> {
  const ofGroup = sql`exists (select from guest_group x where x.entry_id = g.id and x.role_id = ${roleId})`
  return list(db, sql`(g.role_id = ${roleId} or ${ofGroup}) and ${OPEN}`)
}

/** Guests that this group counts for. */
export function listGuestsWithGroup(db: Db, groupId: string): Promise<Guest[]> {
  const named = sql`exists (select from guest_group x where x.entry_id = g.id and x.group_id = ${groupId})`
  return list(db, sql`g.mode = 'groups' and g.state = 'accepted' and ${named}`)
}

const OPEN = sql<SqlBool>`(g.state in ('pending', 'accepted'))`

type Row = Selectable<GuestEntryTable> & {
  company_name: string
  inviter_name: string
  inviter_email: string
  guest_name: string | null
  role_name: string | null
  role_privileges: number | null
  groups: GuestGroup[]
  devices: { id: string; name: string }[]
}

async function list(db: Db, where: RawBuilder<unknown>, limit = 1000): Promise<Guest[]> {
  const { rows } = await sql<Row>`
    select g.*, company.name as company_name, inviter.name as inviter_name, inviter.email as inviter_email,
      guest.name as guest_name, role.name as role_name, role.privileges as role_privileges,
      (select coalesce(json_agg(json_build_object('id', dg.id, 'name', dg.name, 'privileges', coalesce(r.privileges, gg.privileges),
          'role', case when r.id is null then null else json_build_object('id', r.id, 'name', r.name) end) order by lower(dg.name)), '[]')
        from guest_group gg join device_group dg on dg.id = gg.group_id left join role r on r.id = gg.role_id where gg.entry_id = g.id) as groups,
      (select coalesce(json_agg(json_build_object('id', d.id, 'name', d.name) order by d.name, d.id), '[]')
        from guest_device gd join device d on d.id = gd.device_id where gd.entry_id = g.id) as devices
    from guest_entry g join company on company.id = g.company_id join account inviter on inviter.id = g.invited_by
      left join account guest on guest.id = g.account_id left join role on role.id = g.role_id
    where ${where} order by g.id desc limit ${limit}`.execute(db)
  return rows.map(toGuest)
}

function toGuest(row: Row): Guest {
  return {
    id: row.id,
    company: { id: row.company_id, name: row.company_name },
    invitedBy: { id: row.invited_by, name: row.inviter_name, email: row.inviter_email },
    email: row.email,
    folded: row.email_folded,
    accountId: row.account_id,
    name: row.guest_name,
    state: row.state,
    active: row.active,
    mode: row.mode,
    privileges: row.role_privileges ?? row.privileges,
    role: row.role_id === null ? null : { id: row.role_id, name: row.role_name ?? '' },
    groups: row.groups,
    devices: row.devices,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    windows: row.windows,
    codeHash: row.code_hash,
    codeTries: row.code_tries,
    codeExpiresAt: row.code_expires_at,
    sentAt: row.sent_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
  }
}
