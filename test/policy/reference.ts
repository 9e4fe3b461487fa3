// The rules of access once more, written apart from protocol/policy.ts and in another way: names instead of masks, the wall
// clock as text instead of offsets, every way told out at length. Slow and plain on purpose; the two are compared at random.
import type { DeviceFact, Facts, GuestFact, LinkFact, ShareFact, Subject } from '@ridethrough/protocol/policy.ts'

export type ReferenceAnswer = {
  readonly allow: boolean
  /** Every way that would do, in no order. */
  readonly vias: ReadonlySet<string>
  /** The reason why not; `null` when allowed. */
  readonly why: string | null
}

/** The order of the bits, which is stored and sent and must never change. */
const NAMES = 'monitor notify history report diagnose reboot shed firmware configure licence override share register'
const ALL = NAMES.split(' ')

// R21, R60: what is left on Basic; Standard has all but load shedding.
const ON_PLAN: Record<string, readonly string[]> = {
  basic: ['monitor', 'report', 'licence', 'register'],
  standard: ALL.filter((name) => name !== 'shed'),
  advanced: ALL,
}
// R19: nobody outside the company registers, deletes or shares on.
const NEVER_OUTSIDE = ['register', 'share']
// R22: whoever opens a link has no name.
const BY_LINK = ['monitor', 'history', 'diagnose', 'reboot', 'shed']

const FROM_NEAR_TO_FAR = [
  'plan',
  'too-weak',
  'outside-window',
  'suspended',
  'not-yet',
  'ended',
  'removed',
  'pending',
  'inactive',
]

type Span = { readonly from: number | null; readonly until: number | null }
type Window = { readonly days: readonly number[]; readonly from: string; readonly until: string }

/** One way to the device, told with names. `obstacle` is what stands in it besides time. */
type Told = {
  readonly via: string
  readonly obstacle: string | null
  readonly gives: readonly string[]
  readonly span: Span
  readonly windows: readonly Window[]
  readonly variables: readonly string[] | null
}

export function refer(
  subject: Subject,
  privilege: string,
  device: DeviceFact,
  facts: Facts,
  now: number,
): ReferenceAnswer {
  const ways = allWays(subject, device, facts)
  const vias = new Set<string>()
  for (const way of ways) {
    if (reasonOf(way, privilege, device, now) === null && scopeAdmits(subject, privilege, way.via, device, now)) {
      vias.add(way.via)
    }
  }
  if (vias.size > 0) return { allow: true, vias, why: null }
  return { allow: false, vias, why: whyNot(subject, privilege, device, ways, now) }
}

/** The variables that a subject may see with this privilege: `null` is every one. */
export function referVariables(
  subject: Subject,
  privilege: string,
  device: DeviceFact,
  facts: Facts,
  now: number,
): readonly string[] | null {
  const { vias } = refer(subject, privilege, device, facts, now)
  const ways = allWays(subject, device, facts).filter((way) => vias.has(way.via))
  const seen: string[] = []
  for (const way of ways) {
    // Two ways of one name can be told apart only here, so each is looked at once more.
    if (reasonOf(way, privilege, device, now) !== null) continue
    if (way.variables === null) return null
    seen.push(...way.variables)
  }
  return [...new Set(seen)].sort()
}

