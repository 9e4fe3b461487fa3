// May this subject do this to that device, now? Broker, API, console, notices and reports all ask here and nowhere else.
import { ALWAYS, type Period, positionIn } from './period.ts'
import { PLAN_PRIVILEGES, type Plan } from './plan.ts'
import {
  ALL_PRIVILEGES,
  bitOf,
  LINKABLE,
  NO_PRIVILEGES,
  type Privilege,
  type PrivilegeMask,
  SHAREABLE,
} from './privilege.ts'
import { compileSchedule, type Schedule, type WeeklyWindow } from './window.ts'

/** A device as far as rights go. `timeZone` is an IANA name: weekly windows are kept by its wall clock. */
export type DeviceFact = {
  readonly id: string
  readonly companyId: string
  readonly plan: Plan
  readonly timeZone: string
}

/** An account's place in its company. `privileges` is what the company's role for members gives; owners have all. */
export type MembershipFact = {
  readonly accountId: string
  readonly companyId: string
  readonly role: 'owner' | 'member'
  readonly active: boolean
  readonly privileges: PrivilegeMask
}

export const SHARE_STATES = ['pending', 'accepted', 'declined', 'withdrawn', 'left', 'revoked', 'expired'] as const
export type ShareState = (typeof SHARE_STATES)[number]

/** What is given, and when it counts: by a share, a link or a guest entry. No windows: at all times of the period. */
export type Terms = {
  readonly privileges: PrivilegeMask
  readonly period: Period
  readonly windows: readonly WeeklyWindow[]
}

/** A share from one person to another. `removedIds` were unticked by the owner or removed by the recipient (R16, R17). */
export type ShareFact = Terms & {
  readonly id: string
  readonly accountId: string | null
  readonly state: ShareState
  readonly suspended: boolean
  readonly deviceIds: readonly string[]
  readonly removedIds: readonly string[]
}

/** What whoever opens the link may do (R22). `variables: null` is all of them. */
export type LinkFact = Terms & {
  readonly id: string
  readonly ended: boolean
  readonly suspended: boolean
  readonly deviceIds: readonly string[]
  readonly variables: readonly string[] | null
}

/**
 * R32: on all devices of the company, on those of chosen groups with each group's own privileges, or on chosen devices.
 */
export const GUEST_MODES = ['groups-and-devices', 'groups', 'devices'] as const
export type GuestMode = (typeof GUEST_MODES)[number]

/** `accepted` is "validated" (R31), which the guest sets; `active` is the administrator's, at any time. */
export const GUEST_STATES = ['pending', 'accepted', 'declined', 'withdrawn', 'left', 'ended', 'expired'] as const
export type GuestState = (typeof GUEST_STATES)[number]

/** A company's entry for somebody outside. `groups` count in the mode `groups`, `deviceIds` in the mode `devices`. */
export type GuestFact = Terms & {
  readonly id: string
  readonly accountId: string | null
  readonly companyId: string
  readonly state: GuestState
  readonly active: boolean
  readonly mode: GuestMode
  readonly groups: readonly { readonly privileges: PrivilegeMask; readonly deviceIds: readonly string[] }[]
  readonly deviceIds: readonly string[]
}

export type Facts = {
  readonly memberships: readonly MembershipFact[]
  readonly shares: readonly ShareFact[]
  readonly guests: readonly GuestFact[]
  readonly links: readonly LinkFact[]
}

export const NO_FACTS: Facts = { memberships: [], shares: [], guests: [], links: [] }

export type Via = 'owner' | 'member' | `share:${string}` | `guest:${string}` | `link:${string}`

/** What a credential narrows its holder's rights to: `devices: null` is all of them, `via: null` every way. Never widens. */
export type Scope = {
  readonly privileges: PrivilegeMask
  readonly devices: ReadonlySet<string> | null
  readonly period: Period
  /** The one way that counts: a credential of a share is worth that share and nothing else (R24). */
  readonly via: Via | null
}

export const FULL_SCOPE: Scope = { privileges: ALL_PRIVILEGES, devices: null, period: ALWAYS, via: null }

/** An account, through a credential that may be narrower than the account. */
export type AccountSubject = { readonly accountId: string; readonly scope: Scope }
/** Whoever opened a link: nobody by name. */
export type LinkSubject = { readonly linkId: string; readonly scope: Scope }
/** Who asks. */
export type Subject = AccountSubject | LinkSubject

/** Ordered from the nearest miss to the farthest; `decide` names the nearest one that applies. */
export const REFUSALS = [
  'plan',
  'too-weak',
  'outside-window',
  'suspended',
  'not-yet',
  'ended',
  'removed',
  'pending',
  'inactive',
  'scope',
  'no-grant',
] as const
export type Refusal = (typeof REFUSALS)[number]

