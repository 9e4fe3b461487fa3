// Who is told of a step in the life of a share, and what: the other side, and whoever made it when a colleague acts.
import { listActiveOwners } from '@ridethrough/db/query/member.ts'
import { findMembership } from '@ridethrough/db/query/membership.ts'
import type { Share } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { type NoticeTo, postNotice } from '../notice.ts'
import type { Side } from './change.ts'
import { accountOf } from './change.ts'

export type ShareNoticeKind = Extract<NoticeKind, `share.${string}`>

/** `share` as it is after the step, with the devices that it is about. */
export type ShareNotice = { readonly kind: ShareNoticeKind; readonly share: Share; readonly side: Side }

/** Tells all whom this step of somebody concerns but who did not take it. */
export async function tellOthers(context: ApiContext, tx: Db, actor: SignedIn, notice: ShareNotice): Promise<void> {
  const { share, side } = notice
  const by = await actingAs(tx, actor, share, side)
  if (side === 'owner') await tellRecipient(context, tx, notice, by, actor.now)
  await tellOwners(context, tx, notice, by, actor)
}

/** R12. The mail carries the code and goes its own way. */
export async function tellRecipient(
  context: ApiContext,
  tx: Db,
  { kind, share }: ShareNotice,
  by: NoticeSubject['by'],
  now: number,
): Promise<void> {
  // Whoever has no account has nothing yet that could change, and was never asked whether they want mail.
  if (share.accountId === null) return
  const to = { accountId: share.accountId, name: share.recipientName, email: share.email }
  await postNotice(context, tx, to, { kind, subject: subjectOf(share, by, share.sharedBy), at: new Date(now) })
}

async function tellOwners(
  context: ApiContext,
  tx: Db,
  { kind, share }: ShareNotice,
  by: NoticeSubject['by'],
  actor: SignedIn,
): Promise<void> {
  const subject = subjectOf(share, by, recipientOf(share))
  for (const to of await responsibleFor(tx, share)) {
    if (to.accountId !== actor.accountId) {
      await postNotice(context, tx, to, { kind, subject, at: new Date(actor.now) })
    }
  }
}

/** Whoever made it; once they are no longer of the company, the owners of it. */
async function responsibleFor(tx: Db, share: Share): Promise<NoticeTo[]> {
  const { id, name, email } = share.sharedBy
  const membership = await findMembership(tx, id)
  if (membership?.active && membership.companyId === share.companyId) return [{ accountId: id, name, email }]
  const owners = await listActiveOwners(tx, share.companyId)
  return owners.map((owner) => ({ accountId: owner.id, name: owner.name, email: owner.email }))
}

async function actingAs(tx: Db, actor: SignedIn, share: Share, side: Side): Promise<NoticeSubject['by']> {
  if (actor.accountId === share.sharedBy.id) return personOf(share.sharedBy)
  const { name } = await accountOf(tx, actor.accountId)
  // Of a colleague the other side learns the name; of the recipient the owner has the address that was invited.
  return { name, email: side === 'recipient' ? share.email : null }
}

export function recipientOf(share: Share): { readonly name: string; readonly email: string } {
  // Before it was accepted the name is nobody's business.
  return { name: (share.acceptedAt === null ? null : share.recipientName) ?? share.email, email: share.email }
}

export function personOf({ name, email }: { name: string; email: string }): NonNullable<NoticeSubject['by']> {
  return { name, email }
}

function subjectOf(share: Share, by: NoticeSubject['by'], other: { name: string; email: string }): NoticeSubject {
  return {
    id: share.id,
    by,
    other: personOf(other),
    company: null,
    devices: share.devices.map(({ id, name }) => ({ id, name })),
    until: share.endsAt?.toISOString() ?? null,
    state: share.state,
  }
}
