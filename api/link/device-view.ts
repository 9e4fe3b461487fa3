// What of a device whoever opened a link is shown: nothing of its owner, its serial number or its plan, and only the
// variables that the link names.
import type { Device } from '@ridethrough/db/query/device.ts'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import type { LinkDeviceView } from '@ridethrough/protocol/http/link.ts'
import { privilegesAt, viaOf } from '@ridethrough/protocol/policy.ts'
import { LINKABLE, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { type Rights, variablesOn } from '@ridethrough/protocol/rights.ts'
import { stateView } from '../freshness.ts'
import type { Face } from '../live/face.ts'

/** Under this name the status words are allowed or not (RFC 9271). */
const STATUS = 'ups.status'

/** Which one it is, of all that were ever made: shown only where the link names it. */
const IDENTIFYING = /(^|\.)serial(\.|$)/

export const LINK_FACE: Face = {
  isForAll: false,
  device: (device, rights, _sharers, now) => linkDeviceView(device, rights, now),
  state: linkStateView,
}

/** `undefined` when the device may not be seen at this instant. */
export function linkDeviceView(device: Device, rights: Rights, now: number): LinkDeviceView | undefined {
  const grants = rights.byDevice.get(device.id) ?? []
  if (viaOf(grants, 'monitor', now) === undefined) return undefined
  return {
    ...{ id: device.id, name: device.name, mfr: device.mfr, model: device.model, timeZone: device.timeZone },
    privileges: privilegesOf(privilegesAt(grants, now) & LINKABLE),
    state: linkStateView(device, rights, now),
  }
}

export function linkStateView({ id, status }: Device, rights: Rights, now: number): StateView {
  const allowed = variablesOn(rights, 'monitor', id, now)
  const isAllowed = (name: string) => (allowed === null ? !IDENTIFYING.test(name) : allowed.has(name))
  // What the agent says of a problem may name addresses and ports of the place.
  const view = stateView(id, { ...status, problemDetail: null }, now)
  return {
    ...view,
    status: isAllowed(STATUS) ? view.status : null,
    variables: Object.fromEntries(Object.entries(view.variables).filter(([name]) => isAllowed(name))),
  }
}
