// What owners do with the people of their company, and what each may do with their own place in it (R42-R45).
import { countCompany, insertCompany } from '@ridethrough/db/query/company.ts'
import {
  deactivate,
  findMember,
  listActiveOwners,
  type Member,
  moveAccount,
  type Place,
  reactivate,
  setRole,
} from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { MemberChange } from '@ridethrough/protocol/http/company.ts'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { type Act, recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { postMail } from '../mail/post.ts'
import { changeTeam, keepOwner, lockOwnCompany, lockOwnPlace } from './change.ts'

type Change = z.infer<typeof MemberChange>

/** Promotes, demotes, deactivates or reactivates. Asked for what is so already, it does nothing, and says how it is. */
export function changeMember(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  change: Change,
): Promise<{ readonly result: Member; readonly access: EdgeReport }> {
  const kind = kindOf(change)
  return recordingRefusals(context, actor, { kind, subject: { member: { id } } }, () =>
    changeTeam(context, async (tx) => {
      const place = await lockOwnCompany(tx, actor.accountId)
      const member = await findMember(tx, place.companyId, id)
      if (!member) throw noMember()
      const next = { ...member, ...change }
      if (isDeciding(member) && !isDeciding(next)) await keepOwner(tx, place.companyId, id)
      if (next.role !== member.role) await setRole(tx, id, next.role)
      const credentials = next.active === member.active ? [] : await setActive(context, tx, place, next, actor.now)
      if (next.role !== member.role || next.active !== member.active) {
        const subject = { member: { id, name: member.name } }
        await recordEvent(tx, actor, { kind, subject, companyId: place.companyId })
      }
      return { result: next, change: { accounts: [id], credentials, what: kind } }
    }),
  )
}

/** The account is in a company of its own again; what belonged to the company stays there. */
export function leaveCompany(
  context: ApiContext,
  actor: SignedIn,
): Promise<{ readonly result: string; readonly access: EdgeReport }> {
  return recordingRefusals(context, actor, { kind: 'member.left', subject: {} }, () =>
    changeTeam(context, async (tx) => {
      const place = await lockOwnPlace(tx, actor.accountId)
      await checkMayLeave(tx, place)
      const companyId = await giveOwnCompany(tx, place, actor.now)
      const act: Act = { kind: 'member.left', subject: { member: { id: place.accountId, name: place.name } } }
      await recordEvent(tx, { ...actor, companyId: place.companyId }, act)
      return { result: companyId, change: { accounts: [place.accountId], what: 'member.left' } }
    }),
  )
}

/** Puts an account into a new company, of which it is the owner. The company that it leaves must be locked. */
export async function giveOwnCompany(tx: Db, place: Place, now: number): Promise<string> {
  const companyId = await insertCompany(tx, { name: place.name, memberPrivileges: BUILT_IN_ROLES.operator })
  await moveAccount(tx, place.accountId, { companyId, role: 'owner' }, new Date(now))
  return companyId
}

async function checkMayLeave(tx: Db, place: Place): Promise<void> {
  const { active, inactive } = await countCompany(tx, place.companyId)
  if (active + inactive === 1) throw new Fault('last-owner', 'Nobody else is in this company: it is your own')
  if (place.role === 'owner') await keepOwner(tx, place.companyId, place.accountId)
}

/** The sessions and tokens that are over. */
async function setActive(
  context: ApiContext,
  tx: Db,
  { companyId }: Place,
  member: Member,
  now: number,
): Promise<string[]> {
  if (member.active) {
    await reactivate(tx, member.id)
    return []
  }
  const ended = await deactivate(tx, member.id, new Date(now))
  const owners = await listActiveOwners(tx, companyId)
  await postMail(context, tx, context.mails.teamDeactivated(member, owners))
  return ended
}

function isDeciding({ role, active }: Pick<Member, 'role' | 'active'>): boolean {
  return role === 'owner' && active
}

function kindOf(change: Change): EventKind {
  if ('role' in change) return change.role === 'owner' ? 'member.promoted' : 'member.demoted'
  return change.active ? 'member.reactivated' : 'member.deactivated'
}

/** The same for somebody in another company and for nobody. */
function noMember(): Fault {
  return new Fault('not-found', 'There is nobody like that in your company')
}
