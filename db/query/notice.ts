// Notices: what happened to somebody's shares, kept until they are old.
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/** In the transaction of what happened. Whoever listens on `notice` is told the account after the commit. */
export async function insertNotice(
  tx: Db,
  notice: { readonly accountId: string; readonly kind: NoticeKind; readonly subject: NoticeSubject; readonly at: Date },
): Promise<void> {
  const { accountId, kind, subject, at } = notice
  await tx
    .insertInto('notice')
    .values({ account_id: accountId, kind, subject: JSON.stringify(subject), created_at: at })
    .execute()
  await sql`select pg_notify('notice', ${accountId})`.execute(tx)
}
