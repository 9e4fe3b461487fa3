// Offering devices to somebody, and sending the offer again (R10-R13).
import { type Account, findAccountByAddress, lockAddress } from '@ridethrough/db/query/account.ts'
import { lockDevices } from '@ridethrough/db/query/device.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { holdPlace } from '@ridethrough/db/query/membership.ts'
import { holdRole } from '@ridethrough/db/query/role.ts'
import { acceptShare, findShare, insertShare, type Share } from '@ridethrough/db/query/share.ts'
import { renewShareCode, takesWithoutAsking } from '@ridethrough/db/query/share-change.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { NewShare } from '@ridethrough/protocol/http/share.ts'
import { SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import { INVITATION_CODE, mintCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { postMail } from '../mail/post.ts'
import { recordShare } from '../share-event.ts'
import { givable, needShareable, needWithin, offerable } from '../sharing-rules.ts'
import { accountOf, asManager, lockWithDevices, made, type ShareStep, shareOf, takeStep } from './change.ts'
import { personOf, recipientOf, tellOthers, tellRecipient } from './notice.ts'
import { ended, stateAt } from './state.ts'
import { needPeriod, wrongInput } from './terms.ts'

export async function offerShare(context: ApiContext, actor: SignedIn, offer: NewShare): Promise<ShareStep> {
  await context.throttles.invitation.take(actor.accountId, context.clock.now())
  const folded = foldAddress(offer.email)
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    // With the address locked, nobody proves it between our look and our insert; the share would never find its account.
    await lockAddress(tx, folded)
    await holdPlace(tx, actor.accountId)
    const sharer = await accountOf(tx, actor.accountId)
    if (foldAddress(sharer.email) === folded) {
      throw new Fault('share-self', 'This is your own address: name somebody else')
    }
    const recipient = await findAccountByAddress(tx, folded)
    const code = mintCode(INVITATION_CODE)
    const codeExpiresAt = new Date(now + context.settings.invitationMs)
    const id = await insertShare(tx, {
      ...(await termsOf(tx, actor, sharer, offer, now)),
      ...{ companyId: sharer.company.id, createdBy: sharer.id },
      ...{ email: offer.email, folded, accountId: recipient?.id ?? null },
      ...{ codeHash: code.hash, codeExpiresAt },
    })
    if (recipient && (await takesWithoutAsking(tx, recipient.id, sharer.id))) {
      await acceptAtOnce(context, tx, actor, id, recipient.id)
    } else {
      const share = await shareOf(tx, id)
      await invite(context, tx, share, code.text, codeExpiresAt)
      await recordShare(tx, actor, 'share.made', share)
    }
    return made(tx, id, 'owner', 'share offered')
  })
}

export function resendInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    const now = context.clock.now()
    const before = await findShare(tx, id)
    if (before) await lockAddress(tx, before.folded)
    await holdPlace(tx, actor.accountId)
    const share = await asManager(tx, await lockWithDevices(tx, id), actor, now)
    needUnanswered(share, now)
    const ids = share.devices.map((device) => device.id)
    const sheet = await loadFactsOfDevices(tx, ids)
    if (stateAt(share, now) === 'expired') needShareable(sheet, actor, ids, now)
    needWithin(share.privileges & SHAREABLE, givable(sheet, actor, ids, now))
    await context.throttles.resend.take(id, now, tx)
    const code = mintCode(INVITATION_CODE)
    const expiresAt = new Date(now + context.settings.invitationMs)
    const accountId = share.accountId ?? (await findAccountByAddress(tx, share.folded))?.id ?? null
    await renewShareCode(tx, id, { codeHash: code.hash, expiresAt, accountId })
    const renewed = await shareOf(tx, id)
    await invite(context, tx, renewed, code.text, expiresAt)
    await recordShare(tx, actor, 'share.resent', renewed)
    return made(tx, id, 'owner', 'share offered again')
  })
}

async function termsOf(tx: Db, actor: SignedIn, sharer: Account, offer: NewShare, now: number) {
  const deviceIds = [...new Set(offer.deviceIds)]
  const startsAt = new Date(offer.from ?? now)
  const endsAt = offer.until ? new Date(offer.until) : null
  needPeriod({ startsAt, endsAt }, now)
  await lockDevices(tx, deviceIds)
  const sheet = await loadFactsOfDevices(tx, deviceIds)
  const role = offer.roleId === undefined ? undefined : await holdRole(tx, sharer.company.id, offer.roleId)
  if (offer.roleId !== undefined && !role) throw noRole()
  const given = { role: offer.role, privileges: offer.privileges, roleMask: role?.privileges }
  const privileges = offerable(sheet, actor, deviceIds, given, now)
  return { deviceIds, startsAt, endsAt, windows: offer.windows ?? [], privileges, roleId: role?.id ?? null }
}

/** H: the recipient has said that whoever they know need not ask. */
async function acceptAtOnce(
  context: ApiContext,
  tx: Db,
  actor: SignedIn,
  id: string,
  recipientId: string,
): Promise<void> {
  await acceptShare(tx, id, recipientId, new Date(actor.now))
  const share = await shareOf(tx, id)
  const by = recipientOf(share)
  await tellRecipient(context, tx, { kind: 'share.accepted', share, side: 'recipient' }, by, actor.now)
  await tellOthers(
    context,
    tx,
    { ...actor, accountId: recipientId },
    { kind: 'share.accepted', share, side: 'recipient' },
  )
  await recordShare(tx, actor, 'share.made', share)
  await recordShare(tx, actor, 'share.accepted', share, { by: 'setting' })
}

async function invite(context: ApiContext, tx: Db, share: Share, code: string, codeExpiresAt: Date): Promise<void> {
  const now = context.clock.now()
  const mail = context.mails.invitation({
    shareId: share.id,
    email: share.email,
    sharer: share.sharedBy,
    devices: share.devices,
    privileges: share.privileges,
    from: share.startsAt && share.startsAt.getTime() > now ? share.startsAt : null,
    until: share.endsAt,
    code,
    codeExpiresAt,
  })
  await postMail(context, tx, mail)
  await tellRecipient(context, tx, { kind: 'share.invited', share, side: 'owner' }, personOf(share.sharedBy), now)
}

/** It waits for an answer, or has run out without one; its own end is still to come. */
function needUnanswered(share: Share, now: number): void {
  const isUnanswered = share.state === 'pending' || (share.state === 'expired' && share.acceptedAt === null)
  if (!isUnanswered) throw ended(share, now)
  if (share.endsAt && share.endsAt.getTime() <= now) {
    throw new Fault('share-ended', 'The end of this share has passed: give it a later one, then send it again')
  }
}

export function noRole(): Fault {
  return wrongInput('roleId', 'your company has no such role')
}
