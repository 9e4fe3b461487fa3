// What a bearer token stands for: a session or an API token, and how far it reaches.

import { ALWAYS } from '@ridethrough/protocol/period.ts'
import { FULL_SCOPE, type Scope } from '@ridethrough/protocol/policy.ts'
import { NO_PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { hashToken, isToken } from '../token.ts'

/** A session that opens nothing for this long is over. What it holds open counts as use. */
export const IDLE_MS = 7 * 24 * 3_600_000
/** The last use is for people to read: not worth a write for each request. */
export const TOUCH_MS = 60_000

export type Credential = {
  readonly credentialId: string
  readonly kind: 'session' | 'token'
  readonly accountId: string
  readonly expiresAt: Date
  readonly scope: Scope
  readonly lastUsedAt: Date | null
  /** When it was last shown who is behind it; `null` for a token, which cannot show it. */
  readonly authenticatedAt: Date | null
  /** The company asks for a second factor and the account has none: it reaches nothing until there is one. */
  readonly owesSecondFactor: boolean
  /** The company asks for a recent sign-in where access is changed or power is cut. */
  readonly isStepUpAsked: boolean
}

/**
 * The live credential of a token; ended, expired, idle and unknown ones, and those of inactive accounts, are all
 * `undefined`. For whoever comes in; what is open already is asked of `liveCredentials`.
 */
export async function findCredential(db: Db, token: string, now: Date): Promise<Credential | undefined> {
  if (!isToken(token)) return undefined
  const [found] = await list(db, sql`c.token_hash = ${hashToken(token)}`, now)
  const isIdle = found?.kind === 'session' && now.getTime() - (found.lastUsedAt?.getTime() ?? 0) >= IDLE_MS
  return isIdle ? undefined : found
}

/** Those of the ids that are still live. */
export async function liveCredentials(db: Db, ids: readonly string[], now: Date): Promise<Map<string, Credential>> {
  if (ids.length === 0) return new Map()
  const found = await list(db, sql`c.id = any(${[...ids]}::uuid[])`, now)
  return new Map(found.map((one) => [one.credentialId, one]))
}

/** Writes the last use, at most once a minute however many ask at once. */
export async function touchCredential(
  db: Db,
  credential: Pick<Credential, 'credentialId' | 'kind' | 'lastUsedAt'>,
  now: Date,
): Promise<void> {
  const before = new Date(now.getTime() - TOUCH_MS)
  if (credential.lastUsedAt && credential.lastUsedAt > before) return
  await db
    .updateTable(credential.kind)
    .set({ last_used_at: now })
    .where('id', '=', credential.credentialId)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', before)]))
    .execute()
}

type Row = {
  id: string
  kind: 'session' | 'token'
  account_id: string
  expires_at: Date
  last_used_at: Date | null
  authenticated_at: Date | null
  privileges: number | null
  device_ids: string[] | null
  owes: boolean
  step_up: boolean
}

async function list(db: Db, which: ReturnType<typeof sql>, now: Date): Promise<Credential[]> {
  const live = sql`c.ended_at is null and c.expires_at > ${now} and a.active and a.deleted_at is null and ${which}`
  const asked = sql`
    o.requires_second_factor and not exists (select from totp f where f.account_id = a.id and f.confirmed_at is not null)
      and not exists (select from passkey f where f.account_id = a.id) as owes,
    o.requires_step_up as step_up`
  const { rows } = await sql<Row>`
    select c.id, 'session' as kind, c.account_id, c.expires_at, c.last_used_at, c.authenticated_at,
      null::int as privileges, null::uuid[] as device_ids, ${asked}
    from session c join account a on a.id = c.account_id join company o on o.id = a.company_id where ${live}
    union all
    select c.id, 'token', c.account_id, c.expires_at, c.last_used_at, null, c.privileges, c.device_ids, ${asked}
    from token c join account a on a.id = c.account_id join company o on o.id = a.company_id where ${live}`.execute(db)
  return rows.map(toCredential)
}

function toCredential(row: Row): Credential {
  return {
    credentialId: row.id,
    kind: row.kind,
    accountId: row.account_id,
    expiresAt: row.expires_at,
    scope: scopeOf(row),
    lastUsedAt: row.last_used_at,
    authenticatedAt: row.authenticated_at,
    owesSecondFactor: row.owes,
    isStepUpAsked: row.step_up,
  }
}

function scopeOf({ owes, privileges, device_ids }: Row): Scope {
  if (owes) return { ...FULL_SCOPE, privileges: NO_PRIVILEGES }
  if (privileges === null) return FULL_SCOPE
  return { privileges, devices: device_ids && new Set(device_ids), period: ALWAYS }
}
