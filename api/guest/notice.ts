// Telling both sides of a guest entry what became of it.
import { findAccount } from '@ridethrough/db/query/account.ts'
import type { Guest } from '@ridethrough/db/query/guest.ts'
import { listActiveOwners } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { ApiContext } from '../context.ts'
import type { Actor } from '../event.ts'
import { type NoticeTo, postNotice } from '../notice.ts'

type Told = Extract<NoticeKind, `guest.${string}`>

/** `guest` as it is after the step. */
export async function tellBoth(context: ApiContext, tx: Db, actor: Actor, kind: Told, guest: Guest): Promise<void> {
  await tellGuest(context, tx, actor, kind, guest)
  await tellHost(context, tx, actor, kind, guest)
}

export async function tellGuest(context: ApiContext, tx: Db, actor: Actor, kind: Told, guest: Guest): Promise<void> {
  // Whoever has no account has nothing yet that could change; the invitation has a mail of its own.
  if (guest.accountId === null) return
  const { name, email } = guest.invitedBy
  const subject = { ...(await subjectOf(tx, actor, guest)), other: { name, email } }
  await postNotice(context, tx, guest, { kind, subject, at: new Date(actor.now) })
}

/** Whoever invited them, while they still decide for the company; otherwise all who do. */
export async function tellHost(context: ApiContext, tx: Db, actor: Actor, kind: Told, guest: Guest): Promise<void> {
  const owners = await listActiveOwners(tx, guest.company.id)
  const inviter = owners.filter(({ id }) => id === guest.invitedBy.id)
  const subject = {
    ...(await subjectOf(tx, actor, guest)),
    other: { name: guest.name ?? guest.email, email: guest.email || null },
  }
  for (const { id, name, email } of inviter.length > 0 ? inviter : owners) {
    const to: NoticeTo = { accountId: id, name, email }
    await postNotice(context, tx, to, { kind, subject, at: new Date(actor.now) })
  }
}

/** No devices: which ones there are changes, and a notice stays. */
async function subjectOf(tx: Db, actor: Actor, guest: Guest): Promise<Omit<NoticeSubject, 'other'>> {
  const by = actor.accountId === null ? undefined : await findAccount(tx, actor.accountId)
  return {
    id: guest.id,
    by: by ? { name: by.name, email: by.email || null } : null,
    company: guest.company.name,
    devices: [],
    until: guest.endsAt?.toISOString() ?? null,
    state: guest.state,
  }
}
