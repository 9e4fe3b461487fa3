// What each step in the life of a share begins and ends with: locks, who has a say, what the edges must look at again.
import type { AccessChange } from '@ridethrough/db/access.ts'
import { type Account, findAccount } from '@ridethrough/db/query/account.ts'
import { lockDevices } from '@ridethrough/db/query/device.ts'
import { findMembership } from '@ridethrough/db/query/membership.ts'
import { findShare, lockShare, type Share } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import type { ApiContext } from '../context.ts'
import { isManager } from '../sharing-rules.ts'
import { changeTeam } from '../team/change.ts'

export type Side = 'owner' | 'recipient'

/** A share, and the side from which it is looked at. */
export type SeenShare = { readonly share: Share; readonly side: Side }

export type ShareStep = SeenShare & { readonly access: EdgeReport }

type Made = { readonly share: Share; readonly side: Side; readonly change: AccessChange }

/** Answered once every edge has applied it. A Fault that is returned lets what was written stand, such as a counted try. */
export async function takeStep(context: ApiContext, make: (tx: Db) => Promise<Made | Fault>): Promise<ShareStep> {
  const { result, access } = await changeTeam(context, async (tx) => {
    const made = await make(tx)
    return made instanceof Fault ? made : { result: { share: made.share, side: made.side }, change: made.change }
  })
  return { ...result, access }
}

/** As it stands after the step. Only the recipient's rights follow from it, so nobody else's are read again. */
export async function made(
  tx: Db,
  id: string,
  side: Side,
  what: string,
  credentials: readonly string[] = [],
): Promise<Made> {
  const share = await shareOf(tx, id)
  const accounts = share.accountId === null ? [] : [share.accountId]
  return { share, side, change: { accounts, devices: share.everDeviceIds, confined: true, credentials, what } }
}

/** Nothing was to be done: it says how it is. */
export function unchanged(share: Share, side: Side): Made {
  return { share, side, change: { what: 'share unchanged' } }
}

/**
 * With its devices, and `more`, locked before it: for steps that take places among the five, in the order in which
 * offering a share and giving up a device lock them.
 */
export async function lockWithDevices(tx: Db, id: string, more: readonly string[] = []): Promise<Share | undefined> {
  const before = await findShare(tx, id)
  if (!before) return undefined
  await lockDevices(tx, [...new Set([...before.everDeviceIds, ...more])])
  return lockShare(tx, id)
}

/** Throws `not-found` for those on neither side of it. */
export async function sideOf(db: Db, share: Share | undefined, asker: AccountSubject, now: number): Promise<SeenShare> {
  if (share && (await mayManage(db, share, asker, now))) return { share, side: 'owner' }
  if (share && (await isRecipient(db, share, asker))) return { share, side: 'recipient' }
  throw noShare()
}

/** Throws `not-found` for everybody but those who manage it. */
export async function asManager(db: Db, share: Share | undefined, asker: AccountSubject, now: number): Promise<Share> {
  if (!share || !(await mayManage(db, share, asker, now))) throw noShare()
  return share
}

/** Throws `not-found` for everybody but its recipient. */
export async function asRecipient(db: Db, share: Share | undefined, asker: AccountSubject): Promise<Share> {
  if (!share || !(await isRecipient(db, share, asker))) throw noShare()
  return share
}

async function mayManage(db: Db, share: Share, asker: AccountSubject, now: number): Promise<boolean> {
  return isManager(asker, await findMembership(db, asker.accountId), share, now)
}

async function isRecipient(db: Db, share: Share, { accountId, scope }: AccountSubject): Promise<boolean> {
  // What somebody was given is theirs to answer, to leave and to pass on to their programs, not an API token's.
  if (scope !== FULL_SCOPE) return false
  if (share.accountId !== null) return share.accountId === accountId
  return foldAddress((await accountOf(db, accountId)).email) === share.folded
}

export async function accountOf(db: Db, accountId: string): Promise<Account> {
  const account = await findAccount(db, accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there: sign in again')
  return account
}

export async function shareOf(db: Db, id: string): Promise<Share> {
  const share = await findShare(db, id)
  if (!share) throw new Error(`the share ${id} that was just written is not there`)
  return share
}

export function noShare(): Fault {
  return new Fault('not-found', 'There is no such share')
}
