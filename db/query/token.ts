// API tokens: for programs, narrower than the account, with an end.

import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { type PrivilegeMask, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { Selectable } from 'kysely'
import type { Db, TokenTable } from '../schema.ts'
import { mintToken } from '../token.ts'

export type ApiToken = {
  readonly id: string
  readonly name: string
  readonly privileges: readonly Privilege[]
  /** `null`: every device that the account may see. */
  readonly deviceIds: readonly string[] | null
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly lastUsedAt: Date | null
}

export type NewApiToken = {
  readonly accountId: string
  readonly name: string
  readonly privileges: PrivilegeMask
  readonly deviceIds: readonly string[] | null
  readonly at: Date
  readonly expiresAt: Date
}

/** The token is returned here once and can never be read again. */
export async function insertToken(
  tx: Db,
  token: NewApiToken,
): Promise<{ readonly token: string; readonly view: ApiToken }> {
  const minted = mintToken()
  const row = await tx
    .insertInto('token')
    .values({
      account_id: token.accountId,
      name: token.name,
      token_hash: minted.hash,
      privileges: token.privileges,
      device_ids: token.deviceIds && [...token.deviceIds],
      created_at: token.at,
      expires_at: token.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { token: minted.token, view: toToken(row) }
}

/** Those that have not ended and not run out, the newest first. */
export async function listTokens(db: Db, accountId: string, now: Date): Promise<ApiToken[]> {
  const rows = await db
    .selectFrom('token')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toToken)
}

/** What it was, or `undefined` when the account has no such token any more. */
export async function endToken(tx: Db, accountId: string, id: string, at: Date): Promise<ApiToken | undefined> {
  const row = await tx
    .updateTable('token')
    .set({ ended_at: at })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row && toToken(row)
}

/** Those of its shares as well. The ids of those that ended by this. */
export async function endTokens(tx: Db, accountId: string, at: Date): Promise<string[]> {
  const ended: string[] = []
  for (const table of ['token', 'share_credential'] as const) {
    const rows = await tx
      .updateTable(table)
      .set({ ended_at: at })
      .where('account_id', '=', accountId)
      .where('ended_at', 'is', null)
      .returning('id')
      .execute()
    ended.push(...rows.map((row) => row.id))
  }
  return ended
}

function toToken(row: Selectable<TokenTable>): ApiToken {
  return {
    id: row.id,
    name: row.name,
    privileges: privilegesOf(row.privileges),
    deviceIds: row.device_ids,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }
}
