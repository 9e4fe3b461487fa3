// What was begun and ends with a second step: single use, short-lived, a few tries.
import { sql } from 'kysely'
import type { ChallengeTable, Db } from '../schema.ts'
import { hashToken, mintToken } from '../token.ts'

export type ChallengePurpose = ChallengeTable['purpose']

export type Challenge = {
  readonly id: string
  /** `null`: of whoever turns out to have the passkey. */
  readonly accountId: string | null
  /** WebAuthn's challenge, base64url. */
  readonly webauthn: string | null
  readonly tries: number
}

export type NewChallenge = {
  readonly accountId: string | null
  readonly purpose: ChallengePurpose
  readonly webauthn: string | null
  /** Where it was begun, for the log. */
  readonly address: string
  readonly at: Date
  readonly expiresAt: Date
}

/** What is returned is for the one who began, and can never be read again. What ran out is tidied up in passing. */
export async function insertChallenge(db: Db, challenge: NewChallenge): Promise<string> {
  const { token, hash } = mintToken()
  await sql`delete from challenge where id in (
    select id from challenge where expires_at < ${challenge.at} order by expires_at limit 20 for update skip locked)`.execute(
    db,
  )
  await db
    .insertInto('challenge')
    .values({
      account_id: challenge.accountId,
      purpose: challenge.purpose,
      secret_hash: hash,
      webauthn: challenge.webauthn,
      address: challenge.address,
      created_at: challenge.at,
      expires_at: challenge.expiresAt,
    })
    .execute()
  return token
}

/** Whose it is, so that the account can be locked before it. */
export async function findChallengeOwner(
  db: Db,
  secret: string,
  purpose: ChallengePurpose,
  now: Date,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('challenge')
    .select('account_id')
    .where('secret_hash', '=', hashToken(secret))
    .where('purpose', '=', purpose)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row?.account_id ?? undefined
}

/**
 * Locked until the transaction's end, so that of two who come with it at the same moment one comes second.
 * Unknown, used up and expired ones are all `undefined`.
 */
export async function lockChallenge(
  tx: Db,
  secret: string,
  purpose: ChallengePurpose,
  now: Date,
): Promise<Challenge | undefined> {
  const row = await tx
    .selectFrom('challenge')
    .select(['id', 'account_id', 'webauthn', 'tries'])
    .where('secret_hash', '=', hashToken(secret))
    .where('purpose', '=', purpose)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .forUpdate()
    .executeTakeFirst()
  return row && { id: row.id, accountId: row.account_id, webauthn: row.webauthn, tries: row.tries }
}

export async function endChallenge(tx: Db, id: string, at: Date): Promise<void> {
  await tx.updateTable('challenge').set({ used_at: at }).where('id', '=', id).execute()
}

export async function countWrongChallenge(tx: Db, id: string): Promise<void> {
  await tx.updateTable('challenge').set({ tries: sql`tries + 1` }).where('id', '=', id).execute()
}

/** What an account has begun is void: its password or its factors have changed. */
export async function endChallenges(tx: Db, accountId: string, at: Date): Promise<void> {
  await tx
    .updateTable('challenge')
    .set({ used_at: at })
    .where('account_id', '=', accountId)
    .where('used_at', 'is', null)
    .execute()
}
