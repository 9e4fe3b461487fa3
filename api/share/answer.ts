// The recipient's answer to an invitation: with the code, or no (R13).
import type { Account } from '@ridethrough/db/query/account.ts'
import { acceptShare, countWrongShareCode, endShare, lockShare, type Share } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import { CODE_TRIES, hashCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { recordShare } from '../share-event.ts'
import { accountOf, asRecipient, made, noShare, type ShareStep, shareOf, takeStep } from './change.ts'
import { tellOthers } from './notice.ts'
import { ended, needOpen } from './state.ts'

export function acceptInvitation(context: ApiContext, actor: SignedIn, id: string, code: string): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    const share = await lockShare(tx, id)
    const account = await accountOf(tx, actor.accountId)
    const refused = await checkCode(tx, share, account, hashCode(code), now)
    if (refused) return refused
    await acceptShare(tx, id, actor.accountId, new Date(now))
    const accepted = await shareOf(tx, id)
    await tellOthers(context, tx, actor, { kind: 'share.accepted', share: accepted, side: 'recipient' })
    await recordShare(tx, actor, 'share.accepted', accepted)
    return made(tx, id, 'recipient', 'share accepted')
  })
}

/** Signed in with the address is proof enough to say no. */
export function declineInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    const share = await asRecipient(tx, await lockShare(tx, id), actor)
    needOpen(share, now)
    if (share.state !== 'pending') throw ended(share, now)
    await endShare(tx, id, 'declined', new Date(now))
    const declined = await shareOf(tx, id)
    await tellOthers(context, tx, actor, { kind: 'share.declined', share: declined, side: 'recipient' })
    await recordShare(tx, actor, 'share.declined', share)
    return made(tx, id, 'recipient', 'share declined')
  })
}

/** What is wrong with a code, or nothing. Whoever has not got it learns nothing about shares of others. */
async function checkCode(
  tx: Db,
  share: Share | undefined,
  account: Account,
  hash: Buffer,
  now: number,
): Promise<Fault | undefined> {
  if (!share) return noShare()
  const isRight = share.codeHash?.equals(hash) ?? false
  // Once it found its account it is that one's, whatever the account's address has become.
  const isTheirs =
    share.accountId === null ? share.folded === foldAddress(account.email) : share.accountId === account.id
  if (!isTheirs) {
    if (!isRight) return noShare()
    return new Fault('address-other', 'This invitation was sent to another address: sign in with that one')
  }
  if (share.state === 'accepted') return new Fault('code-used', 'You have accepted this invitation already')
  if (share.state === 'expired' && share.acceptedAt === null) return ranOut(share)
  if (share.state !== 'pending') return ended(share, now)
  if (share.codeTries >= CODE_TRIES) {
    return new Fault('too-many-tries', `Too many wrong codes: ask ${share.sharedBy.name} to send the invitation again`)
  }
  if (!isRight) {
    await countWrongShareCode(tx, share.id)
    return new Fault('code-wrong', 'The code is wrong: compare it with the newest mail of this invitation')
  }
  if (share.codeExpiresAt && share.codeExpiresAt.getTime() <= now) return ranOut(share)
  if (share.endsAt && share.endsAt.getTime() <= now) return ended(share, now)
  return undefined
}

function ranOut({ sharedBy }: Share): Fault {
  return new Fault('code-expired', `The invitation has run out: ask ${sharedBy.name} to send it again`)
}
