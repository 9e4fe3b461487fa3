// Sharing from person to person: who may offer what, and each step of an offer's life (R10-R19).
import { type Account, findAccount, findAccountByAddress, lockAddress } from '@ridethrough/db/query/account.ts'
import { lockDevices } from '@ridethrough/db/query/device.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import {
  acceptShare,
  countWrongShareCode,
  endShare,
  findShare,
  insertShare,
  lockShare,
  removeShareDevice,
  renewShareCode,
  type Share,
} from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { EdgeReport, NewShare } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import { changeAccess } from './access.ts'
import { CODE_TRIES, hashCode, INVITATION_CODE, mintCode } from './code.ts'
import type { ApiContext } from './context.ts'
import type { SignedIn } from './event.ts'
import { postMail } from './mail/post.ts'
import { recordShare } from './share-event.ts'
import { isManager, offerable } from './sharing-rules.ts'

export type ShareChange = { readonly result: Share; readonly access: EdgeReport }

export async function offerShare(context: ApiContext, actor: SignedIn, offer: NewShare): Promise<ShareChange> {
  const { accountId } = actor
  const now = context.clock.now()
  await context.throttles.invitation.take(accountId, now)
  const folded = foldAddress(offer.email)
  const deviceIds = [...new Set(offer.deviceIds)]
  const startsAt = new Date(offer.from ?? now)
  const endsAt = offer.until ? new Date(offer.until) : null
  checkPeriod(startsAt, endsAt, now)
  return changeAccess(context, async (tx) => {
    // With the address locked, nobody proves it between our look and our insert; the share would never find its account.
    await lockAddress(tx, folded)
    await lockDevices(tx, deviceIds)
    const sharer = await accountOf(tx, accountId)
    if (foldAddress(sharer.email) === folded)
      throw new Fault('share-self', 'This is your own address: name somebody else')
    const sheet = await loadFactsOfDevices(tx, deviceIds)
    const privileges = offerable(sheet, actor, deviceIds, offer, now)
    const recipient = await findAccountByAddress(tx, folded)
    const code = mintCode(INVITATION_CODE)
    const codeExpiresAt = new Date(now + INVITATION_CODE.lifetimeMs)
    const id = await insertShare(tx, {
      companyId: sharer.company.id,
      createdBy: accountId,
      email: offer.email,
      folded,
      accountId: recipient?.id ?? null,
      privileges,
      startsAt,
      endsAt,
      codeHash: code.hash,
      codeExpiresAt,
      deviceIds,
    })
    const result = await shareOf(tx, id)
    await invite(context, tx, result, code.text, codeExpiresAt)
    await recordShare(tx, actor, 'share.made', result)
    return { result, change: changeOf(result, 'share offered') }
  })
}

export function acceptInvitation(context: ApiContext, actor: SignedIn, id: string, code: string): Promise<ShareChange> {
  const { accountId } = actor
  const now = context.clock.now()
  return changeAccess(context, async (tx) => {
    const share = await lockShare(tx, id)
    const account = await accountOf(tx, accountId)
    const refused = await checkCode(tx, share, account, hashCode(code), now)
    if (refused) return refused
    await acceptShare(tx, id, accountId, new Date(now))
    const result = await shareOf(tx, id)
    const mail = context.mails.accepted(result.sharedBy, `${account.name} (${account.email})`, result.devices)
    await postMail(context, tx, mail)
    await recordShare(tx, actor, 'share.accepted', result)
    return { result, change: changeOf(result, 'share accepted') }
  })
}

/** Signed in with the address is proof enough to say no. */
export function declineInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<ShareChange> {
  return changeAccess(context, async (tx) => {
    const share = await lockShare(tx, id)
    if (!share || !(await isRecipient(tx, share, actor.accountId))) throw noShare()
    if (share.state !== 'pending') throw ended(share)
    await endShare(tx, id, 'declined', new Date(context.clock.now()))
    await recordShare(tx, actor, 'share.declined', share)
    return { result: await shareOf(tx, id), change: changeOf(share, 'share declined') }
  })
}

export function resendInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<ShareChange> {
  const now = context.clock.now()
  return changeAccess(context, async (tx) => {
    const share = await lockShare(tx, id)
    if (!share || !(await mayManage(tx, share, actor, now))) throw noShare()
    if (share.state !== 'pending') throw ended(share)
    await context.throttles.resend.take(id, now, tx)
    const code = mintCode(INVITATION_CODE)
    const codeExpiresAt = new Date(now + INVITATION_CODE.lifetimeMs)
    await renewShareCode(tx, id, code.hash, codeExpiresAt)
    await invite(context, tx, share, code.text, codeExpiresAt)
    await recordShare(tx, actor, 'share.resent', share)
    return { result: await shareOf(tx, id), change: changeOf(share, 'share offered again') }
  })
}

/** R17: either side ends it at any time. */
export function endWholeShare(context: ApiContext, actor: SignedIn, id: string): Promise<ShareChange> {
  const now = context.clock.now()
  return changeAccess(context, async (tx) => {
    const share = await lockShare(tx, id)
    const side = share && (await sideOf(tx, share, actor, now))
    if (!share || !side) throw noShare()
    return endAs(context, tx, actor, share, side)
  })
}