export type Decision = { readonly allow: true; readonly via: Via } | { readonly allow: false; readonly why: Refusal }

/**
 * What follows from the facts for one subject on one device: the compiled right that the edges hold.
 * `privileges` is already cut by plan and scope; periods and schedule are left open, because time passes without a message.
 */
export type Grant = {
  readonly via: Via
  readonly privileges: PrivilegeMask
  readonly periods: readonly Period[]
  readonly schedule: Schedule | undefined
  /** What the schedule was made of, to be shown. */
  readonly windows: readonly WeeklyWindow[]
  /** The only variables that may be seen through it; `null`: all. */
  readonly variables: ReadonlySet<string> | null
}

/** A way from the subject to the device, whether or not it is open, before plan and scope are looked at. */
type Way = Terms & {
  readonly via: Via
  readonly standing: 'open' | Extract<Refusal, 'suspended' | 'ended' | 'removed' | 'pending' | 'inactive'>
  readonly variables: readonly string[] | null
}

export function decide(
  subject: Subject,
  privilege: Privilege,
  device: DeviceFact,
  facts: Facts,
  now: number,
): Decision {
  const via = viaOf(grantsOn(subject, device, facts), privilege, now)
  if (via) return { allow: true, via }
  return { allow: false, why: nearestMiss(subject, privilege, device, facts, now) }
}

/** The grants of one subject on one device. An account that its company has deactivated holds none, from anywhere (R43). */
export function grantsOn(subject: Subject, device: DeviceFact, facts: Facts): Grant[] {
  const { scope } = subject
  if (scope.devices && !scope.devices.has(device.id)) return []
  const limit = scope.privileges & PLAN_PRIVILEGES[device.plan]
  return waysTo(subject, device, facts)
    .filter(({ standing, via }) => standing === 'open' && (scope.via === null || scope.via === via))
    .map((way) => ({
      via: way.via,
      privileges: limit & way.privileges,
      periods: [scope.period, way.period],
      schedule: compileSchedule(way.windows, device.timeZone),
      windows: way.windows,
      variables: way.variables && new Set(way.variables),
    }))
    .filter((grant) => grant.privileges !== NO_PRIVILEGES)
}

/** The first grant that gives the privilege now: what an edge asks for every delivery, O(grants on that one device). */
export function viaOf(grants: readonly Grant[], privilege: Privilege, now: number): Via | undefined {
  const bit = bitOf(privilege)
  for (const grant of grants) {
    if ((grant.privileges & bit) !== 0 && isLive(grant, now)) return grant.via
  }
  return undefined
}

/**
 * The way by which the privilege is held at any time, and would be found first: then `viaOf` need not be asked again for
 * these grants, whatever the clock says.
 */
export function steadyVia(grants: readonly Grant[], privilege: Privilege): Via | undefined {
  const bit = bitOf(privilege)
  const first = grants.find(({ privileges }) => (privileges & bit) !== 0)
  const isSteady = first && !first.schedule && first.periods.every(({ from, until }) => from === null && until === null)
  return isSteady ? first.via : undefined
}

/** All that the grants allow at this instant: what the console offers, and what a list answers. */
export function privilegesAt(grants: readonly Grant[], now: number): PrivilegeMask {
  return grants.reduce((mask, grant) => (isLive(grant, now) ? mask | grant.privileges : mask), NO_PRIVILEGES)
}

/** The variables that may be seen for this privilege now; `null`: all of them. */
export function variablesAt(grants: readonly Grant[], privilege: Privilege, now: number): ReadonlySet<string> | null {
  const found = new Set<string>()
  for (const grant of grants) {
    if ((grant.privileges & bitOf(privilege)) === 0 || !isLive(grant, now)) continue
    if (grant.variables === null) return null
    for (const name of grant.variables) found.add(name)
  }
  return found
}

function isLive({ periods, schedule }: Grant, now: number): boolean {
  return periods.every((period) => positionIn(period, now) === 'inside') && (schedule?.insideAt(now) ?? true)
}

function waysTo(subject: Subject, device: DeviceFact, facts: Facts): Way[] {
  if ('linkId' in subject) {
    return facts.links.filter(({ id }) => id === subject.linkId).flatMap((link) => wayByLink(link, device) ?? [])
  }
  const { accountId } = subject
  const membership = facts.memberships.find((one) => one.accountId === accountId)
  if (!membership) return []
  const ways = [
    wayByMembership(membership, device),
    ...facts.shares.filter((share) => share.accountId === accountId).map((share) => wayByShare(share, device)),
    ...facts.guests.filter((guest) => guest.accountId === accountId).map((guest) => wayByGuest(guest, device)),
  ].filter((way) => way !== undefined)
  return membership.active ? ways : ways.map((way) => ({ ...way, standing: 'inactive' }))
}

