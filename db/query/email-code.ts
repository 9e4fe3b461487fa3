// Codes mailed to prove an address: hashed, single use, short-lived, a few tries, each for one purpose.
import { sql } from 'kysely'
import type { Db, EmailCodeTable } from '../schema.ts'
import { listPendingAccounts } from './account.ts'

export type CodePurpose = EmailCodeTable['purpose']

export type EmailCode = {
  readonly id: string
  readonly accountId: string
  readonly tries: number
  readonly expiresAt: Date
  readonly usedAt: Date | null
  /** The address to change to. */
  readonly newEmail: string | null
}

export type NewEmailCode = {
  readonly accountId: string
  readonly purpose: CodePurpose
  readonly codeHash: Buffer
  readonly expiresAt: Date
  readonly newEmail?: string
}

/** Replaces the account's earlier codes for the same purpose. */
export async function insertEmailCode(tx: Db, code: NewEmailCode): Promise<void> {
  await deleteEmailCodes(tx, code.accountId, [code.purpose])
  await tx
    .insertInto('email_code')
    .values({
      account_id: code.accountId,
      purpose: code.purpose,
      code_hash: code.codeHash,
      expires_at: code.expiresAt,
      new_email: code.newEmail ?? null,
      used_at: null,
    })
    .execute()
}

/**
 * A code to reset the password of whoever has this address, in place of earlier ones; false when nobody has. The same
 * statements either way, so that the time tells nothing.
 */
export async function insertResetCode(tx: Db, folded: string, codeHash: Buffer, expiresAt: Date): Promise<boolean> {
  const owner = sql`select id from account where email_folded = ${folded} and verified_at is not null and active and deleted_at is null`
  await sql`delete from email_code where purpose = 'reset-password' and account_id in (${owner})`.execute(tx)
  const { rows } = await sql`
    insert into email_code (account_id, purpose, code_hash, expires_at)
    select id, 'reset-password', ${codeHash}, ${expiresAt} from (${owner}) as owner returning id`.execute(tx)
  return rows.length > 0
}

/** The code with this hash that was mailed to the address of a sign-up, whatever became of it. Under `lockAddress`. */
export async function findEmailCode(tx: Db, folded: string, codeHash: Buffer): Promise<EmailCode | undefined> {
  const row = await tx
    .selectFrom('email_code')
    .selectAll()
    .where('account_id', 'in', await accountIdsOf(tx, folded))
    .where('purpose', '=', 'verify-address')
    .where('code_hash', '=', codeHash)
    .executeTakeFirst()
  return row && toCode(row)
}

/** A wrong code counts against every code that it might have been. */
export async function countWrongEmailCode(tx: Db, folded: string): Promise<void> {
  await countWrong(tx, await accountIdsOf(tx, folded), ['verify-address'])
}

/** What this account was mailed for the purpose, whatever became of it. */
export async function findCodeOf(
  tx: Db,
  accountId: string,
  purpose: CodePurpose,
): Promise<(EmailCode & { readonly hash: Buffer }) | undefined> {
  const row = await tx
    .selectFrom('email_code')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('purpose', '=', purpose)
    .executeTakeFirst()
  return row && { ...toCode(row), hash: row.code_hash }
}

export async function countWrongCodesOf(tx: Db, accountId: string, purposes: readonly CodePurpose[]): Promise<void> {
  await countWrong(tx, [accountId], purposes)
}

export async function useEmailCode(tx: Db, id: string, at: Date): Promise<void> {
  await tx.updateTable('email_code').set({ used_at: at }).where('id', '=', id).execute()
}

export async function deleteEmailCodes(tx: Db, accountId: string, purposes: readonly CodePurpose[]): Promise<void> {
  await tx
    .deleteFrom('email_code')
    .where('account_id', '=', accountId)
    .where('purpose', 'in', [...purposes])
    .execute()
}

async function countWrong(tx: Db, accountIds: readonly string[], purposes: readonly CodePurpose[]): Promise<void> {
  await tx
    .updateTable('email_code')
    .set({ tries: sql`tries + 1` })
    .where('account_id', 'in', [...accountIds])
    .where('purpose', 'in', [...purposes])
    .where('used_at', 'is', null)
    .execute()
}

function toCode(row: {
  id: string
  account_id: string
  tries: number
  expires_at: Date
  used_at: Date | null
  new_email: string | null
}): EmailCode {
  return {
    id: row.id,
    accountId: row.account_id,
    tries: row.tries,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    newEmail: row.new_email,
  }
}

async function accountIdsOf(tx: Db, folded: string): Promise<string[]> {
  const proved = await tx.selectFrom('account').select('id').where('email_folded', '=', folded).execute()
  const pending = await listPendingAccounts(tx, folded)
  const ids = [...proved, ...pending].map((one) => one.id)
  // `in ()` is no SQL; no account has the nil id.
  return ids.length > 0 ? ids : ['00000000-0000-0000-0000-000000000000']
}