/** R16, R17: the owner unticks one device, or the recipient takes it out of their view. With the last one the share ends. */
export function removeDeviceFromShare(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  deviceId: string,
): Promise<ShareChange> {
  const now = context.clock.now()
  return changeAccess(context, async (tx) => {
    const share = await lockShare(tx, id)
    const side = share && (await sideOf(tx, share, actor, now))
    if (!share || !side) throw noShare()
    if (!share.devices.some((device) => device.id === deviceId)) throw noShare()
    if (!isOpen(share)) throw ended(share)
    await removeShareDevice(tx, id, deviceId, side, new Date(now))
    if (share.devices.length === 1) return endAs(context, tx, actor, share, side)
    const devices = share.devices.filter((device) => device.id === deviceId)
    await recordShare(tx, actor, 'share.narrowed', { ...share, devices }, { by: side })
    return { result: await shareOf(tx, id), change: changeOf(share, `device taken out of a share by the ${side}`) }
  })
}

/** The share, for those on either side of it; for others it is not there. */
export async function getShare(context: ApiContext, asker: AccountSubject, id: string): Promise<Share> {
  const share = await findShare(context.db, id)
  if (!share || !(await sideOf(context.db, share, asker, context.clock.now()))) throw noShare()
  return share
}

async function endAs(context: ApiContext, tx: Db, actor: SignedIn, share: Share, side: 'owner' | 'recipient') {
  if (!isOpen(share)) throw ended(share)
  const isAccepted = share.state === 'accepted'
  const asOwner = isAccepted ? 'revoked' : 'withdrawn'
  const asRecipient = isAccepted ? 'left' : 'declined'
  const state = side === 'owner' ? asOwner : asRecipient
  await endShare(tx, share.id, state, new Date(context.clock.now()))
  // Only who had something is told that it is gone.
  if (state === 'revoked') {
    await postMail(context, tx, context.mails.revoked({ email: share.email }, share.sharedBy.name, share.devices))
  }
  await recordShare(tx, actor, state === 'declined' ? 'share.declined' : 'share.ended', share, { state })
  return { result: await shareOf(tx, share.id), change: changeOf(share, `share ${state}`) }
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
  if (share.state !== 'pending') return ended(share)
  if (share.codeTries >= CODE_TRIES) {
    return new Fault('too-many-tries', `Too many wrong codes: ask ${share.sharedBy.name} to send the invitation again`)
  }
  if (!isRight) {
    await countWrongShareCode(tx, share.id)
    return new Fault('code-wrong', 'The code is wrong: compare it with the newest mail of this invitation')
  }
  if (share.codeExpiresAt && share.codeExpiresAt.getTime() <= now) {
    return new Fault('code-expired', `The invitation has run out: ask ${share.sharedBy.name} to send it again`)
  }
  if (share.endsAt && share.endsAt.getTime() <= now) return ended(share)
  return undefined
}

function invite(context: ApiContext, tx: Db, share: Share, code: string, codeExpiresAt: Date): Promise<void> {
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
  return postMail(context, tx, mail)
}

async function sideOf(
  db: Db,
  share: Share,
  asker: AccountSubject,
  now: number,
): Promise<'owner' | 'recipient' | undefined> {
  if (await mayManage(db, share, asker, now)) return 'owner'
  // What somebody was given is theirs to leave, not an API token's.
  if (asker.scope !== FULL_SCOPE) return undefined
  return (await isRecipient(db, share, asker.accountId)) ? 'recipient' : undefined
}

async function mayManage(db: Db, share: Share, asker: AccountSubject, now: number): Promise<boolean> {
  return isManager(await loadFactsOfDevices(db, share.everDeviceIds), asker, share, now)
}

async function isRecipient(db: Db, share: Share, accountId: string): Promise<boolean> {
  if (share.accountId !== null) return share.accountId === accountId
  return foldAddress((await accountOf(db, accountId)).email) === share.folded
}

async function accountOf(db: Db, accountId: string) {
  const account = await findAccount(db, accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there: sign in again')
  return account
}

async function shareOf(db: Db, id: string): Promise<Share> {
  const share = await findShare(db, id)
  if (!share) throw new Error(`the share ${id} that was just written is not there`)
  return share
}

function changeOf(share: Share, what: string) {
  return {
    accounts: share.accountId === null ? [] : [share.accountId],
    devices: share.devices.map((device) => device.id),
    what,
  }
}

function isOpen(share: Share): boolean {
  return share.state === 'pending' || share.state === 'accepted'
}

function checkPeriod(startsAt: Date, endsAt: Date | null, now: number): void {
  if (endsAt === null) return
  const message = endsAt.getTime() <= now ? 'the end is past already' : 'the end must come after the start'
  if (endsAt.getTime() <= now || endsAt <= startsAt) {
    throw new Fault('input-invalid', `Look again at: until (${message})`, { fields: [{ path: 'until', message }] })
  }
}

function ended(share: Share): Fault {
  return share.state === 'accepted'
    ? new Fault('code-used', 'The invitation was accepted already')
    : new Fault('share-ended', `This share is over (${share.state}): it has to be offered anew`)
}

function noShare(): Fault {
  return new Fault('not-found', 'There is no such share')
}
