// The compiled rights of one principal, as an edge holds them: answered in O(1) by device id.
import { bearingOn } from './bearing.ts'
import { nextChange, positionIn } from './period.ts'
import {
  type DeviceFact,
  type Facts,
  type Grant,
  grantsOn,
  type Subject,
  type Via,
  variablesAt,
  viaOf,
} from './policy.ts'
import { bitOf, type Privilege } from './privilege.ts'

/** `version` is the `access_change` version of the snapshot that the facts were read in. */
export type Rights = { readonly version: number; readonly byDevice: ReadonlyMap<string, readonly Grant[]> }

export const NO_RIGHTS: Rights = { version: 0, byDevice: new Map() }

/** Takes as long as the subject's own facts and devices are many, however many others are on the sheet. */
export function compileRights(subject: Subject, devices: readonly DeviceFact[], facts: Facts, version: number): Rights {
  const work = compilingRights(subject, devices, facts, version)
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

const DEVICES_A_STEP = 50

/** The same in steps, for those who have something else to do meanwhile: somebody may hold a hundred thousand devices. */
export function* compilingRights(
  subject: Subject,
  devices: readonly DeviceFact[],
  facts: Facts,
  version: number,
): Generator<void, Rights> {
  const byDevice = new Map<string, readonly Grant[]>()
  const bearings = bearingOn(subject, devices, facts)
  let last: readonly Grant[] = []
  for (const [index, bearing] of bearings.entries()) {
    const { device } = bearing
    const grants = grantsOn(subject, device, bearing.facts)
    // Most devices are held by the very same ways as the one before: a hundred thousand copies would only be walked by the
    // garbage collector, again and again.
    if (!areSame(grants, last)) last = grants
    if (grants.length > 0) byDevice.set(device.id, last)
    if (index % DEVICES_A_STEP === DEVICES_A_STEP - 1) yield
  }
  return { version, byDevice }
}

function areSame(some: readonly Grant[], others: readonly Grant[]): boolean {
  return some.length === others.length && some.every((grant, index) => isSame(grant, others[index] as Grant))
}

function isSame(one: Grant, other: Grant): boolean {
  return (
    one.via === other.via &&
    one.privileges === other.privileges &&
    one.schedule === other.schedule &&
    one.windows === other.windows &&
    one.variables === other.variables &&
    one.periods.length === other.periods.length &&
    one.periods.every(
      ({ from, until }, index) => from === other.periods[index]?.from && until === other.periods[index].until,
    )
  )
}

/** The way by which the privilege is held on this device now; `undefined` is "no". */
export function mayOn(rights: Rights, privilege: Privilege, deviceId: string, now: number): Via | undefined {
  const grants = rights.byDevice.get(deviceId)
  return grants && viaOf(grants, privilege, now)
}

/** Whether it is held on this device now or at a later time: outside its weekly window, or before its period, too. */
export function holdsOn(rights: Rights, privilege: Privilege, deviceId: string, now: number): boolean {
  const grants = rights.byDevice.get(deviceId) ?? []
  return grants.some(
    ({ privileges, periods }) =>
      (privileges & bitOf(privilege)) !== 0 && periods.every((period) => positionIn(period, now) !== 'after'),
  )
}

/** Ids of the devices on which the privilege is held now. */
export function devicesWith(rights: Rights, privilege: Privilege, now: number): string[] {
  const ids: string[] = []
  for (const [deviceId, grants] of rights.byDevice) if (viaOf(grants, privilege, now)) ids.push(deviceId)
  return ids
}

/** The variables that may be seen for this privilege now; `null`: all of them. */
export function variablesOn(
  rights: Rights,
  privilege: Privilege,
  deviceId: string,
  now: number,
): ReadonlySet<string> | null {
  return variablesAt(rights.byDevice.get(deviceId) ?? [], privilege, now)
}

/** When the clock alone next changes what these rights allow, so that a timer can close what has run out; `null`: never. */
export function nextChangeOf(rights: Rights, now: number): number | null {
  let next: number | null = null
  for (const grants of rights.byDevice.values()) {
    for (const grant of grants) {
      const instants = [...grant.periods.map((period) => nextChange(period, now)), grant.schedule?.nextChange(now)]
      for (const at of instants) if (typeof at === 'number' && (next === null || at < next)) next = at
    }
  }
  return next
}