function wayByMembership({ companyId, role, privileges }: MembershipFact, device: DeviceFact): Way | undefined {
  if (companyId !== device.companyId) return undefined
  const mask = role === 'owner' ? ALL_PRIVILEGES : privileges
  return { via: role, standing: 'open', privileges: mask, period: ALWAYS, windows: NO_WINDOWS, variables: null }
}

function wayByShare(share: ShareFact, device: DeviceFact): Way | undefined {
  const isRemoved = lists(share.removedIds, device.id)
  if (!isRemoved && !lists(share.deviceIds, device.id)) return undefined
  const { period, windows } = share
  const privileges = share.privileges & SHAREABLE
  const standing = isRemoved ? 'removed' : standingOf(share.state, share.suspended)
  return { via: `share:${share.id}`, standing, privileges, period, windows, variables: null }
}

const NO_WINDOWS: readonly WeeklyWindow[] = []
const FEW = 32
const setsOf = new WeakMap<readonly string[], ReadonlySet<string>>()

/** A share of ten thousand devices is asked for each of them: looking through its list each time takes seconds. */
function lists(ids: readonly string[], id: string): boolean {
  if (ids.length < FEW) return ids.includes(id)
  const known = setsOf.get(ids)
  if (known) return known.has(id)
  const set = new Set(ids)
  setsOf.set(ids, set)
  return set.has(id)
}

function wayByGuest(guest: GuestFact, device: DeviceFact): Way | undefined {
  const covered = guest.companyId === device.companyId ? coveredBy(guest, device) : undefined
  if (covered === undefined) return undefined
  const { period, windows } = guest
  const standing = standingOf(guest.state, !guest.active)
  return { via: `guest:${guest.id}`, standing, privileges: covered & SHAREABLE, period, windows, variables: null }
}

/** What the entry gives on this device of its company; `undefined`: the device is none of its business. */
function coveredBy({ mode, privileges, groups, deviceIds }: GuestFact, device: DeviceFact): PrivilegeMask | undefined {
  if (mode === 'groups-and-devices') return privileges
  if (mode === 'devices') return lists(deviceIds, device.id) ? privileges : undefined
  const around = groups.filter((group) => lists(group.deviceIds, device.id))
  if (around.length === 0) return undefined
  return around.reduce((mask, group) => mask | group.privileges, NO_PRIVILEGES)
}

function wayByLink(link: LinkFact, device: DeviceFact): Way | undefined {
  if (!lists(link.deviceIds, device.id)) return undefined
  const { period, windows, variables } = link
  const standing = link.ended ? 'ended' : standingOf('accepted', link.suspended)
  return { via: `link:${link.id}`, standing, privileges: link.privileges & LINKABLE, period, windows, variables }
}

function standingOf(state: ShareState | GuestState, isSuspended: boolean): Way['standing'] {
  if (state === 'pending') return 'pending'
  if (state !== 'accepted') return 'ended'
  return isSuspended ? 'suspended' : 'open'
}

// Only ever asked after a refusal, so that the reason is exact without slowing the answer that counts.
function nearestMiss(subject: Subject, privilege: Privilege, device: DeviceFact, facts: Facts, now: number): Refusal {
  const { scope } = subject
  // A scope that shuts out what the account itself could do is the whole reason, whatever else is near.
  if (viaOf(grantsOn({ ...subject, scope: FULL_SCOPE }, device, facts), privilege, now)) return 'scope'
  const ways = waysTo(subject, device, facts).filter(({ via }) => scope.via === null || scope.via === via)
  const reasons = new Set(ways.map((way) => missOf(way, privilege, device, now)))
  return REFUSALS.find((reason) => reasons.has(reason)) ?? 'no-grant'
}

/** Why this way does not lead there. */
function missOf(way: Way, privilege: Privilege, device: DeviceFact, now: number): Refusal {
  const position = positionIn(way.period, now)
  // To resume or to accept what has run out would open nothing.
  if (position === 'after' && (way.standing === 'pending' || way.standing === 'suspended')) return 'ended'
  if (way.standing !== 'open') return way.standing
  if (position === 'before') return 'not-yet'
  if (position === 'after') return 'ended'
  if (compileSchedule(way.windows, device.timeZone)?.insideAt(now) === false) return 'outside-window'
  return (way.privileges & bitOf(privilege)) === 0 ? 'too-weak' : 'plan'
}
