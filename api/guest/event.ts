// Guests in the event log: each step stands in the log of the host company, and of the guest's once it concerns them.
import { findAccount } from '@ridethrough/db/query/account.ts'
import type { Guest } from '@ridethrough/db/query/guest.ts'
import { findGuest } from '@ridethrough/db/query/guest-list.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import type { ApiContext } from '../context.ts'
import { type Actor, recordEvent, recordingRefusals, type SignedIn } from '../event.ts'

export type GuestKind = Extract<EventKind, `guest.${string}`>

/**
 * `guest` as it was before the step. `details` are the host's alone: they may name devices and groups that the guest
 * does not see.
 */
export async function recordGuest(
  tx: Db,
  actor: Actor,
  kind: GuestKind,
  guest: Guest,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { id, email, name, company } = guest
  const subject = { guest: { id, email, ...(name === null ? {} : { name }) }, company }
  await recordEvent(tx, actor, { kind, subject: { ...subject, ...details }, companyId: company.id })
  const own = await ownCompanyOf(tx, actor, kind, guest)
  if (own !== undefined && own !== company.id) await recordEvent(tx, actor, { kind, subject, companyId: own })
}

/** A step that is refused; the host reads of it once whoever tried has been told that the entry is there. */
export function recordingGuestRefusals<T>(
  context: ApiContext,
  actor: SignedIn,
  kind: GuestKind,
  guestId: string,
  run: () => Promise<T>,
): Promise<T> {
  return recordingRefusals(context, actor, { kind, subject: { guest: { id: guestId } } }, run, async () => {
    const guest = await findGuest(context.db, guestId)
    if (!guest) throw new Error(`the guest entry ${guestId} is gone`)
    return { subject: {}, companyId: guest.company.id }
  })
}

const ANSWERS: readonly GuestKind[] = ['guest.accepted', 'guest.declined', 'guest.left']

async function ownCompanyOf(tx: Db, actor: Actor, kind: GuestKind, guest: Guest): Promise<string | undefined> {
  const isAnswer = ANSWERS.includes(kind)
  const concerned =
    isAnswer || guest.state === 'accepted' ? (guest.accountId ?? (isAnswer ? actor.accountId : null)) : null
  return concerned === null ? undefined : (await findAccount(tx, concerned))?.company.id
}
