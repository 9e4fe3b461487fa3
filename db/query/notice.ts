// Notices: what happened to somebody's shares, kept until they are old.
import { NOTICE_KINDS, type NoticeKind, type NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Notice = {
  readonly id: string
  readonly kind: NoticeKind
  readonly at: Date
  readonly isRead: boolean
  readonly subject: NoticeSubject
}

/** In the transaction of what happened. Whoever listens on `notice` is told the account after the commit. */
export async function insertNotice(
  tx: Db,
  notice: { readonly accountId: string; readonly kind: NoticeKind; readonly subject: NoticeSubject; readonly at: Date },
): Promise<void> {
  const { accountId, kind, subject, at } = notice
  await sql`
    with made as (
      insert into notice (account_id, kind, subject, created_at) values (${accountId}, ${kind}, ${JSON.stringify(subject)}, ${at})
      returning account_id
    )
    select pg_notify('notice', account_id::text) from made`.execute(tx)
}

/** Those of one account, the newest first. `before`: the id of the last one of the page before. */
export async function listNotices(
  db: Db,
  accountId: string,
  page: { readonly isUnreadOnly: boolean; readonly before: string | undefined; readonly limit: number },
): Promise<Notice[]> {
  let query = db
    .selectFrom('notice')
    .select(['id', 'kind', 'subject', 'created_at', 'read_at'])
    .where('account_id', '=', accountId)
  if (page.isUnreadOnly) query = query.where('read_at', 'is', null)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => ({
    id: row.id,
    kind: kindOf(row.kind),
    at: row.created_at,
    isRead: row.read_at !== null,
    subject: row.subject as NoticeSubject,
  }))
}

/** Of each of these accounts; those without any are 0. */
export async function countUnreadNotices(db: Db, accountIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ id: string; unread: number }>`
    select a.id, (select count(*)::int from notice n where n.account_id = a.id and n.read_at is null) as unread
    from unnest(${[...accountIds]}::uuid[]) a(id)`.execute(db)
  return new Map(rows.map(({ id, unread }) => [id, unread]))
}

/** `ids` left out: all of them. Somebody else's are left alone. */
export async function markNoticesRead(
  db: Db,
  accountId: string,
  ids: readonly string[] | undefined,
  at: Date,
): Promise<void> {
  let query = db
    .updateTable('notice')
    .set({ read_at: at })
    .where('account_id', '=', accountId)
    .where('read_at', 'is', null)
  if (ids) query = query.where('id', '=', sql<string>`any(${[...ids]}::uuid[])`)
  const { numUpdatedRows } = await query.executeTakeFirst()
  if (numUpdatedRows > 0n) await tellAccount(db, accountId)
}

/** Deletes at most `limit` that are older, and tells how many: call it until it is 0. */
export async function forgetNotices(db: Db, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notice where id in (select id from notice where created_at < ${before} limit ${limit})`.execute(db)
  return Number(numAffectedRows ?? 0n)
}

async function tellAccount(db: Db, accountId: string): Promise<void> {
  await sql`select pg_notify('notice', ${accountId})`.execute(db)
}

function kindOf(text: string): NoticeKind {
  const kind = NOTICE_KINDS.find((one) => one === text)
  if (kind === undefined) throw new Error(`there is a notice of the unknown kind ${text}`)
  return kind
}
