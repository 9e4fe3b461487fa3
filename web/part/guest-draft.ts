// What the form of a guest holds, and what the API is sent of it.
import type { GuestView } from '@ridethrough/protocol/http/guest.ts'
import type { GuestMode } from '@ridethrough/protocol/policy.ts'
import { presetOf } from '../text/sentence.ts'
import {
  changedIn,
  NO_PERIOD,
  type PeriodValues,
  periodOf,
  type RightsValues,
  rightsBody,
  timesBody,
  type WindowValues,
} from './share-terms.ts'

export type GroupDraft = { readonly groupId: string; readonly rights: RightsValues }

export type GuestDraft = RightsValues & {
  readonly email: string
  readonly active: boolean
  readonly mode: GuestMode
  readonly groups: readonly GroupDraft[]
  readonly deviceIds: readonly string[]
  readonly period: PeriodValues
  readonly windows: WindowValues
}

export const VIEWER: RightsValues = { preset: 'viewer', privileges: ['monitor'] }

export function newGuestDraft(zone: string): GuestDraft {
  return {
    email: '',
    active: true,
    ...VIEWER,
    mode: 'devices',
    groups: [],
    deviceIds: [],
    period: { ...NO_PERIOD, zone },
    windows: { hasWindows: false, windows: [] },
  }
}

export function draftOf(guest: GuestView, zone: string): GuestDraft {
  return {
    email: guest.email,
    active: guest.active,
    ...rightsOf(guest),
    mode: guest.mode,
    groups: guest.groups.map((group) => ({ groupId: group.groupId, rights: rightsOf(group) })),
    deviceIds: guest.devices.map(({ id }) => id),
    period: periodOf(guest, zone),
    windows: { hasWindows: guest.windows.length > 0, windows: guest.windows },
  }
}

function rightsOf({ role, privileges }: Pick<GuestView, 'role' | 'privileges'>): RightsValues {
  return { preset: role ? `role:${role.id}` : presetOf(privileges), privileges }
}

/** For somebody new. What the chosen mode does not ask for is left out. */
export function bodyOf(draft: GuestDraft) {
  return { email: draft.email.trim(), ...termsOf(draft) }
}

/** For somebody who is there: only what is different from before. */
export function changeOf(before: GuestDraft, after: GuestDraft) {
  return changedIn(termsOf(before), termsOf(after))
}

function termsOf({ active, mode, preset, privileges, groups, deviceIds, period, windows }: GuestDraft) {
  return {
    active,
    mode,
    // By group, each has its own: the entry's do not count.
    ...(mode === 'groups' ? {} : rightsBody({ preset, privileges })),
    groups: mode === 'groups' ? groups.map(({ groupId, rights }) => ({ groupId, ...rightsBody(rights) })) : [],
    deviceIds: mode === 'devices' ? [...deviceIds] : [],
    ...timesBody({ ...period, ...windows }),
  }
}

/** A mode that asks for a choice needs one: without it the guest would see nothing. */
export function missingIn({ mode, groups, deviceIds }: GuestDraft): 'groups' | 'deviceIds' | undefined {
  if (mode === 'groups' && groups.length === 0) return 'groups'
  return mode === 'devices' && deviceIds.length === 0 ? 'deviceIds' : undefined
}
