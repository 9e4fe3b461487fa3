// Telling people what happened to their shares: in the product and by mail, in the transaction of the change.
import { insertNotice } from '@ridethrough/db/query/notice.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { ApiContext } from './context.ts'
import type { MailedKind } from './mail/notice.ts'
import { postMail } from './mail/post.ts'

/** `accountId: null`: the address has no account yet, so there is only the mail. */
export type NoticeTo = { readonly accountId: string | null; readonly name: string | null; readonly email: string }

/** What a job has as well. */
export type NoticeContext = Pick<ApiContext, 'mails'> & {
  readonly settings: Pick<ApiContext['settings'], 'hasMailServer'>
}

/**
 * `at`: when it happened. Invitations make the notice only: their mail carries the code, and is its sender's business.
 * A guest's or a recipient's own act is told them too, so that what somebody else did in their name does not stay hidden.
 */
export async function postNotice(
  context: NoticeContext,
  tx: Db,
  to: NoticeTo,
  notice: { readonly kind: NoticeKind; readonly subject: NoticeSubject; readonly at: Date },
): Promise<void> {
  const { kind, subject } = notice
  if (to.accountId !== null) await insertNotice(tx, { accountId: to.accountId, ...notice })
  if (isMailed(kind)) await postMail(context, tx, context.mails.happened(to, kind, subject))
}

function isMailed(kind: NoticeKind): kind is MailedKind {
  return !kind.endsWith('.invited')
}
