// What is given to a guest, or by a role: a built-in role, one of the company's, or privileges that were ticked.
import type { GivenRow } from '@ridethrough/db/query/guest.ts'
import { findRole } from '@ridethrough/db/query/role.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  BUILT_IN_ROLES,
  bitOf,
  maskOf,
  PRIVILEGE_TEXT,
  type Privilege,
  type PrivilegeMask,
  privilegesOf,
  SHAREABLE,
  type ShareRole,
} from '@ridethrough/protocol/privilege.ts'

export type Given = {
  readonly role?: ShareRole | undefined
  readonly roleId?: string | undefined
  readonly privileges?: readonly Privilege[] | undefined
}

/** `undefined` when it says nothing. The company must be locked, so that the role is still there at the end. */
export async function resolveGiven(tx: Db, companyId: string, given: Given): Promise<GivenRow | undefined> {
  if (given.roleId !== undefined) {
    const role = await findRole(tx, companyId, given.roleId)
    if (!role) throw noRole()
    return { roleId: role.id, privileges: role.privileges }
  }
  if (given.privileges) return { roleId: null, privileges: givableMask(given.privileges) }
  return given.role && { roleId: null, privileges: BUILT_IN_ROLES[given.role] }
}

export const AS_VIEWER: GivenRow = { roleId: null, privileges: BUILT_IN_ROLES.viewer }

/** R19, R20: registering and sharing on stay with the company; and who cannot look can do nothing else. */
export function givableMask(privileges: readonly Privilege[]): PrivilegeMask {
  const mask = maskOf(privileges)
  const beyond = privilegesOf(mask & ~SHAREABLE)
  if (beyond.length > 0) {
    const words = beyond.map((privilege) => PRIVILEGE_TEXT[privilege]).join(', ')
    throw wrong('privileges', `what cannot be given to others: to ${words}`)
  }
  if ((mask & bitOf('monitor')) === 0) {
    throw wrong(
      'privileges',
      `"monitor" is needed: nobody can use a device without being able to ${PRIVILEGE_TEXT.monitor}`,
    )
  }
  return mask
}

export function wrong(path: string, message: string): Fault {
  return new Fault('input-invalid', `Look again at: ${path} (${message})`, { fields: [{ path, message }] })
}

/** The same for one of another company and for none. */
export function noRole(): Fault {
  return new Fault('not-found', 'There is no such role in your company')
}
