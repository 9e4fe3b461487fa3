// What may be offered, and who has a say in a share: decided from facts, without a database.
import type { FactSheet } from '@ridethrough/db/query/facts.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewShare } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, type DeviceFact, decide, grantsOn, privilegesAt } from '@ridethrough/protocol/policy.ts'
import {
  BUILT_IN_ROLES,
  bitOf,
  maskOf,
  PRIVILEGE_TEXT,
  type PrivilegeMask,
  privilegesOf,
  SHAREABLE,
} from '@ridethrough/protocol/privilege.ts'
import { noDevice } from './access.ts'

type Offer = Pick<NewShare, 'role' | 'privileges'>

/**
 * The privileges that this offer gives, never more than the sharer holds on each of the devices. A role is cut to that;
 * privileges that were ticked one by one are refused, since leaving one out would not be what was asked for.
 */
export function offerable(
  sheet: FactSheet,
  sharer: AccountSubject,
  deviceIds: readonly string[],
  offer: Offer,
  now: number,
): PrivilegeMask {
  const devices = deviceIds.map((id) => shareableDevice(sheet, sharer, id, now))
  // A plan may rise later, so what it leaves out today stays in the share; it is cut again at each decision.
  const own = devices.reduce((mask, device) => mask & heldIgnoringPlan(sheet, sharer, device, now), SHAREABLE)
  const wanted = offer.privileges ? maskOf(offer.privileges) : BUILT_IN_ROLES[offer.role ?? 'viewer']
  const beyond = privilegesOf(wanted & ~own)
  if (offer.privileges && beyond.length > 0) {
    const words = beyond.map((privilege) => `to ${PRIVILEGE_TEXT[privilege]}`).join(', ')
    throw new Fault('right-missing', `You cannot give the right ${words}`)
  }
  const given = wanted & own
  if ((given & bitOf('monitor')) === 0) {
    const message = `"monitor" is needed: nobody can use a device without being able to ${PRIVILEGE_TEXT.monitor}`
    throw new Fault('input-invalid', 'Look again at: privileges', { fields: [{ path: 'privileges', message }] })
  }
  return given
}

/** Whoever may share the devices of a share has a say in it. Ending a share is nothing that a plan sells. */
export function isManager(
  sheet: FactSheet,
  asker: AccountSubject,
  share: { readonly everDeviceIds: readonly string[]; readonly sharedBy: { readonly id: string } },
  now: number,
): boolean {
  // With its last device deleted there is nothing left to decide about: it stays with its maker.
  if (share.everDeviceIds.length === 0) return share.sharedBy.id === asker.accountId
  return sheet.devices.some((device) => decide(asker, 'share', onTopPlan(device), sheet.facts, now).allow)
}

function shareableDevice(sheet: FactSheet, sharer: AccountSubject, id: string, now: number): DeviceFact {
  const device = sheet.devices.find((one) => one.id === id)
  if (!device) throw noDevice()
  const decision = decide(sharer, 'share', device, sheet.facts, now)
  if (decision.allow) return device
  if (decision.why === 'plan') {
    throw new Fault('plan-too-low', `A device on ${device.plan} cannot be shared: it takes Standard or Advanced`)
  }
  throw noDevice()
}

function heldIgnoringPlan(sheet: FactSheet, sharer: AccountSubject, device: DeviceFact, now: number): PrivilegeMask {
  return privilegesAt(grantsOn(sharer, onTopPlan(device), sheet.facts), now)
}

function onTopPlan(device: DeviceFact): DeviceFact {
  return { ...device, plan: 'advanced' }
}
