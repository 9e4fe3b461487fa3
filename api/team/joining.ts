// Answering an invitation into a company. Who accepts leaves a company of their own, which must hold nothing any more.
import { type CompanyCounts, countCompany } from '@ridethrough/db/query/company.ts'
import {
  answerInvitation,
  countWrongInvitationCode,
  findInvitation,
  type Invitation,
  listInvitationsTo,
  lockInvitation,
} from '@ridethrough/db/query/invitation.ts'
import { findPlace, listActiveOwners, moveAccount, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { hashCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { endOwnEntry } from '../guest/ending.ts'
import { postMail } from '../mail/post.ts'
import { abandon } from './abandon.ts'
import { changeTeam, lockOwnPlace, writeTeam } from './change.ts'
import { checkProof, noInvitation } from './proof.ts'

/** Why somebody cannot leave the company that they are in. */
export type Obstacle = 'devices' | 'people'

export type Received = { readonly invitation: Invitation; readonly obstacle: Obstacle | null }

/** Those to the asker's own address, which is proved. */
export async function listReceived({ db, clock }: ApiContext, accountId: string): Promise<Received[]> {
  const place = await findPlace(db, accountId)
  if (!place) return []
  const invitations = await listInvitationsTo(db, place.folded, new Date(clock.now()))
  const obstacle = obstacleIn(await countCompany(db, place.companyId))
  return invitations.map((invitation) => ({ invitation, obstacle }))
}

/** The id of the company that the account is in from now on. */
export function joinCompany(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  code: string,
): Promise<{ readonly result: string; readonly access: EdgeReport }> {
  const act = { kind: 'member.joined', subject: { invitation: { id } } } as const
  return recordingRefusals(context, actor, act, () =>
    changeTeam(context, async (tx) => {
      const { place, invitation } = await lockBoth(tx, actor.accountId, id)
      const refused = await checkCode(tx, place, invitation, hashCode(code), actor.now)
      if (refused) return refused
      const { company, role } = invitation
      const owners = await checkMayJoin(tx, place, invitation)
      const at = new Date(actor.now)
      await moveAccount(tx, place.accountId, { companyId: company.id, role }, at)
      await answerInvitation(tx, id, 'accepted', at)
      await endOwnEntry(context, tx, actor, place.accountId, company.id)
      const guests = await abandon(context, tx, actor, place.companyId)
      for (const owner of owners) await postMail(context, tx, context.mails.teamJoined(owner, place, company.name))
      const member = { id: place.accountId, name: place.name }
      await recordEvent(tx, actor, { kind: act.kind, subject: { ...act.subject, member }, companyId: company.id })
      return { result: company.id, change: { accounts: [place.accountId, ...guests], what: 'member.joined' } }
    }),
  )
}

/** Signed in with the address is proof enough to say no; a code that is given must be the right one all the same. */
export async function declineToJoin(context: ApiContext, actor: SignedIn, id: string, code?: string): Promise<void> {
  const act = { kind: 'member.declined', subject: { invitation: { id } } } as const
  await recordingRefusals(context, actor, act, () =>
    writeTeam(context, async (tx) => {
      const { place, invitation } = await lockBoth(tx, actor.accountId, id)
      const hash = code === undefined ? undefined : hashCode(code)
      const refused = await checkCode(tx, place, invitation, hash, actor.now)
      if (refused) return refused
      await answerInvitation(tx, id, 'declined', new Date(actor.now))
      const subject = { ...act.subject, email: invitation.email }
      await recordEvent(tx, actor, { kind: act.kind, subject, companyId: invitation.company.id })
      return undefined
    }),
  )
}

async function lockBoth(tx: Db, accountId: string, id: string): Promise<{ place: Place; invitation: Invitation }> {
  const before = await findInvitation(tx, id)
  if (!before) throw noInvitation()
  const place = await lockOwnPlace(tx, accountId, before.company.id)
  const invitation = await lockInvitation(tx, id)
  if (!invitation) throw noInvitation()
  return { place, invitation }
}

function checkCode(tx: Db, place: Place, invitation: Invitation, hash: Buffer | undefined, now: number) {
  const isTheirs = invitation.folded === place.folded
  return checkProof(invitation, { isTheirs, hash, now }, () => countWrongInvitationCode(tx, invitation.id))
}

/** The owners of the company that is joined. */
async function checkMayJoin(tx: Db, place: Place, { company }: Invitation) {
  if (place.companyId === company.id) throw new Fault('already-member', `You are in ${company.name} already`)
  const counts = await countCompany(tx, place.companyId)
  const obstacle = obstacleIn(counts)
  if (obstacle) throw new Fault('company-occupied', sentenceOf(obstacle, counts, place))
  const owners = await listActiveOwners(tx, company.id)
  // Whoever leaves a company last takes its invitations along; this one came in by no way that we know of.
  if (owners.length === 0) throw new Fault('invitation-ended', 'Nobody is left in this company who could let you in')
  return owners
}

function obstacleIn({ active, inactive, devices }: CompanyCounts): Obstacle | null {
  if (active + inactive > 1) return 'people'
  return devices > 0 ? 'devices' : null
}

function sentenceOf(obstacle: Obstacle, { devices }: CompanyCounts, { role }: Place): string {
  if (obstacle === 'devices') {
    const what = devices === 1 ? 'a device' : `${devices} devices`
    return `Your own company still holds ${what}: give up what it holds, then accept; or accept with another address`
  }
  return role === 'owner'
    ? 'You are in a company with other people: make somebody else its owner and leave it, then accept'
    : 'You are in a company with other people: leave it, then accept'
}
