// By what an agent is known: one token or one key at a time, and the next one that it has announced.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/** SHA-256 of a token, or of the public key (SPKI, DER) of a client certificate. The secret itself is never here. */
export type AgentSecret = { readonly kind: 'token' | 'certificate'; readonly hash: Buffer }

export type AgentIdentity = {
  readonly current: AgentSecret
  readonly next: AgentSecret | undefined
  readonly isRevoked: boolean
}

/** Those that are known, by id. */
export async function findAgentIdentities(db: Db, agentIds: readonly string[]): Promise<Map<string, AgentIdentity>> {
  const rows = await db
    .selectFrom('agent')
    .select(['id', 'token_hash', 'key_hash', 'next_token_hash', 'next_key_hash', 'revoked_at'])
    .where('id', '=', sql<string>`any(${sql.val([...agentIds])}::uuid[])`)
    .execute()
  const found = new Map<string, AgentIdentity>()
  for (const row of rows) {
    const current = secretOf(row.token_hash, row.key_hash)
    const next = secretOf(row.next_token_hash, row.next_key_hash)
    if (current) found.set(row.id, { current, next, isRevoked: row.revoked_at !== null })
  }
  return found
}

export async function findAgentIdentity(db: Db, agentId: string): Promise<AgentIdentity | undefined> {
  return (await findAgentIdentities(db, [agentId])).get(agentId)
}

/** An agent that nobody has claimed a device of and that stayed away this long gives its place to another. */
const UNCLAIMED_KEPT = sql`interval '1 day'`

/** `certificateExpiresAt` is what the certificate says of itself; `null` for a token. */
export type NewAgent = {
  readonly agentId: string
  readonly secret: AgentSecret
  readonly certificateExpiresAt: Date | null
}

/**
 * Writes down an agent that nobody knew, with what it showed. False when `limit` agents without a claimed device are
 * there already. Somebody else may have been faster, or the key may be another agent's: read the identity again.
 */
export function enrolAgent(
  db: Db,
  { agentId, secret, certificateExpiresAt }: NewAgent,
  limit: number,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // one at a time, so that many at once cannot pass the limit together
    await sql`select pg_advisory_xact_lock(hashtext('enrol_agent'))`.execute(tx)
    if ((await countUnclaimed(tx)) >= limit) {
      await deleteAbandoned(tx)
      if ((await countUnclaimed(tx)) >= limit) return false
    }
    await tx
      .insertInto('agent')
      .values({
        id: agentId,
        token_hash: secret.kind === 'token' ? secret.hash : null,
        key_hash: secret.kind === 'certificate' ? secret.hash : null,
        certificate_expires_at: certificateExpiresAt,
        version: '',
        interval_s: 60,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return true
  })
}

/** What an agent will show next. Until it does, the present secret goes on; one announced before is forgotten. */
export async function announceAgentSecret(db: Db, agentId: string, next: AgentSecret): Promise<void> {
  await db
    .updateTable('agent')
    .set({
      next_token_hash: next.kind === 'token' ? next.hash : null,
      next_key_hash: next.kind === 'certificate' ? next.hash : null,
    })
    .where('id', '=', agentId)
    .execute()
}

/**
 * The agent has shown the secret that it announced: from now on it is the only one. False when that is not the one that
 * is announced now.
 */
export async function promoteAgentSecret(
  db: Db,
  { agentId, secret, certificateExpiresAt }: NewAgent,
): Promise<boolean> {
  const announced = secret.kind === 'token' ? sql`next_token_hash` : sql`next_key_hash`
  const { numAffectedRows } = await sql`
    update agent set token_hash = next_token_hash, key_hash = next_key_hash, next_token_hash = null, next_key_hash = null,
      certificate_expires_at = ${certificateExpiresAt}
    where id = ${agentId} and ${announced} = ${secret.hash}`.execute(db)
  return numAffectedRows === 1n
}

function secretOf(tokenHash: Buffer | null, keyHash: Buffer | null): AgentSecret | undefined {
  if (keyHash) return { kind: 'certificate', hash: keyHash }
  return tokenHash ? { kind: 'token', hash: tokenHash } : undefined
}

async function countUnclaimed(tx: Db): Promise<number> {
  const { count } = await unclaimed(tx)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

async function deleteAbandoned(tx: Db): Promise<void> {
  await tx
    .deleteFrom('agent')
    .where(
      'id',
      'in',
      unclaimed(tx)
        .select('agent.id')
        .where('agent.online', '=', false)
        .where('agent.seen_at', '<', sql<Date>`now() - ${UNCLAIMED_KEPT}`),
    )
    .execute()
}

function unclaimed(tx: Db) {
  return tx
    .selectFrom('agent')
    .where('agent.revoked_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('device').select('device.id').whereRef('device.agent_id', '=', 'agent.id'))),
    )
}
