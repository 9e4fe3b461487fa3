// Codes mailed to prove an address: hashed, single use, short-lived, a few tries.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { listPendingAccounts } from './account.ts'

export type EmailCode = {
  readonly id: string
  readonly accountId: string
  readonly tries: number
  readonly expiresAt: Date
  readonly usedAt: Date | null
}

/** Replaces the account's earlier codes. */
export async function insertEmailCode(tx: Db, accountId: string, codeHash: Buffer, expiresAt: Date): Promise<void> {
  await tx
    .deleteFrom('email_code')
    .where('account_id', '=', accountId)
    .where('purpose', '=', 'verify-address')
    .execute()
  await tx
    .insertInto('email_code')
    .values({
      account_id: accountId,
      purpose: 'verify-address',
      code_hash: codeHash,
      expires_at: expiresAt,
      used_at: null,
    })
    .execute()
}

/** The code with this hash that was mailed to the address, whatever became of it. Under `lockAddress`. */
export async function findEmailCode(tx: Db, folded: string, codeHash: Buffer): Promise<EmailCode | undefined> {
  const row = await tx
    .selectFrom('email_code')
    .selectAll()
    .where('account_id', 'in', await accountIdsOf(tx, folded))
    .where('code_hash', '=', codeHash)
    .executeTakeFirst()
  return (
    row && {
      id: row.id,
      accountId: row.account_id,
      tries: row.tries,
      expiresAt: row.expires_at,
      usedAt: row.used_at,
    }
  )
}

/** A wrong code counts against every code that it might have been. */
export async function countWrongEmailCode(tx: Db, folded: string): Promise<void> {
  await tx
    .updateTable('email_code')
    .set({ tries: sql`tries + 1` })
    .where('account_id', 'in', await accountIdsOf(tx, folded))
    .where('used_at', 'is', null)
    .execute()
}

export async function useEmailCode(tx: Db, id: string, at: Date): Promise<void> {
  await tx.updateTable('email_code').set({ used_at: at }).where('id', '=', id).execute()
}

async function accountIdsOf(tx: Db, folded: string): Promise<string[]> {
  const proved = await tx.selectFrom('account').select('id').where('email_folded', '=', folded).execute()
  const pending = await listPendingAccounts(tx, folded)
  const ids = [...proved, ...pending].map((one) => one.id)
  // `in ()` is no SQL; no account has the nil id.
  return ids.length > 0 ? ids : ['00000000-0000-0000-0000-000000000000']
}
