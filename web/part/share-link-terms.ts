// What the form of a link holds, and what the API is sent of it.
import { LINK_PRIVILEGES, type LinkView } from '@ridethrough/protocol/http/link.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { NO_PERIOD, type PeriodValues, periodOf, timesBody, type WindowValues } from './share-terms.ts'

export type LinkValues = PeriodValues &
  WindowValues & {
    readonly name: string
    readonly deviceIds: readonly string[]
    readonly privileges: readonly Privilege[]
    readonly isAllVariables: boolean
    readonly variables: readonly string[]
    /** As typed; '' for any number. */
    readonly maxUses: string
    readonly hasPin: boolean
    /** '' beside a PIN that is kept as it is. */
    readonly pin: string
  }

export function newLinkValues(deviceIds: readonly string[], zone: string): LinkValues {
  return {
    name: '',
    deviceIds,
    privileges: ['monitor'],
    isAllVariables: true,
    variables: [],
    ...NO_PERIOD,
    zone,
    hasWindows: false,
    windows: [],
    maxUses: '',
    hasPin: false,
    pin: '',
  }
}

export function linkValuesOf(link: LinkView, zone: string, now: number): LinkValues {
  return {
    name: link.name,
    deviceIds: link.devices.map(({ id }) => id),
    privileges: link.privileges,
    isAllVariables: link.variables === null,
    variables: link.variables ?? [],
    ...periodOf(link, zone, now),
    hasWindows: link.windows.length > 0,
    windows: link.windows,
    maxUses: link.maxUses === null ? '' : String(link.maxUses),
    hasPin: link.hasPin,
    pin: '',
  }
}

/** `keepsPin`: one that is there already and is not typed anew stays, and is not sent. */
export function linkBody(values: LinkValues, keepsPin: boolean) {
  return {
    name: values.name,
    deviceIds: values.deviceIds.toSorted(),
    privileges: LINK_PRIVILEGES.filter((each) => values.privileges.includes(each)),
    variables: values.isAllVariables ? null : values.variables.toSorted(),
    ...timesBody(values),
    maxUses: values.maxUses.trim() === '' ? null : Number(values.maxUses),
    ...(keepsPin && values.hasPin && values.pin === '' ? {} : { pin: values.hasPin ? values.pin : null }),
  }
}
