// Sessions: what a browser's cookie and a program's bearer token stand for.
import type { Db } from '../schema.ts'
import { mintToken } from '../token.ts'

export type Session = { readonly sessionId: string; readonly accountId: string; readonly expiresAt: Date }

/** What was shown to get in. */
export type Factor = 'password' | 'totp' | 'recovery' | 'passkey' | 'address'

export type NewSession = {
  readonly accountId: string
  readonly expiresAt: Date
  /** Where it was made from, for the list of sessions. */
  readonly address: string
  readonly userAgent: string
  readonly kind?: 'browser' | 'program'
  readonly factors?: readonly Factor[]
  /** When it was shown who this is; the database's time, if it is left out. */
  readonly at?: Date
}

export type ListedSession = {
  readonly id: string
  readonly kind: 'browser' | 'program'
  readonly address: string
  readonly userAgent: string
  readonly factors: readonly string[]
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly expiresAt: Date
}

/** The token is returned here once and can never be read again. */
export async function insertSession(db: Db, session: NewSession): Promise<Session & { readonly token: string }> {
  const { token, hash } = mintToken()
  const { at } = session
  const { id } = await db
    .insertInto('session')
    .values({
      account_id: session.accountId,
      token_hash: hash,
      expires_at: session.expiresAt,
      address: session.address,
      user_agent: session.userAgent.slice(0, 300),
      kind: session.kind ?? 'program',
      factors: [...(session.factors ?? ['password'])],
      ...(at ? { created_at: at, last_used_at: at, authenticated_at: at } : {}),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { sessionId: id, accountId: session.accountId, expiresAt: session.expiresAt, token }
}

/** Those that are still live, the last used first. */
export async function listSessions(db: Db, accountId: string, now: Date, idleMs: number): Promise<ListedSession[]> {
  const rows = await db
    .selectFrom('session')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where('last_used_at', '>', new Date(now.getTime() - idleMs))
    .orderBy('last_used_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    address: row.address,
    userAgent: row.user_agent,
    factors: row.factors,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: new Date(Math.min(row.expires_at.getTime(), row.last_used_at.getTime() + idleMs)),
  }))
}

/** False when this account has no such live session. The caller records the access change, so that connections end too. */
export async function endSession(db: Db, accountId: string, sessionId: string, at: Date): Promise<boolean> {
  const done = await db
    .updateTable('session')
    .set({ ended_at: at })
    .where('id', '=', sessionId)
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

/** All of an account but one; the ids of those that ended by this. */
export async function endSessions(db: Db, accountId: string, at: Date, exceptId?: string): Promise<string[]> {
  const rows = await db
    .updateTable('session')
    .set({ ended_at: at })
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .$if(exceptId !== undefined, (query) => query.where('id', '!=', exceptId ?? ''))
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/**
 * A new token in place of the old one, which opens nothing from here on: whoever had it before cannot share in what was
 * just proved (session fixation). `undefined` when the session has ended.
 */
export async function renewSession(
  tx: Db,
  sessionId: string,
  proof: { readonly at: Date; readonly factors: readonly Factor[] },
): Promise<{ readonly token: string; readonly expiresAt: Date } | undefined> {
  const known = await tx
    .selectFrom('session')
    .select(['factors', 'expires_at'])
    .where('id', '=', sessionId)
    .where('ended_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (!known) return undefined
  const { token, hash } = mintToken()
  await tx
    .updateTable('session')
    .set({
      token_hash: hash,
      authenticated_at: proof.at,
      last_used_at: proof.at,
      factors: [...new Set([...known.factors, ...proof.factors])],
    })
    .where('id', '=', sessionId)
    .execute()
  return { token, expiresAt: known.expires_at }
}
