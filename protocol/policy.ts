// May this subject do this to that device, now? Broker, API, console, notices and reports all ask here and nowhere else.
import { ALWAYS, type Period, positionIn } from './period.ts'
import { PLAN_PRIVILEGES, type Plan } from './plan.ts'
import { ALL_PRIVILEGES, bitOf, NO_PRIVILEGES, type Privilege, type PrivilegeMask, SHAREABLE } from './privilege.ts'

/** A device as far as rights go. */
export type DeviceFact = { readonly id: string; readonly companyId: string; readonly plan: Plan }

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

/** A share from one person to another. `deviceIds` are those neither unticked by the owner nor removed by the recipient. */
export type ShareFact = {
  readonly id: string
  readonly accountId: string | null
  readonly state: ShareState
  readonly privileges: PrivilegeMask
  readonly period: Period
  readonly deviceIds: readonly string[]
}

export type Facts = { readonly memberships: readonly MembershipFact[]; readonly shares: readonly ShareFact[] }

/** What a credential narrows its holder's rights to: `devices: null` is all of them. Never widens. */
export type Scope = {
  readonly privileges: PrivilegeMask
  readonly devices: ReadonlySet<string> | null
  readonly period: Period
}

export const FULL_SCOPE: Scope = { privileges: ALL_PRIVILEGES, devices: null, period: ALWAYS }

/** Who asks: an account, through a credential that may be narrower than the account. */
export type Subject = { readonly accountId: string; readonly scope: Scope }

export type Via = 'owner' | 'member' | `share:${string}`

/** Ordered from the nearest miss to the farthest; `decide` names the nearest one that applies. */
export const REFUSALS = ['plan', 'too-weak', 'not-yet', 'ended', 'pending', 'inactive', 'scope', 'no-grant'] as const
export type Refusal = (typeof REFUSALS)[number]

export type Decision = { readonly allow: true; readonly via: Via } | { readonly allow: false; readonly why: Refusal }

/**
 * What follows from the facts for one subject on one device: the compiled right that the edges hold.
 * `privileges` is already cut by plan and scope; the period is left open, because time passes without a message.
 */
export type Grant = { readonly via: Via; readonly privileges: PrivilegeMask; readonly periods: readonly Period[] }

export function decide(
  subject: Subject,
  privilege: Privilege,
  device: DeviceFact,
  facts: Facts,
  now: number,
): Decision {
  const grants = grantsOn(subject, device, facts)
  const via = viaOf(grants, privilege, now)
  if (via) return { allow: true, via }
  return { allow: false, why: nearestMiss(subject, privilege, device, facts, now) }
}

/** The grants of one subject on one device. An account that its company has deactivated holds none, from anywhere (R43). */
export function grantsOn(subject: Subject, device: DeviceFact, facts: Facts): Grant[] {
  const { scope } = subject
  if (scope.devices && !scope.devices.has(device.id)) return []
  const membership = facts.memberships.find((m) => m.accountId === subject.accountId)
  if (!membership?.active) return []
  const limit = scope.privileges & PLAN_PRIVILEGES[device.plan]
  const grants: Grant[] = []
  if (membership.companyId === device.companyId) {
    const privileges = limit & (membership.role === 'owner' ? ALL_PRIVILEGES : membership.privileges)
    grants.push({ via: membership.role, privileges, periods: [scope.period] })
  }
  for (const share of facts.shares) {
    if (!isShareOf(share, subject, device) || share.state !== 'accepted') continue
    grants.push({
      via: `share:${share.id}`,
      privileges: limit & share.privileges & SHAREABLE,
      periods: [scope.period, share.period],
    })
  }
  return grants.filter((grant) => grant.privileges !== NO_PRIVILEGES)
}

/** The first grant that gives the privilege now: what an edge asks for every delivery, O(grants on that one device). */
export function viaOf(grants: readonly Grant[], privilege: Privilege, now: number): Via | undefined {
  const bit = bitOf(privilege)
  for (const grant of grants) {
    if ((grant.privileges & bit) !== 0 && isLive(grant, now)) return grant.via
  }
  return undefined
}

/** All that the grants allow at this instant: what the console offers, and what a list answers. */
export function privilegesAt(grants: readonly Grant[], now: number): PrivilegeMask {
  return grants.reduce((mask, grant) => (isLive(grant, now) ? mask | grant.privileges : mask), NO_PRIVILEGES)
}

function isLive(grant: Grant, now: number): boolean {
  return grant.periods.every((period) => positionIn(period, now) === 'inside')
}

function isShareOf(share: ShareFact, subject: Subject, device: DeviceFact): boolean {
  return share.accountId === subject.accountId && share.deviceIds.includes(device.id)
}

// Only ever asked after a refusal, so that the reason is exact without slowing the answer that counts.
function nearestMiss(subject: Subject, privilege: Privilege, device: DeviceFact, facts: Facts, now: number): Refusal {
  const reasons = new Set<Refusal>(['no-grant'])
  const membership = facts.memberships.find((m) => m.accountId === subject.accountId)
  const shares = facts.shares.filter((share) => isShareOf(share, subject, device))
  const isMember = membership?.companyId === device.companyId
  if (!isMember && shares.length === 0) return 'no-grant'
  if (!membership?.active) return 'inactive'

  const unscoped = grantsOn({ ...subject, scope: FULL_SCOPE }, device, facts)
  if (viaOf(unscoped, privilege, now)) reasons.add('scope')
  const ways: { mask: PrivilegeMask; period: Period }[] = shares
    .filter((share) => share.state === 'accepted')
    .map((share) => ({ mask: share.privileges & SHAREABLE, period: share.period }))
  if (isMember)
    ways.push({ mask: membership.role === 'owner' ? ALL_PRIVILEGES : membership.privileges, period: ALWAYS })
  for (const way of ways) {
    const position = positionIn(way.period, now)
    if (position === 'before') reasons.add('not-yet')
    else if (position === 'after') reasons.add('ended')
    else reasons.add((way.mask & bitOf(privilege)) === 0 ? 'too-weak' : 'plan')
  }
  for (const share of shares) {
    if (share.state === 'pending') reasons.add('pending')
    else if (share.state !== 'accepted') reasons.add('ended')
  }
  // A scope that shuts out what the account itself could do is the whole reason, whatever else is near.
  if (reasons.has('scope')) return 'scope'
  return REFUSALS.find((reason) => reasons.has(reason)) ?? 'no-grant'
}
