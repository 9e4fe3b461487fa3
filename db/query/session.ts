// Sessions: what a browser's cookie and a program's bearer token stand for.
import type { Db } from '../schema.ts'
import { hashToken, isToken, mintToken } from '../token.ts'

export type Session = { readonly sessionId: string; readonly accountId: string; readonly expiresAt: Date }

export type NewSession = {
  readonly accountId: string
  readonly expiresAt: Date
  /** Where it was made from, for the list of sessions. */
  readonly address: string
  readonly userAgent: string
}

/** The token is returned here once and can never be read again. */
export async function insertSession(db: Db, session: NewSession): Promise<Session & { readonly token: string }> {
  const { token, hash } = mintToken()
  const { id } = await db
    .insertInto('session')
    .values({
      account_id: session.accountId,
      token_hash: hash,
      expires_at: session.expiresAt,
      address: session.address,
      user_agent: session.userAgent.slice(0, 300),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { sessionId: id, accountId: session.accountId, expiresAt: session.expiresAt, token }
}

/** The live session of a token; ended, expired and unknown ones, and those of inactive accounts, are all `undefined`. */
export async function findSessionByToken(db: Db, token: string, now: Date): Promise<Session | undefined> {
  if (!isToken(token)) return undefined
  const row = await db
    .selectFrom('session')
    .innerJoin('account', 'account.id', 'session.account_id')
    .select(['session.id', 'session.account_id', 'session.expires_at'])
    .where('session.token_hash', '=', hashToken(token))
    .where('session.ended_at', 'is', null)
    .where('session.expires_at', '>', now)
    .where('account.active', '=', true)
    .executeTakeFirst()
  return row && { sessionId: row.id, accountId: row.account_id, expiresAt: row.expires_at }
}

/** False when it had ended already. The caller records the access change, so that live connections end too. */
export async function endSession(db: Db, sessionId: string, at: Date): Promise<boolean> {
  const done = await db
    .updateTable('session')
    .set({ ended_at: at })
    .where('id', '=', sessionId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export async function touchSession(db: Db, sessionId: string, at: Date): Promise<void> {
  await db.updateTable('session').set({ last_used_at: at }).where('id', '=', sessionId).execute()
}
