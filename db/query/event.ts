// The event log: one hash chain over everything that happened, append-only (R63).
import { createHash } from 'node:crypto'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type NewEvent = {
  readonly at: Date
  /** In whose log it stands; null for what belongs to no company. */
  readonly companyId: string | null
  readonly accountId: string | null
  /** The session or token by which it was done. */
  readonly credentialId: string | null
  /** Network address; empty for what the installation did itself. */
  readonly address: string
  readonly kind: EventKind
  readonly outcome: 'done' | 'refused'
  /** Ids and names of what it was about, and the code of a refusal. Never a secret. */
  readonly subject: Readonly<Record<string, unknown>>
}

/** What a row's hash covers besides the hash before it: PostgreSQL writes a jsonb always in the same way. */
export const CANONICAL = sql`json_build_array(e.seq, floor(extract(epoch from e.at) * 1000)::bigint, e.company_id, e.account_id,
  e.credential_id, e.address, e.kind, e.outcome, e.subject::text)::text`

/**
 * Locks the head of the chain until the commit: call it late, and before `recordAccessChange` (both take a lock; always
 * in this order, so that two transactions cannot wait for each other).
 */
export async function appendEvent(tx: Db, event: NewEvent): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    with head as (select seq, hash from event_head for update),
    e as (
      select head.seq + 1 as seq, ${event.at}::timestamptz as at, ${event.companyId}::uuid as company_id, ${event.accountId}::uuid as account_id,
        ${event.credentialId}::uuid as credential_id, ${event.address}::text as address, ${event.kind}::text as kind,
        ${event.outcome}::text as outcome, ${JSON.stringify(event.subject)}::jsonb as subject, head.hash as before
      from head
    ),
    link as (select e.*, sha256(e.before || convert_to(${CANONICAL}, 'UTF8')) as hash from e),
    moved as (update event_head set seq = link.seq, hash = link.hash from link)
    insert into event (seq, at, company_id, account_id, credential_id, address, kind, outcome, subject, hash)
    select seq, at, company_id, account_id, credential_id, address, kind, outcome, subject, hash from link
    returning seq`.execute(tx)
  const seq = rows[0]?.seq
  if (seq === undefined) throw new Error('the head of the event log is missing')
  return seq
}

/** In a transaction of its own, which would rather fail than wait for long: what it writes is not worth holding up its caller. */
export async function appendEventsAlone(db: Db, events: readonly NewEvent[]): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`set local lock_timeout = '2s'`.execute(tx)
    for (const event of events) await appendEvent(tx, event)
  })
}

/** What a rewriting of the whole log cannot keep as it was, for whoever noted it down elsewhere. */
export async function newestHash(db: Db): Promise<Buffer> {
  const { hash } = await db.selectFrom('event_head').select('hash').executeTakeFirstOrThrow()
  return hash
}

/** `row` is the sequence number at which the chain breaks, and `what` how. */
export type LogFault = { readonly row: number; readonly what: 'changed' | 'missing' | 'head' }

const BATCH = 5000

/** Walks the whole chain; `undefined` when it holds. Hashes are computed here, not by the database that is being checked. */
export function verifyEvents(db: Db): Promise<Verdict> {
  // One snapshot: rows are appended while this walks, and the head must belong to the rows that were read.
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(walk)
}

type Verdict = { readonly rows: number; readonly fault: LogFault | undefined }

async function walk(db: Db): Promise<Verdict> {
  let before: Buffer = Buffer.alloc(0)
  let last = 0
  for (;;) {
    const { rows } = await sql<{ seq: number; hash: Buffer; canonical: string }>`
      select e.seq, e.hash, ${CANONICAL} as canonical from event e where e.seq > ${last} order by e.seq limit ${BATCH}`.execute(
      db,
    )
    for (const row of rows) {
      if (row.seq !== last + 1) return { rows: last, fault: { row: last + 1, what: 'missing' } }
      const expected = createHash('sha256').update(before).update(row.canonical).digest()
      if (!expected.equals(row.hash)) return { rows: last, fault: { row: row.seq, what: 'changed' } }
      before = row.hash
      last = row.seq
    }
    if (rows.length < BATCH) break
  }
  const head = await db.selectFrom('event_head').selectAll().executeTakeFirstOrThrow()
  if (head.seq > last) return { rows: last, fault: { row: last + 1, what: 'missing' } }
  const isHead = head.seq === last && head.hash.equals(before)
  return { rows: last, fault: isHead ? undefined : { row: last, what: 'head' } }
}
