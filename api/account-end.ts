// The end of an account: what is known of the person is erased, and nobody else loses anything.
import { endReceivedShares, eraseAccount } from '@ridethrough/db/query/account-change.ts'
import { changeCompany, countCompany } from '@ridethrough/db/query/company.ts'
import { listHosts } from '@ridethrough/db/query/guest-list.ts'
import { listActiveOwners, type Place as TeamPlace } from '@ridethrough/db/query/member.ts'
import { endSessions } from '@ridethrough/db/query/session.ts'
import { endTokens } from '@ridethrough/db/query/token.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import type { ApiContext } from './context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { leaveAllHosts } from './guest/ending.ts'
import { sendNotice } from './session-start.ts'
import { ownPassword } from './step-up.ts'
import { abandon } from './team/abandon.ts'
import { changeTeam, lockOwnPlace } from './team/change.ts'
import type { Place } from './whereabouts.ts'

export async function deleteAccount(
  context: ApiContext,
  actor: SignedIn,
  password: string,
  place: Place,
): Promise<EdgeReport> {
  const act = { kind: 'account.deleted', subject: {} } as const
  return recordingRefusals(context, actor, act, async () => {
    await ownPassword(context, actor, password, place)
    const { access } = await changeTeam(context, async (tx) => {
      const hosts = (await listHosts(tx, actor.accountId)).map((guest) => guest.company.id)
      const own = await lockOwnPlace(tx, actor.accountId, ...hosts)
      const isAlone = await checkMayGo(tx, own)
      const at = new Date(actor.now)
      const credentials = [...(await endSessions(tx, own.accountId, at)), ...(await endTokens(tx, own.accountId, at))]
      const devices = await endReceivedShares(tx, own.accountId, at)
      await eraseAccount(tx, { id: own.accountId, email: own.email }, at)
      await leaveAllHosts(context, tx, actor, own.accountId)
      const guests = isAlone ? await closeCompany(context, tx, actor, own.companyId) : []
      await sendNotice(context, tx, own, 'accountDeleted', place)
      await recordEvent(tx, actor, {
        kind: act.kind,
        subject: { account: { id: own.accountId } },
        companyId: own.companyId,
      })
      return {
        result: undefined,
        change: { accounts: [own.accountId, ...guests], devices, credentials, what: act.kind },
      }
    })
    return access
  })
}

/** Whether nobody else is in the company. Throws when it would be left without somebody who decides. */
async function checkMayGo(tx: Db, own: TeamPlace): Promise<boolean> {
  const { active, inactive, devices } = await countCompany(tx, own.companyId)
  const owners = await listActiveOwners(tx, own.companyId)
  if (owners.some((owner) => owner.id !== own.accountId) || own.role !== 'owner') return false
  if (devices > 0) {
    throw new Fault(
      'company-occupied',
      'Your company holds devices: give them up, or make somebody else its owner, first',
    )
  }
  if (active + inactive > 1) {
    throw new Fault('last-owner', 'There are other people in your company: make one of them its owner first')
  }
  return true
}

/** Named after its only person, most often. The accounts that were its guests. */
async function closeCompany(context: ApiContext, tx: Db, actor: SignedIn, companyId: string): Promise<string[]> {
  await changeCompany(tx, companyId, { name: 'Deleted company' })
  return abandon(context, tx, actor, companyId)
}
