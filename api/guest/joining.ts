// A guest's own steps: accepting and declining (R31, R34), leaving. Their own company stays theirs.
import { acceptGuest, countWrongGuestCode, endGuest, type Guest } from '@ridethrough/db/query/guest.ts'
import { findGuest, listGuestInvitationsTo, listHosts, lockGuest } from '@ridethrough/db/query/guest-list.ts'
import { findPlace, listActiveOwners, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { hashCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordingRefusals, type SignedIn } from '../event.ts'
import { changeTeam, lockOwnPlace, writeTeam } from '../team/change.ts'
import { checkProof, invitationEnded, noInvitation } from '../team/proof.ts'
import { recordGuest, recordingGuestRefusals } from './event.ts'
import { tellBoth } from './notice.ts'

/** Those that the asker can still answer. */
export async function listReceivedAsGuest({ db, clock }: ApiContext, accountId: string): Promise<Guest[]> {
  const place = await findPlace(db, accountId)
  return place ? listGuestInvitationsTo(db, place, new Date(clock.now())) : []
}

/** `validated` (R31). The id of the host company. */
export function acceptAsGuest(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  code: string,
): Promise<{ readonly result: string; readonly access: EdgeReport }> {
  return recordingGuestRefusals(context, actor, 'guest.accepted', id, () =>
    changeTeam(context, async (tx) => {
      const { place, guest } = await lockBoth(tx, actor.accountId, id)
      const refused = await checkCode(tx, place, guest, hashCode(code), actor.now)
      if (refused) return refused
      await checkMayEnter(tx, place, guest)
      await acceptGuest(tx, id, place.accountId, new Date(actor.now))
      const after: Guest = { ...guest, state: 'accepted', accountId: place.accountId, name: place.name }
      await tellBoth(context, tx, actor, 'guest.accepted', after)
      await recordGuest(tx, actor, 'guest.accepted', after)
      return { result: guest.company.id, change: { accounts: [place.accountId], what: 'guest.accepted' } }
    }),
  )
}

/** Signed in with the address is proof enough to say no; a code that is given must be the right one all the same. */
export async function declineAsGuest(context: ApiContext, actor: SignedIn, id: string, code?: string): Promise<void> {
  await recordingGuestRefusals(context, actor, 'guest.declined', id, () =>
    writeTeam(context, async (tx) => {
      const { place, guest } = await lockBoth(tx, actor.accountId, id)
      const refused = await checkCode(tx, place, guest, code === undefined ? undefined : hashCode(code), actor.now)
      if (refused) return refused
      await endGuest(tx, id, 'declined', new Date(actor.now))
      const after: Guest = { ...guest, state: 'declined', accountId: place.accountId, name: place.name }
      await tellBoth(context, tx, actor, 'guest.declined', after)
      await recordGuest(tx, actor, 'guest.declined', after)
      return undefined
    }),
  )
}

/** Whether the company counts them among its guests right now or not. */
export async function leaveHost(context: ApiContext, actor: SignedIn, companyId: string): Promise<EdgeReport> {
  const act = { kind: 'guest.left', subject: { company: { id: companyId } } } as const
  const { access } = await recordingRefusals(context, actor, act, () =>
    changeTeam(context, async (tx) => {
      const place = await lockOwnPlace(tx, actor.accountId, companyId)
      const entries = (await listHosts(tx, place.accountId)).filter(({ company }) => company.id === companyId)
      if (entries.length === 0) throw new Fault('not-found', 'You are no guest of such a company')
      for (const guest of entries) {
        await endGuest(tx, guest.id, 'left', new Date(actor.now))
        await tellBoth(context, tx, actor, 'guest.ended', { ...guest, state: 'left' })
        await recordGuest(tx, actor, 'guest.left', guest)
      }
      return { result: undefined, change: { accounts: [place.accountId], what: 'guest.left' } }
    }),
  )
  return access
}

async function lockBoth(tx: Db, accountId: string, id: string): Promise<{ place: Place; guest: Guest }> {
  const before = await findGuest(tx, id)
  if (!before) throw noInvitation()
  const place = await lockOwnPlace(tx, accountId, before.company.id)
  const guest = await lockGuest(tx, id)
  if (!guest) throw noInvitation()
  return { place, guest }
}

async function checkCode(
  tx: Db,
  place: Place,
  guest: Guest,
  hash: Buffer | undefined,
  now: number,
): Promise<Fault | undefined> {
  // Once it found its account it is that one's, whatever the account's address has become.
  const isTheirs = guest.accountId === null ? guest.folded === place.folded : guest.accountId === place.accountId
  const provable = { ...guest, expiresAt: guest.codeExpiresAt }
  const refused = await checkProof(provable, { isTheirs, hash, now }, () => countWrongGuestCode(tx, guest.id))
  if (refused) return refused
  return guest.endsAt && guest.endsAt.getTime() <= now ? invitationEnded({ state: 'expired' }) : undefined
}

async function checkMayEnter(tx: Db, place: Place, { company }: Guest): Promise<void> {
  if (place.companyId === company.id) {
    throw new Fault('already-member', `You are in ${company.name}, which is more than a guest`)
  }
  const hosts = await listHosts(tx, place.accountId)
  if (hosts.some((host) => host.company.id === company.id)) {
    throw new Fault('already-invited', `You are a guest of ${company.name} already, by another address`)
  }
  if ((await listActiveOwners(tx, company.id)).length === 0) {
    throw new Fault('invitation-ended', 'Nobody is left in this company who could let you in')
  }
}
