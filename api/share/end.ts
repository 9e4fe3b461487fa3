// Taking away: the whole share or single devices, by either side, and what the recipient takes back (R16, R17).
import { endShare, lockShare, type Share } from '@ridethrough/db/query/share.ts'
import { addShareDevices, removeShareDevices } from '@ridethrough/db/query/share-change.ts'
import { endShareCredentials } from '@ridethrough/db/query/share-credential.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { recordShare } from '../share-event.ts'
import {
  asRecipient,
  lockWithDevices,
  made,
  noShare,
  type SeenShare,
  type ShareStep,
  shareOf,
  sideOf,
  takeStep,
} from './change.ts'
import { tellOthers } from './notice.ts'
import { needOpen } from './state.ts'

/** R17: either side ends it at any time. */
export function endWholeShare(context: ApiContext, actor: SignedIn, id: string): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    return endAs(context, tx, actor, await sideOf(tx, await lockShare(tx, id), actor, now), now)
  })
}

/**
 * R16, R17: the owner unticks one device, or the recipient takes it out of their view. With the last one the share ends.
 * What the recipient has taken out the owner may take away for good.
 */
export function removeDeviceFromShare(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  deviceId: string,
): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    const { share, side } = await sideOf(tx, await lockShare(tx, id), actor, now)
    const isGiven = share.devices.some((device) => device.id === deviceId)
    const isOut = share.removedDevices.some((device) => device.id === deviceId && device.by === 'recipient')
    if (!isGiven && !(isOut && side === 'owner')) throw noShare()
    needOpen(share, now)
    await removeShareDevices(tx, id, [deviceId], side, new Date(now))
    if (isGiven && share.devices.length === 1) return endAs(context, tx, actor, { share, side }, now)
    const concerned = { ...share, devices: only(share, deviceId) }
    await tellOthers(context, tx, actor, { kind: 'share.changed', share: concerned, side })
    await recordShare(tx, actor, 'share.narrowed', concerned, { by: side })
    return made(tx, id, side, `device taken out of a share by the ${side}`)
  })
}

/** R17: the recipient takes back what they took out, if there is still a place for it (R18). */
export function takeDeviceBack(context: ApiContext, actor: SignedIn, id: string, deviceId: string): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    const share = await asRecipient(tx, await lockWithDevices(tx, id), actor)
    if (!share.removedDevices.some((device) => device.id === deviceId && device.by === 'recipient')) {
      throw new Fault('not-found', 'There is no such device to take back: ask whoever shared it')
    }
    needOpen(share, now)
    await addShareDevices(tx, id, [deviceId])
    const after = await shareOf(tx, id)
    const concerned = { ...after, devices: only(after, deviceId) }
    await tellOthers(context, tx, actor, { kind: 'share.changed', share: concerned, side: 'recipient' })
    await recordShare(tx, actor, 'share.restored', concerned)
    return made(tx, id, 'recipient', 'device taken back into a share')
  })
}

async function endAs(context: ApiContext, tx: Db, actor: SignedIn, { share, side }: SeenShare, now: number) {
  needOpen(share, now)
  const isAccepted = share.state === 'accepted'
  const asOwner = isAccepted ? ('revoked' as const) : ('withdrawn' as const)
  const asItsRecipient = isAccepted ? ('left' as const) : ('declined' as const)
  const state = side === 'owner' ? asOwner : asItsRecipient
  const at = new Date(now)
  await endShare(tx, share.id, state, at)
  const credentials = await endShareCredentials(tx, share.id, at)
  // With the devices that it had: of those the reader is to know that they are gone.
  const over: Share = { ...share, state }
  const kind = state === 'declined' ? 'share.declined' : 'share.ended'
  await tellOthers(context, tx, actor, { kind, share: over, side })
  await recordShare(tx, actor, kind, share, { state })
  return made(tx, share.id, side, `share ${state}`, credentials)
}

function only({ devices }: Share, id: string): Share['devices'] {
  return devices.filter((device) => device.id === id)
}
