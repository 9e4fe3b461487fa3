// The people of a company: who they are, and what becomes of their place in it.
import { type SqlBool, sql } from 'kysely'
import type { Db } from '../schema.ts'

export type TeamRole = 'owner' | 'member'

export type Member = {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly role: TeamRole
  readonly active: boolean
  /** An authenticator that was confirmed, or a passkey. */
  readonly hasSecondFactor: boolean
  readonly joinedAt: Date
  /** The last use of any session or token. */
  readonly lastSeenAt: Date | null
}

export type MemberFilter = {
  readonly active?: boolean | undefined
  /** Part of the name or the address. */
  readonly search?: string | undefined
  readonly role?: TeamRole | undefined
  readonly hasSecondFactor?: boolean | undefined
}

/** An account's place in its company. */
export type Place = {
  readonly accountId: string
  readonly companyId: string
  readonly role: TeamRole
  readonly active: boolean
  readonly name: string
  readonly email: string
  readonly folded: string
}

/** `undefined` for accounts that were never proved or are deleted. */
export async function findPlace(db: Db, accountId: string): Promise<Place | undefined> {
  const row = await places(db).where('id', '=', accountId).executeTakeFirst()
  return row && toPlace(row)
}

export async function findPlaceByAddress(db: Db, folded: string): Promise<Place | undefined> {
  const row = await places(db).where('email_folded', '=', folded).executeTakeFirst()
  return row && toPlace(row)
}

/** The same, locked until the end of the transaction; its company must be locked before. */
export async function lockPlace(tx: Db, accountId: string): Promise<Place | undefined> {
  const row = await places(tx).where('id', '=', accountId).forUpdate().executeTakeFirst()
  return row && toPlace(row)
}

/** By name; one more than `limit`, so that the caller sees whether there are more. `after`: whom the last page ended with. */
export async function listMembers(
  db: Db,
  companyId: string,
  filter: MemberFilter,
  page: { readonly after?: Pick<Member, 'id' | 'name'> | undefined; readonly limit: number },
): Promise<Member[]> {
  const pattern = filter.search === undefined ? undefined : `%${filter.search.replace(/[\\%_]/g, '\\$&')}%`
  const rows = await members(db, companyId)
    .$if(filter.active !== undefined, (query) => query.where('active', '=', filter.active === true))
    .$if(filter.role !== undefined, (query) => query.where('role', '=', filter.role ?? 'member'))
    .$if(filter.hasSecondFactor !== undefined, (query) =>
      query.where(sql<SqlBool>`${HAS_SECOND_FACTOR} = ${filter.hasSecondFactor === true}`),
    )
    .$if(pattern !== undefined, (query) =>
      query.where((eb) => eb.or([eb('name', 'ilike', pattern ?? ''), eb('email', 'ilike', pattern ?? '')])),
    )
    .$if(page.after !== undefined, (query) =>
      query.where(
        sql<SqlBool>`(lower(account.name), account.id) > (lower(${page.after?.name}), ${page.after?.id}::uuid)`,
      ),
    )
    .orderBy(sql`lower(account.name)`)
    .orderBy('account.id')
    .limit(page.limit + 1)
    .execute()
  return rows.map(toMember)
}

export async function findMember(db: Db, companyId: string, id: string): Promise<Member | undefined> {
  const row = await members(db, companyId).where('account.id', '=', id).executeTakeFirst()
  return row && toMember(row)
}

/** Owners who can sign in and decide. */
export async function listActiveOwners(
  db: Db,
  companyId: string,
): Promise<readonly { readonly id: string; readonly name: string; readonly email: string }[]> {
  return db
    .selectFrom('account')
    .select(['id', 'name', 'email'])
    .where('company_id', '=', companyId)
    .where('role', '=', 'owner')
    .where('active', '=', true)
    .where('verified_at', 'is not', null)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
}

export async function setRole(tx: Db, accountId: string, role: TeamRole): Promise<void> {
  await tx.updateTable('account').set({ role }).where('id', '=', accountId).execute()
}

export async function reactivate(tx: Db, accountId: string): Promise<void> {
  await tx.updateTable('account').set({ active: true, deactivated_at: null }).where('id', '=', accountId).execute()
}

/**
 * Ends everything by which this person could get in, half-done sign-ins included, for good: reactivating revives none of
 * it. The ids of the sessions and tokens that were live, for the change of access.
 */
export async function deactivate(tx: Db, accountId: string, at: Date): Promise<string[]> {
  await tx.updateTable('account').set({ active: false, deactivated_at: at }).where('id', '=', accountId).execute()
  await tx.deleteFrom('challenge').where('account_id', '=', accountId).execute()
  const { rows } = await sql<{ id: string }>`
    with s as (update session set ended_at = ${at} where account_id = ${accountId} and ended_at is null returning id),
    t as (update token set ended_at = ${at} where account_id = ${accountId} and ended_at is null returning id),
    c as (update share_credential set ended_at = ${at} where account_id = ${accountId} and ended_at is null returning id)
    select id from s union all select id from t union all select id from c`.execute(tx)
  return rows.map((row) => row.id)
}

/** The account is in exactly one company: this one, from now on. */
export async function moveAccount(
  tx: Db,
  accountId: string,
  to: { readonly companyId: string; readonly role: TeamRole },
  at: Date,
): Promise<void> {
  await tx
    .updateTable('account')
    .set({ company_id: to.companyId, role: to.role, joined_at: at })
    .where('id', '=', accountId)
    .execute()
}

const HAS_SECOND_FACTOR = sql<boolean>`(exists (select from totp where totp.account_id = account.id and totp.confirmed_at is not null)
  or exists (select from passkey where passkey.account_id = account.id))`

const LAST_SEEN = sql<Date | null>`greatest((select max(last_used_at) from session where session.account_id = account.id),
  (select max(last_used_at) from token where token.account_id = account.id))`

function members(db: Db, companyId: string) {
  return db
    .selectFrom('account')
    .select(['id', 'name', 'email', 'role', 'active', 'joined_at'])
    .select([HAS_SECOND_FACTOR.as('has_second_factor'), LAST_SEEN.as('last_seen_at')])
    .where('company_id', '=', companyId)
    .where('verified_at', 'is not', null)
    .where('deleted_at', 'is', null)
}

function places(db: Db) {
  return db
    .selectFrom('account')
    .select(['id', 'company_id', 'role', 'active', 'name', 'email', 'email_folded'])
    .where('verified_at', 'is not', null)
    .where('deleted_at', 'is', null)
}

function toMember(row: Awaited<ReturnType<ReturnType<typeof members>['executeTakeFirstOrThrow']>>): Member {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    role: row.role,
    active: row.active,
    hasSecondFactor: row.has_second_factor,
    joinedAt: row.joined_at,
    lastSeenAt: row.last_seen_at,
  }
}

function toPlace(row: Awaited<ReturnType<ReturnType<typeof places>['executeTakeFirstOrThrow']>>): Place {
  const { id, company_id, email_folded, ...same } = row
  return { ...same, accountId: id, companyId: company_id, folded: email_folded }
}
