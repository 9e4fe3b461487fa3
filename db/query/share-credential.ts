// Credentials of shares: each is worth one share and nothing else, and is dead with it (R24).
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import { type Selectable, type SqlBool, sql } from 'kysely'
import type { Db, ShareCredentialTable } from '../schema.ts'
import { mintToken } from '../token.ts'

export type ShareCredential = {
  readonly id: string
  readonly name: string
  readonly privileges: PrivilegeMask
  readonly createdAt: Date
  /** `null`: as long as the share. */
  readonly expiresAt: Date | null
  readonly lastUsedAt: Date | null
}

export type NewShareCredentialRow = {
  readonly shareId: string
  readonly accountId: string
  readonly name: string
  readonly privileges: PrivilegeMask
  readonly at: Date
  readonly expiresAt: Date | null
}

/** The token is returned here once and can never be read again. */
export async function insertShareCredential(
  tx: Db,
  credential: NewShareCredentialRow,
): Promise<{ readonly token: string; readonly credential: ShareCredential }> {
  const minted = mintToken()
  const row = await tx
    .insertInto('share_credential')
    .values({
      share_id: credential.shareId,
      account_id: credential.accountId,
      name: credential.name,
      token_hash: minted.hash,
      privileges: credential.privileges,
      created_at: credential.at,
      expires_at: credential.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { token: minted.token, credential: toCredential(row) }
}

/** Those that have neither ended nor run out, the newest first. */
export async function listShareCredentials(db: Db, shareId: string, now: Date): Promise<ShareCredential[]> {
  const rows = await db
    .selectFrom('share_credential')
    .selectAll()
    .where('share_id', '=', shareId)
    .where('ended_at', 'is', null)
    .where(sql<SqlBool>`(expires_at is null or expires_at > ${now})`)
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toCredential)
}

/** What it was, or `undefined` when the share has no such credential any more. */
export async function endShareCredential(
  tx: Db,
  shareId: string,
  id: string,
  at: Date,
): Promise<ShareCredential | undefined> {
  const row = await tx
    .updateTable('share_credential')
    .set({ ended_at: at })
    .where('id', '=', id)
    .where('share_id', '=', shareId)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row && toCredential(row)
}

/** All of a share, for good: a share that goes on later does not bring them back. The ids of those that ended by this. */
export async function endShareCredentials(tx: Db, shareId: string, at: Date): Promise<string[]> {
  const rows = await tx
    .updateTable('share_credential')
    .set({ ended_at: at })
    .where('share_id', '=', shareId)
    .where('ended_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

function toCredential(row: Selectable<ShareCredentialTable>): ShareCredential {
  return {
    id: row.id,
    name: row.name,
    privileges: row.privileges,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }
}
