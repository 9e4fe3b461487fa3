// Guests of a company, as its owners manage them: invited, changed, sent again, ended (R30-R32).
import { findAccountByAddress, lockAddress } from '@ridethrough/db/query/account.ts'
import { endGuest, type Guest, insertGuest, renewGuestCode, updateGuest } from '@ridethrough/db/query/guest.ts'
import { findGuest, listHosts, lockGuest } from '@ridethrough/db/query/guest-list.ts'
import { findPlaceByAddress, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { GuestChange, NewGuest } from '@ridethrough/protocol/http/guest.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import { INVITATION_CODE, mintCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordingRefusals, type SignedIn } from '../event.ts'
import { postMail } from '../mail/post.ts'
import { changeTeam, lockOwnCompany, writeTeam } from '../team/change.ts'
import { invitationEnded } from '../team/proof.ts'
import { recordGuest, recordingGuestRefusals } from './event.ts'
import { AS_VIEWER } from './given.ts'
import { tellBoth } from './notice.ts'
import { changesBetween, checkPeriod, termsOf } from './terms.ts'

export type GuestChanged = { readonly result: Guest; readonly access: EdgeReport }

const NO_BOUNDS = { startsAt: null, endsAt: null }

/** Mails a code. Whoever has no account at the address signs up with it first; the entry waits (H2). */
export function inviteGuest(context: ApiContext, actor: SignedIn, wanted: z.infer<typeof NewGuest>): Promise<Guest> {
  const { email, active, mode } = wanted
  const folded = foldAddress(email)
  return recordingRefusals(context, actor, { kind: 'guest.invited', subject: { email } }, async () => {
    await context.throttles.invitation.take(actor.accountId, actor.now)
    return writeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      // With the address locked, nobody proves it between our look and our insert.
      await lockAddress(tx, folded)
      const accountId = await checkIsOutside(tx, place, folded)
      const terms = await termsOf(tx, place.companyId, wanted)
      checkPeriod(NO_BOUNDS, terms, actor.now)
      const code = newCode(context, actor.now)
      const id = await insertGuest(tx, {
        ...{ given: AS_VIEWER, groups: [], deviceIds: [], windows: [], ...NO_BOUNDS, ...terms },
        ...{ companyId: place.companyId, invitedBy: actor.accountId, email, folded, accountId, active, mode, code },
      })
      const guest = await guestOf(tx, id)
      await tellBoth(context, tx, actor, 'guest.invited', guest)
      await mailInvitation(context, tx, guest, code)
      await recordGuest(tx, actor, 'guest.invited', guest, { mode, privileges: privilegesOf(guest.privileges) })
      return guest
    })
  })
}

/** All of it applies at once, or nothing. */
export function changeGuest(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  wanted: GuestChange,
): Promise<GuestChanged> {
  return recordingGuestRefusals(context, actor, 'guest.changed', id, () =>
    changeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const before = await lockOpen(tx, place, id)
      const terms = await termsOf(tx, place.companyId, wanted)
      checkPeriod(before, terms, actor.now)
      await updateGuest(tx, before, terms)
      const result = await guestOf(tx, id)
      const changes = changesBetween(before, result)
      if (Object.keys(changes).length > 0) {
        await tellBoth(context, tx, actor, 'guest.changed', result)
        await recordGuest(tx, actor, 'guest.changed', result, { changes })
      }
      return { result, change: { accounts: accountsOf(result), what: 'guest.changed' } }
    }),
  )
}

/** Another code, another 48 hours; the link of the mail before is dead. */
export function resendGuestInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<Guest> {
  return recordingGuestRefusals(context, actor, 'guest.resent', id, () =>
    writeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const before = await lockOwn(tx, place, id)
      // One that ran out before it was answered, whether or not that was written down, can be sent again as well.
      const isUnanswered = before.state === 'expired' && before.answeredAt === null
      if (before.state !== 'pending' && !isUnanswered) throw invitationEnded(before)
      if (before.endsAt && before.endsAt.getTime() <= actor.now) throw invitationEnded({ state: 'expired' })
      await checkIsNoMember(tx, place, before.folded)
      await context.throttles.resend.take(id, actor.now, tx)
      const code = newCode(context, actor.now)
      await renewGuestCode(tx, id, code)
      const guest = await guestOf(tx, id)
      await mailInvitation(context, tx, guest, code)
      await recordGuest(tx, actor, 'guest.resent', guest)
      return guest
    }),
  )
}

/** Withdraws an invitation, or ends what a guest has. */
export function endGuestEntry(context: ApiContext, actor: SignedIn, id: string): Promise<GuestChanged> {
  return recordingGuestRefusals(context, actor, 'guest.ended', id, () =>
    changeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const before = await lockOpen(tx, place, id)
      const state = before.state === 'accepted' ? 'ended' : 'withdrawn'
      await endGuest(tx, id, state, new Date(actor.now))
      const result = await guestOf(tx, id)
      await tellBoth(context, tx, actor, 'guest.ended', result)
      await recordGuest(tx, actor, 'guest.ended', before, { state })
      return { result, change: { accounts: accountsOf(result), what: 'guest.ended' } }
    }),
  )
}

/** The same for one of another company and for none. */
export function noGuest(): Fault {
  return new Fault('not-found', 'There is no such guest of your company')
}

async function lockOwn(tx: Db, place: Place, id: string): Promise<Guest> {
  const guest = await lockGuest(tx, id)
  if (guest?.company.id !== place.companyId) throw noGuest()
  return guest
}

async function lockOpen(tx: Db, place: Place, id: string): Promise<Guest> {
  const guest = await lockOwn(tx, place, id)
  if (guest.state === 'pending' || guest.state === 'accepted') return guest
  throw new Fault('invitation-ended', `This entry is over (${guest.state}): invite them anew`)
}

/** The account that has the address, if there is one. */
async function checkIsOutside(tx: Db, place: Place, folded: string): Promise<string | null> {
  if (place.folded === folded) {
    throw new Fault('already-member', 'This is your own address: you are in the company, not its guest')
  }
  await checkIsNoMember(tx, place, folded)
  const account = await findAccountByAddress(tx, folded)
  if (!account) return null
  const hosts = await listHosts(tx, account.id)
  // Under an address that they have changed since.
  if (hosts.some(({ company, email }) => company.id === place.companyId && foldAddress(email) !== folded)) {
    throw new Fault('already-invited', `${account.name} is a guest of the company already: change that entry instead`)
  }
  return account.id
}

async function checkIsNoMember(tx: Db, { companyId }: Place, folded: string): Promise<void> {
  const other = await findPlaceByAddress(tx, folded)
  if (other?.companyId === companyId) {
    throw new Fault('already-member', `${other.name} is in the company already, which is more than a guest`)
  }
}

type Code = { readonly text: string; readonly hash: Buffer; readonly expiresAt: Date; readonly sentAt: Date }

function newCode({ settings }: ApiContext, now: number): Code {
  return { ...mintCode(INVITATION_CODE), expiresAt: new Date(now + settings.invitationMs), sentAt: new Date(now) }
}

function mailInvitation(context: ApiContext, tx: Db, guest: Guest, { text, expiresAt }: Code): Promise<void> {
  return postMail(context, tx, context.mails.guestInvitation({ ...guest, code: text, codeExpiresAt: expiresAt }))
}

function accountsOf({ accountId }: Guest): string[] {
  return accountId === null ? [] : [accountId]
}

async function guestOf(tx: Db, id: string): Promise<Guest> {
  const guest = await findGuest(tx, id)
  if (!guest) throw new Error(`the guest entry ${id} that was just written is not there`)
  return guest
}
