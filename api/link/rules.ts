// Who has a say in a link, and whether it opens now: decided from facts, without a database.
import type { FactSheet } from '@ridethrough/db/query/facts.ts'
import type { Link } from '@ridethrough/db/query/link.ts'
import { type AccountSubject, decide, FULL_SCOPE, REFUSALS, type Refusal } from '@ridethrough/protocol/policy.ts'
import type { Privilege, PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import { compileRights, devicesWith, nextChangeOf } from '@ridethrough/protocol/rights.ts'
import { givable, hasSay, needShareable, offered } from '../sharing-rules.ts'

/** How many beginnings and ends are looked at for the next instant at which a link opens. */
const MOST_CHANGES = 200

/** What the link gives; throws unless its maker may share each of these devices, and holds all of it on each. */
export function linkable(
  sheet: FactSheet,
  maker: AccountSubject,
  deviceIds: readonly string[],
  privileges: readonly Privilege[],
  now: number,
): PrivilegeMask {
  needShareable(sheet, maker, deviceIds, now)
  return offered({ privileges }, givable(sheet, maker, deviceIds, now))
}

/** The devices that this asker may share, whatever their plan: ending a link is nothing that a plan sells. */
export function shareableIds(sheet: FactSheet, asker: AccountSubject, now: number): string[] {
  // Each by itself: looking one up among all of them takes as long as there are many.
  return sheet.devices
    .filter((device) => hasSay({ ...sheet, devices: [device] }, asker, device.id, now))
    .map(({ id }) => id)
}

/**
 * `sharer`: may share each of its devices, so everything about it is theirs to say. `maker`: made it, and is in its
 * company still: may see it, stop it and end it. Nobody else knows of it.
 */
export type LinkSide = 'sharer' | 'maker'

export function sideOf(sheet: FactSheet, asker: AccountSubject, link: Link, now: number): LinkSide | undefined {
  const shareable = new Set(shareableIds(sheet, asker, now))
  if (link.devices.length > 0 && link.devices.every(({ id }) => shareable.has(id))) return 'sharer'
  // What somebody made is theirs, not an API token's.
  if (asker.scope !== FULL_SCOPE || link.createdBy.id !== asker.accountId) return undefined
  const isMember = sheet.facts.memberships.some(
    ({ accountId, companyId, active }) => active && accountId === asker.accountId && companyId === link.companyId,
  )
  return isMember ? 'maker' : undefined
}

/** `opensAt`: when it opens by itself, milliseconds since 1970; `null`: never, or nobody knows. */
export type Standing =
  | { readonly isOpen: true }
  | { readonly isOpen: false; readonly why: Refusal; readonly opensAt: number | null }

/** May whoever opened this link see anything at this instant, and if not, why not, and when again? */
export function standingOf({ devices, facts, version }: FactSheet, linkId: string, now: number): Standing {
  const subject = { linkId, scope: FULL_SCOPE }
  const decisions = devices.map((device) => decide(subject, 'monitor', device, facts, now))
  if (decisions.some(({ allow }) => allow)) return { isOpen: true }
  const reasons = new Set(decisions.map((decision) => (decision.allow ? undefined : decision.why)))
  const why = REFUSALS.find((reason) => reasons.has(reason)) ?? 'ended'
  const rights = compileRights(subject, devices, facts, version)
  const period = facts.links.find(({ id }) => id === linkId)?.period
  // Whatever the windows do before it begins and after its end is of no interest.
  const end = period?.until ?? Number.POSITIVE_INFINITY
  let at: number | null = Math.max(now, period?.from ?? now)
  for (let changes = 0; at !== null && at < end && changes < MOST_CHANGES; changes += 1) {
    if (devicesWith(rights, 'monitor', at).length > 0) return { isOpen: false, why, opensAt: at }
    at = nextChangeOf(rights, at)
  }
  return { isOpen: false, why, opensAt: null }
}
