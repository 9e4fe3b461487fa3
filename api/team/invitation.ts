// Inviting a co-worker, and taking it back (R40, R41).
import {
  answerInvitation,
  findInvitation,
  type Invitation,
  insertInvitation,
  lockInvitation,
  renewInvitation,
} from '@ridethrough/db/query/invitation.ts'
import { findPlaceByAddress, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { NewInvitation } from '@ridethrough/protocol/http/company.ts'
import type { z } from 'zod'
import { INVITATION_CODE, mintCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { postMail } from '../mail/post.ts'
import { lockOwnCompany, writeTeam } from './change.ts'
import { invitationEnded, noInvitation } from './proof.ts'

export function inviteCoworker(
  context: ApiContext,
  actor: SignedIn,
  { email, role }: z.infer<typeof NewInvitation>,
): Promise<Invitation> {
  const folded = foldAddress(email)
  const act = { kind: 'member.invited', subject: { email, role } } as const
  return recordingRefusals(context, actor, act, async () => {
    await context.throttles.invitation.take(actor.accountId, actor.now)
    return writeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      await checkIsNoMember(tx, place, folded)
      const { hash, text, expiresAt, sentAt } = newCode(context, actor.now)
      const id = await insertInvitation(tx, {
        companyId: place.companyId,
        invitedBy: actor.accountId,
        codeHash: hash,
        ...{ email, folded, role, expiresAt, sentAt },
      })
      const invitation = await invitationOf(tx, id)
      await postMail(context, tx, context.mails.teamInvitation({ ...invitation, code: text }))
      await recordEvent(tx, actor, { ...act, subject: { ...act.subject, invitation: { id } } })
      return invitation
    })
  })
}

/** Another code, another 48 hours; the link of the mail before is dead. */
export function resendCoworkerInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<Invitation> {
  const act = { kind: 'member.invitation-resent', subject: { invitation: { id } } } as const
  return recordingRefusals(context, actor, act, () =>
    writeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const { email, folded } = await lockPending(tx, place, id)
      await checkIsNoMember(tx, place, folded)
      await context.throttles.resend.take(id, actor.now, tx)
      const code = newCode(context, actor.now)
      await renewInvitation(tx, id, code)
      const invitation = await invitationOf(tx, id)
      await postMail(context, tx, context.mails.teamInvitation({ ...invitation, code: code.text }))
      await recordEvent(tx, actor, { ...act, subject: { ...act.subject, email } })
      return invitation
    }),
  )
}

export function withdrawCoworkerInvitation(context: ApiContext, actor: SignedIn, id: string): Promise<Invitation> {
  const act = { kind: 'member.invitation-withdrawn', subject: { invitation: { id } } } as const
  return recordingRefusals(context, actor, act, () =>
    writeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const { email } = await lockPending(tx, place, id)
      await answerInvitation(tx, id, 'withdrawn', new Date(actor.now))
      await recordEvent(tx, actor, { ...act, subject: { ...act.subject, email } })
      return invitationOf(tx, id)
    }),
  )
}

/** Those of other companies are as if they were not there. */
async function lockPending(tx: Db, place: Place, id: string): Promise<Invitation> {
  const invitation = await lockInvitation(tx, id)
  if (invitation?.company.id !== place.companyId) throw noInvitation()
  if (invitation.state !== 'pending') throw invitationEnded(invitation)
  return invitation
}

async function checkIsNoMember(tx: Db, { companyId }: Place, folded: string): Promise<void> {
  const other = await findPlaceByAddress(tx, folded)
  if (other?.companyId !== companyId) return
  throw other.active
    ? new Fault('already-member', `${other.name} is in the company already`)
    : new Fault('already-member', `${other.name} is in the company, but inactive: reactivate them instead`)
}

function newCode({ settings }: ApiContext, now: number) {
  const code = mintCode(INVITATION_CODE)
  return { ...code, expiresAt: new Date(now + settings.invitationMs), sentAt: new Date(now) }
}

async function invitationOf(tx: Db, id: string): Promise<Invitation> {
  const invitation = await findInvitation(tx, id)
  if (!invitation) throw new Error(`the invitation ${id} that was just written is not there`)
  return invitation
}
