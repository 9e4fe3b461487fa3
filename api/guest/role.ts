// Roles that a company makes (R33): whoever has one follows what becomes of it; one in use goes only when another takes its place.
import {
  countRoleUse,
  deleteRole,
  findRole,
  insertRole,
  listAccountsWithRole,
  lockRole,
  type Role,
  type RoleUse,
  replaceRole,
  updateRole,
} from '@ridethrough/db/query/role.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewRole, RoleChange } from '@ridethrough/protocol/http/guest.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { changeTeam, lockOwnCompany, writeTeam } from '../team/change.ts'
import { givableMask, noRole, wrong } from './given.ts'
import { tellUsers, usersOf } from './role-users.ts'

export type RoleInUse = Role & { readonly inUse: RoleUse }

export function makeRole(context: ApiContext, actor: SignedIn, wanted: z.infer<typeof NewRole>): Promise<RoleInUse> {
  const { name } = wanted
  return recordingRefusals(context, actor, { kind: 'role.made', subject: { role: { name } } }, () =>
    writeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const privileges = givableMask(wanted.privileges)
      const id = await insertRole(tx, { companyId, name, privileges })
      const subject = { role: { id, name }, privileges: privilegesOf(privileges) }
      await recordEvent(tx, actor, { kind: 'role.made', subject })
      return { ...(await roleOf(tx, companyId, id)), inUse: { guests: 0, shares: 0 } }
    }),
  )
}

/** Answered once every edge has applied it for all who have the role. */
export function changeRole(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  wanted: z.infer<typeof RoleChange>,
): Promise<{ readonly result: RoleInUse; readonly access: EdgeReport }> {
  return recordingRefusals(context, actor, { kind: 'role.changed', subject: { role: { id } } }, () =>
    changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const before = await lockRole(tx, companyId, id)
      if (!before) throw noRole()
      const privileges = wanted.privileges && givableMask(wanted.privileges)
      await updateRole(tx, id, { name: wanted.name, privileges })
      const after = await roleOf(tx, companyId, id)
      const changes = changesBetween(before, after)
      if (before.privileges !== after.privileges) await tellUsers(context, tx, actor, await usersOf(tx, id))
      if (Object.keys(changes).length > 0) {
        await recordEvent(tx, actor, { kind: 'role.changed', subject: { role: { id, name: after.name }, changes } })
      }
      const result = { ...after, inUse: await countRoleUse(tx, id) }
      return { result, change: { accounts: await listAccountsWithRole(tx, id), what: 'role.changed' } }
    }),
  )
}

/** All who have it have `replacementId` from then on, in the same transaction. */
export async function removeRole(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  replacementId: string | undefined,
): Promise<EdgeReport> {
  const act = { kind: 'role.deleted', subject: { role: { id } } } as const
  const { access } = await recordingRefusals(context, actor, act, () =>
    changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const role = await lockRole(tx, companyId, id)
      if (!role) throw noRole()
      const replacement = replacementId === undefined ? undefined : await otherRole(tx, role, replacementId)
      const inUse = await countRoleUse(tx, id)
      if (!replacement && inUse.guests + inUse.shares > 0) throw roleInUse(role, inUse)
      const accounts = await listAccountsWithRole(tx, id)
      const users = await usersOf(tx, id)
      if (replacement) await replaceRole(tx, id, replacement)
      if (replacement && replacement.privileges !== role.privileges) await tellUsers(context, tx, actor, users)
      await deleteRole(tx, role)
      const instead = replacement && { replacement: { id: replacement.id, name: replacement.name } }
      await recordEvent(tx, actor, { ...act, subject: { role: { id, name: role.name }, ...instead, inUse } })
      return { result: undefined, change: { accounts, what: act.kind } }
    }),
  )
  return access
}

async function otherRole(tx: Db, role: Role, id: string): Promise<Role> {
  if (id === role.id) throw wrong('replacement', 'name another role than the one that goes')
  const other = await findRole(tx, role.companyId, id)
  if (!other) throw new Fault('not-found', 'There is no such role in your company that could take its place')
  return other
}

function roleInUse({ name }: Role, { guests, shares }: RoleUse): Fault {
  const users = [counted(guests, 'guest'), counted(shares, 'share')].filter((text) => text !== undefined).join(' and ')
  return new Fault('role-in-use', `“${name}” is in use by ${users}: name the role that takes its place`)
}

function counted(count: number, noun: string): string | undefined {
  if (count === 0) return undefined
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}

function changesBetween(before: Role, after: Role) {
  const [from, to] = [privilegesOf(before.privileges), privilegesOf(after.privileges)]
  return {
    ...(before.name === after.name ? {} : { name: { from: before.name, to: after.name } }),
    ...(before.privileges === after.privileges ? {} : { privileges: { from, to } }),
  }
}

async function roleOf(tx: Db, companyId: string, id: string): Promise<Role> {
  const role = await findRole(tx, companyId, id)
  if (!role) throw new Error(`the role ${id} that was just written is not there`)
  return role
}
