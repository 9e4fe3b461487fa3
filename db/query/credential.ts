// What a bearer token stands for: a session or an API token, and how far it reaches.

import { ALWAYS } from '@ridethrough/protocol/period.ts'
import { FULL_SCOPE, type Scope } from '@ridethrough/protocol/policy.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { hashToken, isToken } from '../token.ts'

export type Credential = {
  readonly credentialId: string
  readonly kind: 'session' | 'token'
  readonly accountId: string
  readonly expiresAt: Date
  readonly scope: Scope
}

/** The live credential of a token; ended, expired and unknown ones, and those of inactive accounts, are all `undefined`. */
export async function findCredential(db: Db, token: string, now: Date): Promise<Credential | undefined> {
  if (!isToken(token)) return undefined
  const found = await list(db, sql`c.token_hash = ${hashToken(token)}`, now)
  return found[0]
}

/** Those of the ids that are still live. */
export async function liveCredentials(db: Db, ids: readonly string[], now: Date): Promise<Map<string, Credential>> {
  if (ids.length === 0) return new Map()
  const found = await list(db, sql`c.id = any(${[...ids]}::uuid[])`, now)
  return new Map(found.map((one) => [one.credentialId, one]))
}

type Row = {
  id: string
  kind: 'session' | 'token'
  account_id: string
  expires_at: Date
  privileges: number | null
  device_ids: string[] | null
}

async function list(db: Db, which: ReturnType<typeof sql>, now: Date): Promise<Credential[]> {
  const live = sql`c.ended_at is null and c.expires_at > ${now} and a.active and ${which}`
  const { rows } = await sql<Row>`
    select c.id, 'session' as kind, c.account_id, c.expires_at, null::int as privileges, null::uuid[] as device_ids
    from session c join account a on a.id = c.account_id where ${live}
    union all
    select c.id, 'token', c.account_id, c.expires_at, c.privileges, c.device_ids
    from token c join account a on a.id = c.account_id where ${live}`.execute(db)
  return rows.map(toCredential)
}

function toCredential(row: Row): Credential {
  const devices = row.device_ids && new Set(row.device_ids)
  const scope = row.privileges === null ? FULL_SCOPE : { privileges: row.privileges, devices, period: ALWAYS }
  return { credentialId: row.id, kind: row.kind, accountId: row.account_id, expiresAt: row.expires_at, scope }
}
