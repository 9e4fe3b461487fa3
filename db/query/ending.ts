// What ends by time alone: shares, guest entries and links, and invitations to them that nobody answered.
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../schema.ts'

export const ENDING_KINDS = ['share', 'guest', 'link'] as const
export type EndingKind = (typeof ENDING_KINDS)[number]

export type Side = { readonly accountId: string | null; readonly name: string | null; readonly email: string }

/** One that has just been marked, with whom to tell. */
export type Ending = {
  readonly kind: EndingKind
  readonly id: string
  readonly company: { readonly id: string; readonly name: string }
  /** Nobody had accepted it. */
  readonly isPending: boolean
  /** When it ends or has ended; `null`: its invitation ran out. */
  readonly endsAt: Date | null
  /** Who made it; where they have left the company, its active owners. */
  readonly makers: readonly Side[]
  readonly recipient: (Side & { readonly companyId: string | null }) | null
  /** Of a link, for those who made it. */
  readonly name: string | null
  readonly devices: readonly { readonly id: string; readonly name: string }[]
}

/**
 * What somebody does at this moment with the same rows comes first. Shorter than PostgreSQL waits before it looks for a
 * deadlock, so that none ever costs that somebody their change.
 */
export async function ratherFailThanWait(tx: Db): Promise<void> {
  await sql`set local lock_timeout = '700ms'`.execute(tx)
}

/**
 * Marks one that has run out by `now` as expired; `undefined` when there is none. Others that do the same at once each
 * get another one. It is over since it ran out, not since somebody looked. `except`: leave these alone.
 */
export async function expireOne(
  tx: Db,
  kind: EndingKind,
  now: Date,
  except: readonly string[],
): Promise<Ending | undefined> {
  const isOther = sql`id <> all(${[...except]}::uuid[])`
  if (kind === 'link') {
    return describe(
      tx,
      kind,
      sql`with due as (
          select id from link where ended_at is null and ends_at <= ${now} and ${isOther}
          order by ends_at limit 1 for update skip locked
        )
        update link t set ended_at = t.ends_at from due where t.id = due.id
        returning t.id, false as is_pending, t.ends_at`,
    )
  }
  // One after the other, each along an index of its own: mostly there is none, and that has to be told quickly.
  const isOpen = sql`state in ('pending', 'accepted')`
  return (
    (await describe(tx, kind, expiry(kind, sql`${isOpen} and ends_at <= ${now} and ${isOther} order by ends_at`))) ??
    describe(
      tx,
      kind,
      expiry(kind, sql`state = 'pending' and code_expires_at <= ${now} and ${isOther} order by code_expires_at`),
    )
  )
}

/** Of the first of these. */
function expiry(kind: 'share' | 'guest', which: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`with due as (
      select id, state, least(ends_at, case when state = 'pending' then code_expires_at end) as over_at
      from ${TABLE[kind]} where ${which} limit 1 for update skip locked
    )
    update ${TABLE[kind]} t set state = 'expired', ended_at = due.over_at, code_hash = null, code_expires_at = null
    from due where t.id = due.id
    returning t.id, due.state = 'pending' as is_pending, case when due.over_at = t.ends_at then t.ends_at end as ends_at`
}

/** Marks one that ends after `now` and until `until`, of which nobody was told yet. */
export async function noticeOneEnding(
  tx: Db,
  kind: EndingKind,
  now: Date,
  until: Date,
  except: readonly string[],
): Promise<Ending | undefined> {
  const isOpen = kind === 'link' ? sql`ended_at is null` : sql`state = 'accepted'`
  return describe(
    tx,
    kind,
    sql`with due as (
        select id from ${TABLE[kind]}
        where ${isOpen} and ends_at > ${now} and ends_at <= ${until} and ending_noticed_at is null and id <> all(${[...except]}::uuid[])
        order by ends_at limit 1 for update skip locked
      )
      update ${TABLE[kind]} t set ending_noticed_at = ${now} from due where t.id = due.id
      returning t.id, false as is_pending, t.ends_at`,
  )
}

const TABLE: Readonly<Record<EndingKind, RawBuilder<unknown>>> = {
  share: sql`share`,
  guest: sql`guest_entry`,
  link: sql`link`,
}

type Marked = { id: string; is_pending: boolean; ends_at: Date | null }

type Row = {
  company_id: string
  company_name: string
  name: string | null
  email: string | null
  account_id: string | null
  account_name: string | null
  account_email: string | null
  account_company: string | null
  makers: Side[] | null
  devices: { id: string; name: string }[] | null
}

async function describe(tx: Db, kind: EndingKind, mark: RawBuilder<unknown>): Promise<Ending | undefined> {
  const marked = ((await mark.execute(tx)).rows as Marked[])[0]
  if (!marked) return undefined
  const { id } = marked
  const { rows } = await sql<Row>`
    select t.company_id, c.name as company_name, ${kind === 'link' ? sql`t.name` : sql`null`} as name,
      ${kind === 'link' ? sql`null` : sql`t.email`} as email,
      a.id as account_id, a.name as account_name, a.email as account_email, a.company_id as account_company,
      (select json_agg(json_build_object('accountId', m.id, 'name', m.name, 'email', m.email) order by m.id) from account m
        where m.company_id = t.company_id and m.active and m.deleted_at is null and case
          when exists (select from account x where x.id = ${MAKER[kind]} and x.company_id = t.company_id and x.active) then m.id = ${MAKER[kind]}
          else m.role = 'owner' end) as makers,
      (select json_agg(json_build_object('id', d.id, 'name', d.name) order by d.name, d.id) from device d where d.id in (${DEVICES[kind](id)})) as devices
    from ${TABLE[kind]} t join company c on c.id = t.company_id
    left join account a on a.id = ${kind === 'link' ? sql`null::uuid` : sql`t.account_id`} and a.active and a.deleted_at is null
    where t.id = ${id}`.execute(tx)
  const row = rows[0]
  if (!row) throw new Error(`the ${kind} ${id} that was just marked is not there`)
  return {
    ...{ kind, id, isPending: marked.is_pending, endsAt: marked.ends_at, name: row.name },
    company: { id: row.company_id, name: row.company_name },
    makers: row.makers ?? [],
    recipient: recipientOf(row),
    devices: row.devices ?? [],
  }
}

function recipientOf(row: Row): Ending['recipient'] {
  const email = row.account_email ?? row.email
  if (email === null) return null
  return { accountId: row.account_id, name: row.account_name, email, companyId: row.account_company }
}

const MAKER: Readonly<Record<EndingKind, RawBuilder<unknown>>> = {
  share: sql`t.created_by`,
  guest: sql`t.invited_by`,
  link: sql`t.created_by`,
}

const DEVICES: Readonly<Record<EndingKind, (id: string) => RawBuilder<unknown>>> = {
  share: (id) => sql`select device_id from share_device where share_id = ${id} and removed_by is null`,
  guest: (id) => sql`select device_id from guest_device where entry_id = ${id}`,
  link: (id) => sql`select device_id from link_device where link_id = ${id}`,
}
