// Entries that end with something else: an account, a company, somebody's becoming a co-worker. And those that begin to
// count for somebody, because their address found its account.
import { bindWaitingGuests, endGuest, forgetGuestAddress, type Guest } from '@ridethrough/db/query/guest.ts'
import { findGuest, listOpenGuestsOf, listOpenGuestsTo } from '@ridethrough/db/query/guest-list.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { ApiContext } from '../context.ts'
import type { Actor } from '../event.ts'
import { recordGuest } from './event.ts'
import { tellBoth, tellGuest, tellHost } from './notice.ts'

/** After its address was erased. The companies are told that somebody has left; who it was is not known any more. */
export async function leaveAllHosts(context: ApiContext, tx: Db, actor: Actor, accountId: string): Promise<void> {
  const open = await listOpenGuestsTo(tx, accountId)
  for (const { id, state } of open) {
    await endGuest(tx, id, state === 'accepted' ? 'left' : 'declined', new Date(actor.now))
  }
  await forgetGuestAddress(tx, accountId)
  for (const { id, state } of open) {
    const guest = await findGuest(tx, id)
    if (!guest) continue
    const isAccepted = state === 'accepted'
    await tellHost(context, tx, actor, isAccepted ? 'guest.ended' : 'guest.declined', guest)
    await recordGuest(tx, actor, isAccepted ? 'guest.left' : 'guest.declined', guest)
  }
}

/** Of a company that its last person leaves. The accounts that were its guests. */
export async function endAllGuests(context: ApiContext, tx: Db, actor: Actor, companyId: string): Promise<string[]> {
  return endEntries(context, tx, actor, await listOpenGuestsOf(tx, companyId))
}

/** Who has become a co-worker is no guest any more. */
export async function endOwnEntry(context: ApiContext, tx: Db, actor: Actor, accountId: string, companyId: string) {
  const open = await listOpenGuestsTo(tx, accountId)
  await endEntries(
    context,
    tx,
    actor,
    open.filter(({ company }) => company.id === companyId),
  )
}

async function endEntries(context: ApiContext, tx: Db, actor: Actor, guests: readonly Guest[]): Promise<string[]> {
  for (const guest of guests) {
    const state = guest.state === 'accepted' ? 'ended' : 'withdrawn'
    await endGuest(tx, guest.id, state, new Date(actor.now))
    await tellBoth(context, tx, actor, 'guest.ended', { ...guest, state })
    await recordGuest(tx, actor, 'guest.ended', guest, { state })
  }
  return guests.flatMap(({ accountId }) => accountId ?? [])
}

/** H2: under `lockAddress`. What waits for the address is this account's from now on, to be accepted or declined. */
export async function bindGuestEntries(
  context: ApiContext,
  tx: Db,
  actor: Actor,
  folded: string,
  accountId: string,
): Promise<void> {
  for (const id of await bindWaitingGuests(tx, folded, accountId)) {
    const guest = await findGuest(tx, id)
    const isLive = guest?.codeExpiresAt && guest.codeExpiresAt.getTime() > actor.now
    if (!guest || !isLive) continue
    await tellGuest(context, tx, { ...actor, accountId: guest.invitedBy.id }, 'guest.invited', guest)
  }
}
