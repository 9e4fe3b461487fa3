// Small worlds by the million: the same as test/support/arbitrary.ts makes, but a hundred times cheaper, each from one number.
import { ALWAYS } from '@ridethrough/protocol/period.ts'
import { PLANS } from '@ridethrough/protocol/plan.ts'
import {
  type DeviceFact,
  type Facts,
  FULL_SCOPE,
  GUEST_MODES,
  GUEST_STATES,
  type GuestFact,
  type LinkFact,
  type Scope,
  SHARE_STATES,
  type ShareFact,
  type Subject,
  type Terms,
} from '@ridethrough/protocol/policy.ts'
import { ALL_PRIVILEGES, BUILT_IN_ROLES, PRIVILEGES, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import {
  ACCOUNTS,
  COMPANIES,
  DEVICES,
  INSTANTS,
  NEARBY_MS,
  TIMES,
  VARIABLES,
  VIAS,
  ZONES,
} from '../support/arbitrary.ts'

export type SmallWorld = {
  readonly subject: Subject
  readonly privilege: Privilege
  readonly device: DeviceFact
  readonly facts: Facts
  readonly now: number
}

const MASKS = [ALL_PRIVILEGES, ...Object.values(BUILT_IN_ROLES)]
const HOUR_MS = 3_600_000

/** The same number makes the same world. */
export function worldOf(seed: number): SmallWorld {
  const dice = diceOf(seed)
  const now = dice.of(INSTANTS) + dice.of(NEARBY_MS) + (dice.oneIn(3) ? dice.below(24 * 60) * 60_000 : 0)
  const facts = {
    memberships: ACCOUNTS.map((accountId) => ({
      accountId,
      companyId: dice.of(COMPANIES),
      role: dice.oneIn(2) ? ('owner' as const) : ('member' as const),
      active: !dice.oneIn(10),
      privileges: mask(dice),
    })),
    shares: dice.some(['s1', 's2', 's3']).map((id) => share(dice, id, now)),
    guests: dice.some(['g1', 'g2']).map((id) => guest(dice, id, now)),
    links: dice.some(['l1', 'l2']).map((id) => link(dice, id, now)),
  }
  return {
    facts,
    now,
    subject: subject(dice, now),
    privilege: dice.of(PRIVILEGES),
    device: {
      id: mostly(dice, DEVICES),
      companyId: mostly(dice, COMPANIES),
      plan: mostly(dice, PLANS.toReversed()),
      timeZone: dice.of(ZONES),
    },
  }
}

type Dice = ReturnType<typeof diceOf>

function subject(dice: Dice, now: number): Subject {
  const scope = dice.oneIn(3) ? narrow(dice, now) : FULL_SCOPE
  if (dice.oneIn(5)) return { linkId: mostly(dice, ['l1', 'l2', 'l3']), scope }
  return { accountId: dice.oneIn(20) ? 'stranger' : mostly(dice, ACCOUNTS), scope }
}

function narrow(dice: Dice, now: number): Scope {
  return {
    privileges: mask(dice),
    devices: dice.oneIn(2) ? null : new Set(dice.some(DEVICES)),
    period: period(dice, now),
    via: dice.oneIn(2) ? null : dice.of(VIAS),
  }
}

function share(dice: Dice, id: string, now: number): ShareFact {
  return {
    ...terms(dice, now),
    id,
    accountId: dice.oneIn(8) ? null : mostly(dice, ACCOUNTS),
    state: dice.oneIn(3) ? dice.of(SHARE_STATES) : 'accepted',
    suspended: dice.oneIn(6),
    deviceIds: dice.some(DEVICES),
    removedIds: dice.oneIn(5) ? dice.some(DEVICES) : [],
  }
}

function guest(dice: Dice, id: string, now: number): GuestFact {
  const groups = dice.some(['first', 'second']).map(() => ({ privileges: mask(dice), deviceIds: dice.some(DEVICES) }))
  return {
    ...terms(dice, now),
    id,
    accountId: dice.oneIn(8) ? null : mostly(dice, ACCOUNTS),
    companyId: mostly(dice, COMPANIES),
    state: dice.oneIn(3) ? dice.of(GUEST_STATES) : 'accepted',
    active: !dice.oneIn(6),
    mode: dice.of(GUEST_MODES),
    groups,
    deviceIds: dice.some(DEVICES),
  }
}

function link(dice: Dice, id: string, now: number): LinkFact {
  return {
    ...terms(dice, now),
    id,
    ended: dice.oneIn(5),
    suspended: dice.oneIn(5),
    deviceIds: dice.some(DEVICES),
    variables: dice.oneIn(2) ? null : dice.some(VARIABLES),
  }
}

function terms(dice: Dice, now: number): Terms {
  return { privileges: mask(dice), period: period(dice, now), windows: windows(dice) }
}

/** Its edges are on now, beside it, or within some hours, so that they matter. */
function period(dice: Dice, now: number) {
  const edge = () => (dice.oneIn(2) ? null : now + (dice.oneIn(2) ? dice.below(3) - 1 : (dice.below(9) - 4) * HOUR_MS))
  return dice.oneIn(2) ? ALWAYS : { from: edge(), until: edge() }
}

function windows(dice: Dice): WeeklyWindow[] {
  if (dice.oneIn(2)) return []
  return dice.some(['first', 'second']).map(() => ({
    days: dice.oneIn(3) ? [...WEEKDAYS] : dice.some(WEEKDAYS),
    from: dice.of(TIMES),
    until: dice.oneIn(6) ? '24:00' : dice.of(TIMES),
  }))
}

/** The first of them more often than not, so that those who ask meet what was given. */
function mostly<T>(dice: Dice, list: readonly T[]): T {
  return dice.oneIn(2) ? (list[0] as T) : dice.of(list)
}

function mask(dice: Dice): number {
  return dice.oneIn(2) ? dice.of(MASKS) : dice.below(ALL_PRIVILEGES + 1)
}

/** Mulberry32: small, quick, and good enough to roll worlds. */
function diceOf(seed: number) {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
  const roll = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(roll() * bound)
  return {
    below,
    oneIn: (chances: number): boolean => roll() * chances < 1,
    of: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    some: <T>(list: readonly T[]): T[] => list.filter(() => roll() < 0.7),
  }
}
