// Telling people what happened to their shares: in the product and by mail, in the transaction of the change.
import { insertNotice } from '@ridethrough/db/query/notice.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { ApiContext } from './context.ts'

/** `accountId: null`: the address has no account yet, so there is only the mail. */
export type NoticeTo = { readonly accountId: string | null; readonly name: string | null; readonly email: string }

/** `at`: when it happened. */
export async function postNotice(
  _context: ApiContext,
  tx: Db,
  to: NoticeTo,
  notice: { readonly kind: NoticeKind; readonly subject: NoticeSubject; readonly at: Date },
): Promise<void> {
  if (to.accountId !== null) await insertNotice(tx, { accountId: to.accountId, ...notice })
}
