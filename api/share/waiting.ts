// Invitations that waited for an account (R11): from the moment that it proves the address they are its own.
import { bindWaitingShares } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { ApiContext } from '../context.ts'
import { shareOf } from './change.ts'
import { personOf, tellRecipient } from './notice.ts'
import { isOpen } from './state.ts'

/** With the address locked. The devices of what was found, for the change of access; its mail has long been sent. */
export async function bindShares(context: ApiContext, tx: Db, folded: string, accountId: string): Promise<string[]> {
  const now = context.clock.now()
  const devices = new Set<string>()
  for (const id of await bindWaitingShares(tx, folded, accountId)) {
    const share = await shareOf(tx, id)
    for (const device of share.devices) devices.add(device.id)
    if (!isOpen(share, now)) continue
    await tellRecipient(context, tx, { kind: 'share.invited', share, side: 'owner' }, personOf(share.sharedBy), now)
  }
  return [...devices]
}
