// What may be given, and who has a say in a share: decided from facts, without a database.
import type { FactSheet } from '@ridethrough/db/query/facts.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  type AccountSubject,
  type DeviceFact,
  decide,
  grantsOn,
  type MembershipFact,
  NO_FACTS,
  privilegesAt,
} from '@ridethrough/protocol/policy.ts'
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
import { noDevice } from './access.ts'

/** One of them at most; `roleMask`: what the role of the company gives that was named. */
export type Given = {
  readonly role?: ShareRole | undefined
  readonly privileges?: readonly Privilege[] | undefined
  readonly roleMask?: PrivilegeMask | undefined
}

type Managed = { readonly companyId: string; readonly everDeviceIds: readonly string[] }

/** What this offer gives of these devices, each of which the sharer may share. */
export function offerable(
  sheet: FactSheet,
  sharer: AccountSubject,
  deviceIds: readonly string[],
  given: Given,
  now: number,
): PrivilegeMask {
  needShareable(sheet, sharer, deviceIds, now)
  return offered(given, givable(sheet, sharer, deviceIds, now))
}

/** Throws unless this asker may share each of the devices, which their plans must allow as well. */
export function needShareable(
  sheet: FactSheet,
  sharer: AccountSubject,
  deviceIds: readonly string[],
  now: number,
): void {
  for (const id of deviceIds) {
    const device = sheet.devices.find((one) => one.id === id)
    if (!device) throw noDevice()
    const decision = decide(sharer, 'share', device, sheet.facts, now)
    if (decision.allow) continue
    if (decision.why !== 'plan') throw noDevice()
    throw new Fault('plan-too-low', `A device on ${device.plan} cannot be shared: it takes Standard or Advanced`)
  }
}

/** Whether this asker may share the device, whatever its plan: what is shared already can be changed and ended on any. */
export function hasSay(sheet: FactSheet, asker: AccountSubject, deviceId: string, now: number): boolean {
  const device = sheet.devices.find((one) => one.id === deviceId)
  return device !== undefined && decide(asker, 'share', onTopPlan(device), sheet.facts, now).allow
}

/** The most that this sharer may give of all of these devices together. */
export function givable(
  sheet: FactSheet,
  sharer: AccountSubject,
  deviceIds: readonly string[],
  now: number,
): PrivilegeMask {
  // A plan may rise later, so what it leaves out today stays in the share; it is cut again at each decision.
  return deviceIds.reduce((mask, id) => {
    const device = sheet.devices.find((one) => one.id === id)
    return device ? mask & privilegesAt(grantsOn(sharer, onTopPlan(device), sheet.facts), now) : 0
  }, SHAREABLE)
}

/**
 * The privileges that this offer gives, never more than `most`. A role that exists without anybody making it is cut to
 * that; privileges that were ticked, and roles that somebody made, are refused, since less would not be what was asked for.
 */
export function offered({ role, privileges, roleMask }: Given, most: PrivilegeMask): PrivilegeMask {
  const ticked = privileges ? maskOf(privileges) : roleMask === undefined ? undefined : roleMask & SHAREABLE
  if (ticked !== undefined) needWithin(ticked, most)
  const given = (ticked ?? BUILT_IN_ROLES[role ?? 'viewer']) & most
  if ((given & bitOf('monitor')) === 0) {
    const message = `"monitor" is needed: nobody can use a device without being able to ${PRIVILEGE_TEXT.monitor}`
    const path = roleMask === undefined ? 'privileges' : 'roleId'
    throw new Fault('input-invalid', `Look again at: ${path}`, { fields: [{ path, message }] })
  }
  return given
}

/** Throws `right-missing`, with what is beyond. */
export function needWithin(wanted: PrivilegeMask, most: PrivilegeMask): void {
  const beyond = privilegesOf(wanted & ~most)
  if (beyond.length === 0) return
  const words = beyond.map((privilege) => `to ${PRIVILEGE_TEXT[privilege]}`).join(', ')
  throw new Fault('right-missing', `You cannot give the right ${words}`)
}

/**
 * Whoever may share the devices of a share has a say in it. Memberships are all that is asked: nothing that is shared
 * gives the right to share (SHAREABLE). Ending a share is nothing that a plan sells.
 */
export function isManager(
  asker: AccountSubject,
  membership: MembershipFact | undefined,
  { companyId, everDeviceIds }: Managed,
  now: number,
): boolean {
  // With its last device deleted it is still the company's.
  const ids = everDeviceIds.length > 0 ? everDeviceIds : [ANY_DEVICE]
  return ids.some((id) => mayShare(asker, membership, { id, companyId }, now))
}

/** Whose shares an asker manages: those of the company, `deviceIds` naming the devices where it is not all of them. */
export function managedBy(
  asker: AccountSubject,
  membership: MembershipFact | undefined,
  now: number,
): { readonly companyId: string; readonly deviceIds: readonly string[] | null } | undefined {
  if (!membership) return undefined
  const { companyId } = membership
  const { devices } = asker.scope
  const ids = devices ? [...devices] : [ANY_DEVICE]
  const deviceIds = ids.filter((id) => mayShare(asker, membership, { id, companyId }, now))
  if (deviceIds.length === 0) return undefined
  return { companyId, deviceIds: devices ? deviceIds : null }
}

/** Stands for whatever the company may have: a membership gives the same on all of it. */
const ANY_DEVICE = '00000000-0000-0000-0000-000000000000'

function mayShare(
  asker: AccountSubject,
  membership: MembershipFact | undefined,
  device: Pick<DeviceFact, 'id' | 'companyId'>,
  now: number,
): boolean {
  const facts = { ...NO_FACTS, memberships: membership ? [membership] : [] }
  return decide(asker, 'share', { ...device, plan: 'advanced', timeZone: 'UTC' }, facts, now).allow
}

function onTopPlan(device: DeviceFact): DeviceFact {
  return { ...device, plan: 'advanced' }
}
