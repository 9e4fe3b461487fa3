// People and their companies. An account owns its address only once that was proved; until then it waits in a slot.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Account = {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly company: { readonly id: string; readonly name: string }
  /** Shares from people whose shares it accepted before are accepted by themselves. */
  readonly acceptsFromKnown: boolean
  readonly createdAt: Date
}

export type NewPendingAccount = {
  readonly email: string
  readonly folded: string
  readonly name: string
  readonly passwordHash: string
  /** What members of the new company may do on its devices, should it ever have any. */
  readonly memberPrivileges: number
}

/**
 * How many sign-ups for one address may wait to be proved. Each keeps its own password and its own code, so that
 * somebody who signs up with a stranger's address can neither replace nor inherit what the stranger chose.
 */
const SLOTS = [1, 2, 3] as const

/** No address contains a space, so a slot never equals an address. */
function slotsOf(folded: string): string[] {
  return SLOTS.map((slot) => `${folded} ${slot}`)
}

/** Until the end of the transaction nobody else signs up or proves this address. */
export async function lockAddress(tx: Db, folded: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${folded}, 0))`.execute(tx)
}

export async function findAccount(db: Db, id: string): Promise<Account | undefined> {
  const row = await accounts(db).where('account.id', '=', id).executeTakeFirst()
  return row && toAccount(row)
}

/** The account that has proved this address. */
export async function findAccountByAddress(db: Db, folded: string): Promise<Account | undefined> {
  const row = await accounts(db)
    .where('account.email_folded', '=', folded)
    .where('account.verified_at', 'is not', null)
    .executeTakeFirst()
  return row && toAccount(row)
}

/** What signing in needs; inactive and unproved accounts have no way in, so they are not found. */
export async function findPassword(
  db: Db,
  folded: string,
): Promise<{ readonly accountId: string; readonly companyId: string; readonly passwordHash: string } | undefined> {
  const row = await db
    .selectFrom('account')
    .select(['id', 'company_id', 'password_hash'])
    .where('email_folded', '=', folded)
    .where('verified_at', 'is not', null)
    .where('active', '=', true)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row && { accountId: row.id, companyId: row.company_id, passwordHash: row.password_hash }
}

/** Under `lockAddress`. `undefined` when as many sign-ups as may wait for this address have codes that still hold. */
export async function insertPendingAccount(
  tx: Db,
  account: NewPendingAccount,
  now: Date,
): Promise<{ readonly id: string } | undefined> {
  const slots = slotsOf(account.folded)
  const taken = await tx
    .selectFrom('account')
    .select((eb) => [
      'account.id',
      'account.email_folded',
      eb
        .exists(
          eb
            .selectFrom('email_code')
            .select('email_code.id')
            .whereRef('email_code.account_id', '=', 'account.id')
            .where('email_code.expires_at', '>', now),
        )
        .as('isWaiting'),
    ])
    .where('account.email_folded', 'in', slots)
    .execute()
  await deleteUnprovedAccounts(
    tx,
    taken.filter((one) => !one.isWaiting).map((one) => one.id),
  )
  const waiting = new Set(taken.filter((one) => one.isWaiting).map((one) => one.email_folded))
  const slot = slots.find((one) => !waiting.has(one))
  if (slot === undefined) return undefined
  const company = await tx
    .insertInto('company')
    .values({ name: account.name, member_privileges: account.memberPrivileges })
    .returning('id')
    .executeTakeFirstOrThrow()
  return tx
    .insertInto('account')
    .values({
      company_id: company.id,
      role: 'owner',
      email: account.email,
      email_folded: slot,
      name: account.name,
      password_hash: account.passwordHash,
      verified_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
}

/** Sign-ups that wait for this address, the newest first. */
export async function listPendingAccounts(
  db: Db,
  folded: string,
): Promise<readonly { readonly id: string; readonly name: string; readonly email: string }[]> {
  return db
    .selectFrom('account')
    .select(['id', 'name', 'email'])
    .where('email_folded', 'in', slotsOf(folded))
    .orderBy('id', 'desc')
    .execute()
}

/** Under `lockAddress`: somebody has proved this address otherwise, so nobody waits for it any more. */
export async function dropPendingAccounts(tx: Db, folded: string): Promise<void> {
  const waiting = await listPendingAccounts(tx, folded)
  await deleteUnprovedAccounts(
    tx,
    waiting.map((one) => one.id),
  )
}

/** Under `lockAddress`: this sign-up has proved the address, the others that waited for it are gone. */
export async function proveAddress(tx: Db, accountId: string, folded: string, at: Date): Promise<void> {
  const others = (await listPendingAccounts(tx, folded)).filter((one) => one.id !== accountId)
  await deleteUnprovedAccounts(
    tx,
    others.map((one) => one.id),
  )
  await tx
    .updateTable('account')
    .set({ email_folded: folded, verified_at: at })
    .where('id', '=', accountId)
    .executeTakeFirstOrThrow()
}

/** Whose rights follow from the company's devices: its people and its guests. */
export async function listCompanyAccountIds(db: Db, companyId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from account where company_id = ${companyId}
    union
    select account_id from guest_entry where company_id = ${companyId} and state = 'accepted'`.execute(db)
  return rows.map((row) => row.id)
}

export async function listPeople(
  db: Db,
  ids: readonly string[],
): Promise<readonly { readonly id: string; readonly name: string; readonly email: string }[]> {
  if (ids.length === 0) return []
  return db
    .selectFrom('account')
    .select(['id', 'name', 'email'])
    .where('id', 'in', [...ids])
    .orderBy('name')
    .orderBy('id')
    .execute()
}

async function deleteUnprovedAccounts(tx: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const gone = await tx
    .deleteFrom('account')
    .where('id', 'in', [...ids])
    .where('verified_at', 'is', null)
    .returning('company_id')
    .execute()
  if (gone.length === 0) return
  await tx
    .deleteFrom('company')
    .where(
      'id',
      'in',
      gone.map((row) => row.company_id),
    )
    .execute()
}

function accounts(db: Db) {
  return db
    .selectFrom('account')
    .innerJoin('company', 'company.id', 'account.company_id')
    .select([
      'account.id',
      'account.email',
      'account.name',
      'account.role',
      'account.accepts_known',
      'account.created_at',
      'company.id as company_id',
      'company.name as company_name',
    ])
}

type AccountRow = Awaited<ReturnType<ReturnType<typeof accounts>['executeTakeFirstOrThrow']>>

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    company: { id: row.company_id, name: row.company_name },
    acceptsFromKnown: row.accepts_known,
    createdAt: row.created_at,
  }
}
