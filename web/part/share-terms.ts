// What a form of a share or a link holds of its terms, and what the API is sent of them.
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import type { Privilege, ShareRole } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { instantOf, wallAt } from '../data/zone.ts'
import { presetOf } from '../text/sentence.ts'

/** A built-in role, a role of the company by its id, or ticked privileges. */
export type Preset = ShareRole | 'custom' | `role:${string}`

export type RightsValues = { readonly preset: Preset; readonly privileges: readonly Privilege[] }

export type PeriodValues = {
  /** Off: from now, until revoked. */
  readonly hasPeriod: boolean
  /** As date and time fields have them, by the clock of `zone`; '' for none. */
  readonly fromDate: string
  readonly fromTime: string
  readonly untilDate: string
  readonly untilTime: string
  readonly zone: string
}

export type WindowValues = { readonly hasWindows: boolean; readonly windows: readonly WeeklyWindow[] }

export type TermsValues = RightsValues & PeriodValues & WindowValues & { readonly deviceIds: readonly string[] }

export const NO_PERIOD = {
  hasPeriod: false,
  fromDate: '',
  fromTime: '00:00',
  untilDate: '',
  untilTime: '23:59',
} as const

export function newTerms(deviceIds: readonly string[], zone: string): TermsValues {
  const rights = { preset: 'viewer', privileges: ['monitor'] } as const
  return { deviceIds, ...rights, ...NO_PERIOD, zone, hasWindows: false, windows: [] }
}

type Given = Pick<ShareView, 'privileges' | 'from' | 'until' | 'windows'> & {
  readonly devices: readonly { readonly id: string }[]
  readonly role?: ShareView['role']
}

export function termsOf(given: Given, zone: string, now: number): TermsValues {
  const { devices, privileges, role, windows } = given
  return {
    deviceIds: devices.map(({ id }) => id),
    preset: role ? `role:${role.id}` : presetOf(privileges),
    privileges,
    ...periodOf(given, zone, now),
    hasWindows: windows.length > 0,
    windows,
  }
}

/** A start that is past by `now` and has no end beside it is no period any more: it lasts until it is revoked. */
export function periodOf(
  { from, until }: Pick<Given, 'from' | 'until'>,
  zone: string,
  now = Number.NEGATIVE_INFINITY,
): PeriodValues {
  const isPast = until === null && from !== null && Date.parse(from) <= now
  const start = from === null || isPast ? undefined : wallAt(Date.parse(from), zone)
  const end = until === null ? undefined : wallAt(Date.parse(until), zone)
  return {
    hasPeriod: start !== undefined || end !== undefined,
    fromDate: start?.date ?? '',
    fromTime: start?.time ?? NO_PERIOD.fromTime,
    untilDate: end?.date ?? '',
    untilTime: end?.time ?? NO_PERIOD.untilTime,
    zone,
  }
}

/** Milliseconds since 1970; `null`: no bound, or none that is understood yet. */
export function boundsOf(values: PeriodValues): { readonly from: number | null; readonly until: number | null } {
  if (!values.hasPeriod) return { from: null, until: null }
  return {
    from: instantOf({ date: values.fromDate, time: values.fromTime }, values.zone) ?? null,
    until: instantOf({ date: values.untilDate, time: values.untilTime }, values.zone) ?? null,
  }
}

export function rightsBody({ preset, privileges }: RightsValues) {
  if (preset === 'custom') return { privileges }
  return preset.startsWith('role:') ? { roleId: preset.slice('role:'.length) } : { role: preset }
}

/**
 * `from`, `until` and `windows`. What was turned on and not filled in is sent as something that no schema lets pass:
 * left out, it would give more than the person meant to.
 */
export function timesBody(values: PeriodValues & WindowValues) {
  const { hasPeriod, fromDate, untilDate } = values
  const { from, until } = boundsOf(values)
  const iso = (date: string, at: number | null) => (date === '' ? null : at === null ? '' : new Date(at).toISOString())
  const isOpen = fromDate === '' && untilDate === ''
  return {
    from: hasPeriod ? iso(fromDate, from) : null,
    until: hasPeriod ? (isOpen ? '' : iso(untilDate, until)) : null,
    windows: values.hasWindows && values.windows.length === 0 ? [NOTHING_MARKED] : windowsIn(values),
  }
}

const NOTHING_MARKED = { days: [], from: '', until: '' }

export function windowsIn({ hasWindows, windows }: WindowValues): readonly WeeklyWindow[] {
  return hasWindows ? windows : []
}

/** The fields of `after` that differ. */
export function changedIn<T extends object>(before: T, after: T): Partial<T> {
  const changed = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify((before as Record<string, unknown>)[name]),
  )
  return Object.fromEntries(changed) as Partial<T>
}
