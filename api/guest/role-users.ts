// Those who have a role: told when what it gives becomes something else.
import { findGuest, listGuestsWithRole } from '@ridethrough/db/query/guest-list.ts'
import { listAcceptedSharesWithRole } from '@ridethrough/db/query/role.ts'
import { findShare } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { tellOthers } from '../share/notice.ts'
import { tellGuest } from './notice.ts'

/** Ids of entries and shares that were accepted. */
export type RoleUsers = { readonly guests: readonly string[]; readonly shares: readonly string[] }

export async function usersOf(tx: Db, roleId: string): Promise<RoleUsers> {
  const guests = (await listGuestsWithRole(tx, roleId)).filter(({ state }) => state === 'accepted')
  return { guests: guests.map(({ id }) => id), shares: await listAcceptedSharesWithRole(tx, roleId) }
}

export async function tellUsers(context: ApiContext, tx: Db, actor: SignedIn, users: RoleUsers): Promise<void> {
  for (const id of users.guests) {
    const guest = await findGuest(tx, id)
    if (guest) await tellGuest(context, tx, actor, 'guest.changed', guest)
  }
  for (const id of users.shares) {
    const share = await findShare(tx, id)
    if (share) await tellOthers(context, tx, actor, { kind: 'share.changed', share, side: 'owner' })
  }
}
