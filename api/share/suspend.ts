// Suspending a share and resuming it, without losing anything of it (R25).
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { holdPlace } from '@ridethrough/db/query/membership.ts'
import { lockShare } from '@ridethrough/db/query/share.ts'
import { setSuspended } from '@ridethrough/db/query/share-change.ts'
import { SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { recordShare } from '../share-event.ts'
import { givable, needWithin } from '../sharing-rules.ts'
import { asManager, made, type ShareStep, shareOf, takeStep, unchanged } from './change.ts'
import { tellOthers } from './notice.ts'
import { needOpen } from './state.ts'

/** It keeps its places among the five. Asked for what is so already, it does nothing. */
export function suspendShare(context: ApiContext, actor: SignedIn, id: string): Promise<ShareStep> {
  return setTo(context, actor, id, true)
}

/** Gives again what it gave: only by somebody who could give it. */
export function resumeShare(context: ApiContext, actor: SignedIn, id: string): Promise<ShareStep> {
  return setTo(context, actor, id, false)
}

function setTo(context: ApiContext, actor: SignedIn, id: string, isSuspended: boolean): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    await holdPlace(tx, actor.accountId)
    const share = await asManager(tx, await lockShare(tx, id), actor, now)
    needOpen(share, now)
    if ((share.suspendedAt !== null) === isSuspended) return unchanged(share, 'owner')
    if (!isSuspended) {
      const sheet = await loadFactsOfDevices(tx, share.everDeviceIds)
      const ids = share.devices.map((device) => device.id)
      needWithin(share.privileges & SHAREABLE, givable(sheet, actor, ids, now))
    }
    await setSuspended(tx, id, isSuspended ? new Date(now) : null)
    const after = await shareOf(tx, id)
    const kind = isSuspended ? 'share.suspended' : 'share.resumed'
    await tellOthers(context, tx, actor, { kind, share: after, side: 'owner' })
    await recordShare(tx, actor, kind, after)
    return made(tx, id, 'owner', isSuspended ? 'share suspended' : 'share resumed')
  })
}
