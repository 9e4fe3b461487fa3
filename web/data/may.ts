// May the viewer do this to that device, and if not, why? Follows from what the API computed with the policy; nothing is decided here.
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { PLAN_PRIVILEGES } from '@ridethrough/protocol/plan.ts'
import { bitOf, type Privilege, SHAREABLE } from '@ridethrough/protocol/privilege.ts'

export type Hindrance = 'plan' | 'owner-only' | 'not-granted'

/** `undefined` when it may be done. */
export function hindranceTo(privilege: Privilege, device: DeviceView): Hindrance | undefined {
  if (device.privileges.includes(privilege)) return undefined
  if ((PLAN_PRIVILEGES[device.plan] & bitOf(privilege)) === 0) return 'plan'
  return (SHAREABLE & bitOf(privilege)) === 0 ? 'owner-only' : 'not-granted'
}

export function isShared(device: DeviceView): boolean {
  return device.sharedBy !== null
}
