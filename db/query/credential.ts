// What a bearer token stands for: a session or an API token, and how far it reaches.

import { ALWAYS } from '@ridethrough/protocol/period.ts'
import { FULL_SCOPE, type Scope, type Subject } from '@ridethrough/protocol/policy.ts'
import { NO_PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { hashToken, isToken } from '../token.ts'

/** A session that opens nothing for this long is over. What it holds open counts as use. */
export const IDLE_MS = 7 * 24 * 3_600_000
/** The last use is for people to read: not worth a write for each request. */
export const TOUCH_MS = 60_000

type Common = {
  readonly credentialId: string
  /** `null`: it does not end by itself. A credential of a share or a link ends with it, at the latest. */
  readonly expiresAt: Date | null
  readonly scope: Scope
  readonly lastUsedAt: Date | null
}

export type AccountCredential = Common & {
  /** `share`: the credential of one share, worth that share and nothing else (R24). */
  readonly kind: 'session' | 'token' | 'share'
  readonly accountId: string
  /** When it was last shown who is behind it; `null` for a token, which cannot show it. */
  readonly authenticatedAt: Date | null
  /** The company asks for a second factor and the account has none: it reaches nothing until there is one. */
  readonly owesSecondFactor: boolean
  /** The company asks for a recent sign-in where access is changed or power is cut. */
  readonly isStepUpAsked: boolean
}

/** What a browser holds that has opened a link: nobody's account. */
export type LinkCredential = Common & { readonly kind: 'link'; readonly linkId: string }

export type Credential = AccountCredential | LinkCredential

export function subjectOf(credential: Credential): Subject {
  const { scope } = credential
  return credential.kind === 'link' ? { linkId: credential.linkId, scope } : { accountId: credential.accountId, scope }
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
    .updateTable(TABLE[credential.kind])
    .set({ last_used_at: now })
    .where('id', '=', credential.credentialId)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', before)]))
    .execute()
}

const TABLE = { session: 'session', token: 'token', share: 'share_credential', link: 'link_session' } as const

type Row = {
  id: string
  kind: Credential['kind']
  /** Account or link. */
  holder: string
  expires_at: Date | null
  last_used_at: Date | null
  authenticated_at: Date | null
  privileges: number | null
  device_ids: string[] | null
  share_id: string | null
  owes: boolean
  step_up: boolean
}

async function list(db: Db, which: ReturnType<typeof sql>, now: Date): Promise<Credential[]> {
  const live = sql`c.ended_at is null and (c.expires_at is null or c.expires_at > ${now}) and ${which}`
  const ofActive = sql`join account a on a.id = c.account_id and a.active and a.deleted_at is null join company o on o.id = a.company_id`
  const asked = sql`
    o.requires_second_factor and not exists (select from totp f where f.account_id = a.id and f.confirmed_at is not null)
      and not exists (select from passkey f where f.account_id = a.id) as owes,
    o.requires_step_up as step_up`
  const { rows } = await sql<Row>`
    select c.id, 'session' as kind, c.account_id as holder, c.expires_at, c.last_used_at, c.authenticated_at,
      null::int as privileges, null::uuid[] as device_ids, null::uuid as share_id, ${asked}
    from session c ${ofActive} where ${live}
    union all
    select c.id, 'token', c.account_id, c.expires_at, c.last_used_at, null, c.privileges, c.device_ids, null, ${asked}
    from token c ${ofActive} where ${live}
    union all
    select c.id, 'share', c.account_id, least(c.expires_at, s.ends_at), c.last_used_at, null, c.privileges, null, s.id, ${asked}
    from share_credential c ${ofActive} join share s on s.id = c.share_id and s.account_id = a.id
    where ${live} and s.state = 'accepted' and (s.ends_at is null or s.ends_at > ${now})
    union all
    select c.id, 'link', c.link_id, least(c.expires_at, l.ends_at), c.last_used_at, null, null, null, null, false, false
    from link_session c join link l on l.id = c.link_id
    where ${live} and l.ended_at is null and (l.ends_at is null or l.ends_at > ${now})`.execute(db)
  return rows.map(toCredential)
}

function toCredential(row: Row): Credential {
  const { id: credentialId, kind, holder, expires_at: expiresAt, last_used_at: lastUsedAt } = row
  const scope = scopeOf(row)
  if (kind === 'link') return { credentialId, kind, linkId: holder, expiresAt, scope, lastUsedAt }
  return {
    credentialId,
    kind,
    accountId: holder,
    expiresAt,
    scope,
    lastUsedAt,
    authenticatedAt: row.authenticated_at,
    owesSecondFactor: row.owes,
    isStepUpAsked: row.step_up,
  }
}

function scopeOf({ owes, privileges, device_ids, share_id }: Row): Scope {
  if (owes) return { ...FULL_SCOPE, privileges: NO_PRIVILEGES }
  if (privileges === null) return FULL_SCOPE
  const via = share_id === null ? null : (`share:${share_id}` as const)
  return { privileges, devices: device_ids && new Set(device_ids), period: ALWAYS, via }
}
