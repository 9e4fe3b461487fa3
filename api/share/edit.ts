// Changing a share: devices, period, windows, privileges; all at once or nothing (R15, R16, R23).
import { isDeepStrictEqual } from 'node:util'
import { type FactSheet, loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { holdPlace } from '@ridethrough/db/query/membership.ts'
import { holdRole, type Role } from '@ridethrough/db/query/role.ts'
import type { Share } from '@ridethrough/db/query/share.ts'
import {
  addShareDevices,
  removeShareDevices,
  reopenShare,
  retakePlaces,
  type ShareTerms,
  updateShareTerms,
} from '@ridethrough/db/query/share-change.ts'
import { endShareCredentials } from '@ridethrough/db/query/share-credential.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { ShareChange } from '@ridethrough/protocol/http/share.ts'
import { privilegesOf, SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import { noDevice } from '../access.ts'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { recordShare } from '../share-event.ts'
import { givable, hasSay, needShareable, needWithin, offered } from '../sharing-rules.ts'
import { asManager, lockWithDevices, made, type ShareStep, shareOf, takeStep, unchanged } from './change.ts'
import { tellOthers } from './notice.ts'
import { noRole } from './offer.ts'
import { ended, stateAt } from './state.ts'
import { needPeriod, wrongInput } from './terms.ts'

type Draft = {
  readonly added: readonly string[]
  readonly dropped: readonly string[]
  /** All that the share is of afterwards. */
  readonly left: readonly string[]
  readonly terms: ShareTerms
  /** It had run out after it was accepted, and goes on. */
  readonly isReopened: boolean
}

export function changeShare(context: ApiContext, actor: SignedIn, id: string, change: ShareChange): Promise<ShareStep> {
  return takeStep(context, async (tx) => {
    await holdPlace(tx, actor.accountId)
    const share = await asManager(tx, await lockWithDevices(tx, id, change.deviceIds), actor, context.clock.now())
    // Looked at behind the locks: until then others may have taken what had run out.
    const now = context.clock.now()
    const role = change.roleId === undefined ? undefined : await holdRole(tx, share.companyId, change.roleId)
    if (change.roleId !== undefined && !role) throw noRole()
    const draft = await draftOf(tx, actor, share, change, role, now)
    const changes = changesOf(share, draft)
    if (Object.keys(changes).length === 0) return unchanged(share, 'owner')
    const credentials = await apply(tx, share, draft, new Date(now))
    const after = await shareOf(tx, id)
    await tellOthers(context, tx, actor, { kind: 'share.changed', share: after, side: 'owner' })
    await recordShare(tx, actor, 'share.changed', after, { changes })
    return made(tx, id, 'owner', 'share changed', credentials)
  })
}

async function draftOf(
  tx: Db,
  actor: SignedIn,
  share: Share,
  change: ShareChange,
  role: Role | undefined,
  now: number,
): Promise<Draft> {
  const period = periodOf(share, change, now)
  const devices = devicesOf(share, change.deviceIds)
  const { added, dropped, left } = devices
  // What the recipient took out they may take back: it counts as given.
  const given = [...left, ...outOf(share)]
  const sheet = await loadFactsOfDevices(tx, [...given, ...dropped])
  for (const id of dropped) if (!hasSay(sheet, actor, id, now)) throw noDevice()
  const isReopened = share.acceptedAt !== null && stateAt(share, now) === 'expired'
  const goesOn = stateAt(share, now) === 'expired' && isLater(period.endsAt, share.endsAt)
  needShareable(sheet, actor, goesOn ? left : added, now)
  const most = givable(sheet, actor, given, now)
  const isGivenAnew = change.role !== undefined || change.privileges !== undefined || role !== undefined
  const offer = { role: change.role, privileges: change.privileges, roleMask: role?.privileges }
  const terms: ShareTerms = {
    ...period,
    privileges: isGivenAnew ? offered(offer, most) : share.privileges,
    roleId: isGivenAnew ? (role?.id ?? null) : (share.role?.id ?? null),
    windows: change.windows ?? share.windows,
  }
  if (isReopened || added.length > 0 || isWider(share, terms)) needWithin(terms.privileges & SHAREABLE, most)
  else if (!isDeepStrictEqual(terms, termsOf(share))) needSayOnAll(sheet, actor, left, now)
  return { added, dropped, left, terms, isReopened }
}

/** R15. A start that is taken away is that of the share itself: what was before is none of the recipient's (R64). */
function periodOf(share: Share, { from, until }: ShareChange, now: number) {
  const isOver = !['pending', 'accepted', 'expired'].includes(share.state)
  if (isOver) throw ended(share, now)
  const startsAt = from === undefined ? share.startsAt : from === null ? share.createdAt : new Date(from)
  const endsAt = until === undefined ? share.endsAt : until === null ? null : new Date(until)
  if (until === undefined && share.endsAt && share.endsAt.getTime() <= now) {
    throw new Fault('share-ended', 'The end of this share has passed: give it a later one, or none')
  }
  needPeriod({ startsAt, endsAt }, now)
  return { startsAt, endsAt }
}

/** R16. What the recipient took out stays out, ticked or not: it is theirs to take back. */
function devicesOf(share: Share, wanted: readonly string[] | undefined): Pick<Draft, 'added' | 'dropped' | 'left'> {
  const had = share.devices.map((device) => device.id)
  if (wanted === undefined) return { added: [], dropped: [], left: had }
  const out = outOf(share)
  const left = [...new Set(wanted)].filter((id) => !out.includes(id))
  if (left.length === 0) throw wrongInput('deviceIds', 'nothing would be left of the share: end it instead')
  return {
    added: left.filter((id) => !had.includes(id)),
    dropped: had.filter((id) => !left.includes(id)),
    left,
  }
}

function outOf({ removedDevices }: Share): string[] {
  return removedDevices.filter(({ by }) => by === 'recipient').map(({ id }) => id)
}

/** Whether anything may be done, or seen, that could not before. */
function isWider(share: Share, { privileges, startsAt, endsAt, windows }: ShareTerms): boolean {
  return (
    (privileges & SHAREABLE & ~share.privileges) !== 0 ||
    (startsAt?.getTime() ?? 0) < (share.startsAt?.getTime() ?? 0) ||
    isLater(endsAt, share.endsAt) ||
    !isDeepStrictEqual(windows, share.windows)
  )
}

function isLater(end: Date | null, than: Date | null): boolean {
  return than !== null && (end === null || end > than)
}

/** A token made for some of the devices does not change the terms of the others. */
function needSayOnAll(sheet: FactSheet, actor: SignedIn, deviceIds: readonly string[], now: number): void {
  if (deviceIds.every((id) => hasSay(sheet, actor, id, now))) return
  throw new Fault('right-missing', 'This share has devices that are not yours to share')
}

/** The credentials that ended by it. */
async function apply(tx: Db, share: Share, draft: Draft, at: Date): Promise<string[]> {
  const { added, dropped, terms, isReopened } = draft
  await updateShareTerms(tx, share.id, terms)
  await removeShareDevices(tx, share.id, dropped, 'owner', at)
  await addShareDevices(tx, share.id, added)
  if (isReopened) await reopenShare(tx, share.id)
  // An invitation whose code ran out takes its places when it is sent again.
  const { state, codeExpiresAt } = share
  const isWaiting =
    share.acceptedAt === null && (state === 'expired' || (codeExpiresAt !== null && codeExpiresAt <= at))
  if ((isReopened || isLater(terms.endsAt, share.endsAt)) && !isWaiting) await retakePlaces(tx, share.id)
  return isReopened ? endShareCredentials(tx, share.id, at) : []
}

function termsOf(share: Share): ShareTerms {
  const { privileges, startsAt, endsAt, windows } = share
  return { startsAt, endsAt, privileges, roleId: share.role?.id ?? null, windows }
}

/** What was so and what is so now, for the log. */
function changesOf(share: Share, { added, dropped, terms }: Draft): Readonly<Record<string, unknown>> {
  const before = inWords(termsOf(share))
  const after = inWords(terms)
  const changed = (Object.keys(before) as (keyof typeof before)[])
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => [key, { from: before[key], to: after[key] }] as const)
  return {
    ...Object.fromEntries(changed),
    ...(added.length > 0 ? { added } : {}),
    ...(dropped.length > 0 ? { removed: dropped } : {}),
  }
}

function inWords({ privileges, roleId, startsAt, endsAt, windows }: ShareTerms) {
  return {
    privileges: privilegesOf(privileges),
    role: roleId,
    from: startsAt?.toISOString() ?? null,
    until: endsAt?.toISOString() ?? null,
    windows,
  }
}
