// The first start of an installation: whether it waits for its operator, and the code that proves one.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Setup = {
  readonly codeHash: Buffer | null
  readonly codeTries: number
  readonly codeExpiresAt: Date | null
}

/** While nobody was made the operator and no account was ever proved. */
export async function needsOperator(db: Db): Promise<boolean> {
  const { rows } = await sql<{ needed: boolean }>`
    select exists (select from setup where operator_id is null) and not exists (select from account where verified_at is not null) as needed`.execute(
    db,
  )
  return rows[0]?.needed ?? false
}

/** Locked until the end of the transaction, so that only one becomes the operator. */
export async function lockSetup(tx: Db): Promise<Setup> {
  const row = await tx.selectFrom('setup').selectAll().forUpdate().executeTakeFirstOrThrow()
  return {
    codeHash: row.operator_code_hash,
    codeTries: row.operator_code_tries,
    codeExpiresAt: row.operator_code_expires_at,
  }
}

/** The code before it is void. */
export async function setOperatorCode(tx: Db, hash: Buffer, expiresAt: Date): Promise<void> {
  await tx
    .updateTable('setup')
    .set({ operator_code_hash: hash, operator_code_tries: 0, operator_code_expires_at: expiresAt })
    .execute()
}

export async function countWrongOperatorCode(tx: Db): Promise<void> {
  await tx.updateTable('setup').set({ operator_code_tries: sql`operator_code_tries + 1` }).execute()
}

export async function setOperator(tx: Db, accountId: string): Promise<void> {
  await tx
    .updateTable('setup')
    .set({ operator_id: accountId, operator_code_hash: null, operator_code_expires_at: null })
    .execute()
}
