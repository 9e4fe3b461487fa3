// Reading the event log: what one person may see of it, the newest first.
import { EVENT_KIND_NAMES, type EventKind } from '@ridethrough/protocol/http/event.ts'
import type { Span } from '@ridethrough/protocol/window-span.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../schema.ts'
import { CANONICAL } from './event.ts'
import { multirange } from './history.ts'

export type LoggedEvent = {
  readonly seq: number
  readonly at: Date
  readonly kind: EventKind
  readonly outcome: 'done' | 'refused'
  /** The name as it is today. */
  readonly account: { readonly id: string; readonly name: string } | null
  readonly credentialId: string | null
  readonly address: string
  readonly subject: Readonly<Record<string, unknown>>
  /** What the hash covers besides the hash before it. */
  readonly canonical: string
  readonly before: Buffer
  readonly hash: Buffer
}

/** Everybody sees what they did themselves; `companyId`: also all that stands in the log of that company. */
export type EventReader = { readonly accountId: string; readonly companyId: string | null }

export type EventFilter = {
  readonly kind?: EventKind | undefined
  readonly outcome?: 'done' | 'refused' | undefined
  readonly accountId?: string | undefined
  /** Included. */
  readonly from?: Date | undefined
  /** Not included. */
  readonly to?: Date | undefined
  /** Only what is older than this row. */
  readonly before?: number | undefined
}

export async function listEvents(
  db: Db,
  { accountId, companyId }: EventReader,
  filter: EventFilter,
  limit: number,
): Promise<LoggedEvent[]> {
  const matching = matches(filter)
  // Two reads, each along an index of its own; a row of both is taken from the first.
  const ofCompany = sql`select * from event where company_id = ${companyId}::uuid and ${matching} order by seq desc limit ${limit}`
  // What stands without an address in somebody else's log stands with it in one's own.
  const own = sql`select * from event where account_id = ${accountId}::uuid and address <> ''
    and company_id is distinct from ${companyId}::uuid and ${matching} order by seq desc limit ${limit}`
  const ownWithout = sql`select * from event where account_id = ${accountId}::uuid and address <> '' and ${matching} order by seq desc limit ${limit}`
  const visible = companyId === null ? ownWithout : sql`(${ofCompany}) union all (${own})`
  return read(db, visible, limit)
}

async function read(db: Db, visible: RawBuilder<unknown>, limit: number): Promise<LoggedEvent[]> {
  const { rows } = await sql<Row>`
    select e.seq, e.at, e.kind, e.outcome, e.account_id, a.name, e.credential_id, e.address, e.subject, e.hash,
      ${CANONICAL} as canonical, coalesce(b.hash, '\\x') as before
    from (${visible}) e left join account a on a.id = e.account_id left join event b on b.seq = e.seq - 1
    order by e.seq desc limit ${limit}`.execute(db)
  return rows.map(toEvent)
}

/** Things that events name: `{ share: { id } }`. */
export type Named = Readonly<Record<string, unknown>>

/** Part of the log: all conditions that are given hold. */
export type Part = {
  /** In the log of this company. */
  readonly companyId?: string
  /** Names all of one of these. */
  readonly named: readonly Named[]
  /** Begins of kinds: `device.`. */
  readonly kinds?: string
  readonly outcome?: 'done'
  /** Done by this account, from a known address: as it stands in its own log. */
  readonly by?: string
  readonly notBy?: string
}

/** What one of the parts holds, the newest first. `within`: only what happened in these spans of time. */
export async function listEventsIn(
  db: Db,
  parts: readonly Part[],
  filter: EventFilter & { readonly within?: readonly Span[] | undefined },
  limit: number,
): Promise<LoggedEvent[]> {
  if (parts.length === 0) return []
  const isIn = sql.join(
    parts.map((part) => sql`(${partOf(part)})`),
    sql` or `,
  )
  const isWithin = filter.within ? sql`at <@ ${multirange(filter.within)}::tstzmultirange` : sql`true`
  // Found by what they name first: walking the log from its end for the newest may take the whole of it.
  const found = sql`with found as materialized (select * from event where (${isIn}) and ${isWithin} and ${matches(filter)})
    select * from found order by seq desc limit ${limit}`
  return read(db, found, limit)
}

function partOf({ companyId, named, kinds, outcome, by, notBy }: Part): RawBuilder<unknown> {
  const names = named.map((one) => sql`subject @> ${JSON.stringify(one)}::jsonb`)
  const conditions = [
    names.length > 0 ? sql`(${sql.join(names, sql` or `)})` : sql`false`,
    companyId && sql`company_id = ${companyId}::uuid`,
    kinds && sql`starts_with(kind, ${kinds})`,
    outcome && sql`outcome = ${outcome}`,
    by && sql`account_id = ${by}::uuid and address <> ''`,
    notBy && sql`account_id is distinct from ${notBy}::uuid`,
  ]
  return sql.join(
    conditions.filter((one) => typeof one === 'object'),
    sql` and `,
  )
}

function matches({ kind, outcome, accountId, from, to, before }: EventFilter): RawBuilder<unknown> {
  const conditions = [
    sql`true`,
    kind && sql`kind = ${kind}`,
    outcome && sql`outcome = ${outcome}`,
    accountId && sql`account_id = ${accountId}::uuid`,
    from && sql`at >= ${from}`,
    to && sql`at < ${to}`,
    before !== undefined && sql`seq < ${before}`,
  ]
  return sql.join(
    conditions.filter((one) => typeof one === 'object'),
    sql` and `,
  )
}

type Row = {
  seq: number
  at: Date
  kind: string
  outcome: 'done' | 'refused'
  account_id: string | null
  name: string | null
  credential_id: string | null
  address: string
  subject: Readonly<Record<string, unknown>>
  canonical: string
  before: Buffer
  hash: Buffer
}

function toEvent(row: Row): LoggedEvent {
  const { seq, at, outcome, address, subject, canonical, before, hash } = row
  return {
    ...{ seq, at, outcome, address, subject, canonical, before, hash },
    kind: kindOf(row.kind),
    account: row.account_id === null ? null : { id: row.account_id, name: row.name ?? '' },
    credentialId: row.credential_id,
  }
}

function kindOf(text: string): EventKind {
  const kind = EVENT_KIND_NAMES.find((one) => one === text)
  if (kind === undefined) throw new Error(`the event log holds a row of the unknown kind ${text}`)
  return kind
}
