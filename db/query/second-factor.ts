// Second factors: TOTP secrets (encrypted by whoever calls), recovery codes (hashed), and which of them an account has.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type SecondFactors = {
  /** When a first code proved that the authenticator has the secret. */
  readonly totpConfirmedAt: Date | null
  readonly recoveryCodesLeft: number
  readonly passkeys: number
}

/** An offer that was not confirmed yet is no second factor. */
export async function findSecondFactors(db: Db, accountId: string): Promise<SecondFactors> {
  const { rows } = await sql<{ totp: Date | null; codes: number; passkeys: number }>`
    select
      (select confirmed_at from totp where account_id = ${accountId}) as totp,
      (select count(*) from recovery_code where account_id = ${accountId} and used_at is null) as codes,
      (select count(*) from passkey where account_id = ${accountId}) as passkeys`.execute(db)
  const row = rows[0]
  return { totpConfirmedAt: row?.totp ?? null, recoveryCodesLeft: row?.codes ?? 0, passkeys: row?.passkeys ?? 0 }
}

export function hasSecondFactor({ totpConfirmedAt, passkeys }: SecondFactors): boolean {
  return totpConfirmedAt !== null || passkeys > 0
}

/** False when there is a confirmed one already; an offer that was not confirmed is replaced. */
export async function offerTotp(tx: Db, accountId: string, secret: Buffer, at: Date): Promise<boolean> {
  const done = await tx
    .insertInto('totp')
    .values({ account_id: accountId, secret, created_at: at })
    .onConflict((conflict) =>
      conflict.column('account_id').doUpdateSet({ secret, last_step: 0 }).where('totp.confirmed_at', 'is', null),
    )
    .executeTakeFirst()
  return done.numInsertedOrUpdatedRows === 1n
}

export async function findTotp(
  db: Db,
  accountId: string,
): Promise<{ readonly secret: Buffer; readonly isConfirmed: boolean } | undefined> {
  const row = await db
    .selectFrom('totp')
    .select(['secret', 'confirmed_at'])
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return row && { secret: row.secret, isConfirmed: row.confirmed_at !== null }
}

/** False when it is confirmed already. The step counts as used: the same code does not sign in as well. */
export async function confirmTotp(tx: Db, accountId: string, step: number, at: Date): Promise<boolean> {
  const done = await tx
    .updateTable('totp')
    .set({ confirmed_at: at, last_step: step })
    .where('account_id', '=', accountId)
    .where('confirmed_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

/**
 * Uses up a time step: true for exactly one of all who come with it (RFC 6238 section 5.2), two at the same moment
 * included, and for none who come with an older one later.
 */
export async function takeTotpStep(tx: Db, accountId: string, step: number): Promise<boolean> {
  const done = await tx
    .updateTable('totp')
    .set({ last_step: step })
    .where('account_id', '=', accountId)
    .where('confirmed_at', 'is not', null)
    .where('last_step', '<', step)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

/** False when there was none. */
export async function deleteTotp(tx: Db, accountId: string): Promise<boolean> {
  const done = await tx.deleteFrom('totp').where('account_id', '=', accountId).executeTakeFirst()
  return done.numDeletedRows > 0n
}

/** The codes before are void, used or not. */
export async function replaceRecoveryCodes(tx: Db, accountId: string, hashes: readonly Buffer[]): Promise<void> {
  await tx.deleteFrom('recovery_code').where('account_id', '=', accountId).execute()
  if (hashes.length === 0) return
  await tx
    .insertInto('recovery_code')
    .values(hashes.map((hash) => ({ account_id: accountId, code_hash: hash })))
    .execute()
}

/** True once for each code. */
export async function useRecoveryCode(tx: Db, accountId: string, hash: Buffer, at: Date): Promise<boolean> {
  const done = await tx
    .updateTable('recovery_code')
    .set({ used_at: at })
    .where('account_id', '=', accountId)
    .where('code_hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}