/** Whether the wall clock at the device, as a person there reads it, is inside one of the windows. */
export function insideWindows(windows: readonly Window[], timeZone: string, now: number): boolean {
  if (windows.length === 0) return true
  const { weekday, time } = wallClock(timeZone, now)
  const yesterday = weekday === 1 ? 7 : weekday - 1
  for (const { days, from, until } of windows) {
    const endsOnTheSameDay = until > from
    for (const day of days) {
      if (endsOnTheSameDay && day === weekday && from <= time && time < until) return true
      if (!endsOnTheSameDay && day === weekday && from <= time) return true
      if (!endsOnTheSameDay && day === yesterday && time < until) return true
    }
  }
  return false
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const clocks: Record<string, Intl.DateTimeFormat> = {}

/** 1 is Monday; the time is `HH:MM`. */
export function wallClock(timeZone: string, now: number): { weekday: number; time: string } {
  clocks[timeZone] ??= new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const [weekday = '', time = ''] = clocks[timeZone].format(now).split(/,? /)
  return { weekday: WEEKDAYS.indexOf(weekday) + 1, time }
}

function allWays(subject: Subject, device: DeviceFact, facts: Facts): Told[] {
  const told: Told[] = []
  if ('linkId' in subject) {
    for (const link of facts.links) {
      if (link.id === subject.linkId && link.deviceIds.includes(device.id)) told.push(tellLink(link))
    }
    return told
  }
  let isInactive = false
  for (const person of facts.memberships) {
    if (person.accountId !== subject.accountId) continue
    isInactive = !person.active
    if (person.companyId !== device.companyId) continue
    const gives = person.role === 'owner' ? ALL : namesIn(person.privileges)
    told.push({
      via: person.role,
      obstacle: null,
      gives,
      span: { from: null, until: null },
      windows: [],
      variables: null,
    })
  }
  // Somebody of whom no company knows has no account, so nothing was given to them.
  if (!facts.memberships.some((person) => person.accountId === subject.accountId)) return []
  for (const share of facts.shares) {
    const isHere = share.deviceIds.includes(device.id) || share.removedIds.includes(device.id)
    if (share.accountId === subject.accountId && isHere) told.push(tellShare(share, device.id))
  }
  for (const guest of facts.guests) {
    if (guest.accountId !== subject.accountId || guest.companyId !== device.companyId) continue
    const given = givenToGuest(guest, device.id)
    if (given) told.push(tellGuest(guest, given))
  }
  return isInactive ? told.map((way) => ({ ...way, obstacle: 'inactive' })) : told
}

function tellLink(link: LinkFact): Told {
  let obstacle = null
  if (link.suspended) obstacle = 'suspended'
  if (link.ended) obstacle = 'ended'
  const gives = namesIn(link.privileges).filter((name) => BY_LINK.includes(name))
  return {
    via: `link:${link.id}`,
    obstacle,
    gives,
    span: link.period,
    windows: link.windows,
    variables: link.variables,
  }
}

function tellShare(share: ShareFact, deviceId: string): Told {
  let obstacle = null
  if (share.suspended) obstacle = 'suspended'
  if (share.state !== 'accepted') obstacle = share.state === 'pending' ? 'pending' : 'ended'
  if (share.removedIds.includes(deviceId)) obstacle = 'removed'
  const gives = namesIn(share.privileges).filter((name) => !NEVER_OUTSIDE.includes(name))
  return { via: `share:${share.id}`, obstacle, gives, span: share.period, windows: share.windows, variables: null }
}

function tellGuest(guest: GuestFact, given: readonly string[]): Told {
  let obstacle = null
  if (!guest.active) obstacle = 'suspended'
  if (guest.state !== 'accepted') obstacle = guest.state === 'pending' ? 'pending' : 'ended'
  const gives = given.filter((name) => !NEVER_OUTSIDE.includes(name))
  return { via: `guest:${guest.id}`, obstacle, gives, span: guest.period, windows: guest.windows, variables: null }
}

/** R32. `null`: a device that this guest has nothing to do with. */
function givenToGuest(guest: GuestFact, deviceId: string): readonly string[] | null {
  switch (guest.mode) {
    case 'groups-and-devices':
      return namesIn(guest.privileges)
    case 'devices':
      return guest.deviceIds.includes(deviceId) ? namesIn(guest.privileges) : null
    case 'groups': {
      const lists = []
      for (const group of guest.groups) if (group.deviceIds.includes(deviceId)) lists.push(namesIn(group.privileges))
      return lists.length > 0 ? lists.flat() : null
    }
  }
}

/** Why this way does not lead to the privilege; `null`: it does. */
function reasonOf(way: Told, privilege: string, device: DeviceFact, now: number): string | null {
  const isOver = way.span.until !== null && now >= way.span.until
  const isSoon = way.span.from !== null && now < way.span.from
  if (way.obstacle === 'inactive' || way.obstacle === 'removed') return way.obstacle
  // Neither accepting nor resuming would help any more.
  if (isOver || way.obstacle === 'ended') return 'ended'
  if (way.obstacle !== null) return way.obstacle
  if (isSoon) return 'not-yet'
  if (!insideWindows(way.windows, device.timeZone, now)) return 'outside-window'
  if (!way.gives.includes(privilege)) return 'too-weak'
  return ON_PLAN[device.plan]?.includes(privilege) ? null : 'plan'
}

function scopeAdmits({ scope }: Subject, privilege: string, via: string, device: DeviceFact, now: number): boolean {
  if (!namesIn(scope.privileges).includes(privilege)) return false
  if (scope.devices !== null && !scope.devices.has(device.id)) return false
  if (scope.period.from !== null && now < scope.period.from) return false
  if (scope.period.until !== null && now >= scope.period.until) return false
  return scope.via === null || scope.via === via
}

function whyNot({ scope }: Subject, privilege: string, device: DeviceFact, ways: readonly Told[], now: number): string {
  const reasons = new Map(ways.map((way) => [way, reasonOf(way, privilege, device, now)]))
  // Without the credential's limits it would do: then they are the reason.
  for (const reason of reasons.values()) if (reason === null) return 'scope'
  for (const candidate of FROM_NEAR_TO_FAR) {
    for (const [way, reason] of reasons) {
      if (reason === candidate && (scope.via === null || scope.via === way.via)) return candidate
    }
  }
  return 'no-grant'
}

function namesIn(mask: number): string[] {
  return ALL.filter((_name, index) => Math.floor((mask >>> 0) / 2 ** index) % 2 === 1)
}
