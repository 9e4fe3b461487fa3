// What people do to access, at random: each changes the model and says what is to be written, and whom it concerns.
import type { AccessChange } from '@ridethrough/db/access.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Weekday, WeeklyWindow } from '@ridethrough/protocol/window.ts'
import type { Random } from './random.ts'
import { endCredential, insertCredential, saveCompany, saveGroup, saveGuest, saveShare } from './store.ts'
import { type Account, type Credential, EVERYTHING, find, type Guest, isLive, type Share, type World } from './world.ts'

export type Change = {
  readonly name: string
  readonly access: Omit<AccessChange, 'what'>
  write(tx: Db): Promise<void>
  /** What was taken is given back, or the other way round. */
  readonly undo?: () => Change
}

export const HOUR = 3_600_000
const MOST_SHARES = 18
/** The product allows five; what has run out by the model's clock still counts here. */
const SHARES_PER_DEVICE = 5
const MASKS = [15, 15, 127, EVERYTHING, 14, 0, 1]
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/New_York']

type Maker = (world: World, random: Random, now: number) => Change | undefined

const MAKERS: readonly (readonly [weight: number, make: Maker])[] = [
  [6, makeShare],
  [8, changeShare],
  [4, endShare],
  [4, suspendShare],
  [5, removeFromShare],
  [3, makeGuest],
  [6, changeGuest],
  [3, switchGuest],
  [4, changeGroup],
  [2, switchAccount],
  [1, changePlan],
  [1, changeZone],
  [2, changeRole],
  [4, endOrRenewCredential],
]

/** Tries until one fits the world as it is. */
export function randomChange(world: World, random: Random, now: number): Change {
  const whole = MAKERS.reduce((sum, [weight]) => sum + weight, 0)
  for (;;) {
    let at = random.below(whole)
    const maker = MAKERS.find(([weight]) => {
      at -= weight
      return at < 0
    })
    const change = maker?.[1](world, random, now)
    if (change) return change
  }
}

function randomTerms(random: Random, now: number): Pick<Share, 'mask' | 'from' | 'until' | 'windows'> {
  const isBounded = random.chance(0.4)
  const from = isBounded && random.chance(0.5) ? now + (random.below(13) - 10) * HOUR : null
  const until = isBounded ? (from ?? now) + (1 + random.below(16)) * HOUR + random.below(3) - 1 : null
  return { mask: random.pick(MASKS), from, until, windows: random.chance(0.25) ? [randomWindow(random)] : [] }
}

function randomWindow(random: Random): WeeklyWindow {
  const quarter = (count: number) =>
    `${String(Math.floor(count / 4)).padStart(2, '0')}:${String((count % 4) * 15).padStart(2, '0')}`
  const from = random.below(96)
  const days = random.some<Weekday>([1, 2, 3, 4, 5, 6, 7], 0.7)
  const until = quarter((from + 4 + random.below(60)) % 96)
  return { days: days.length > 0 ? days : [7], from: quarter(from), until: until === '00:00' ? '24:00' : until }
}

const open = (share: Share) => share.state === 'accepted' || share.state === 'pending'
const ofShare = (share: Share, name: string): Change => ({
  name,
  // As the product has it: nobody else is concerned, and nothing else of theirs.
  access: { accounts: [share.accountId], devices: [...share.devices.keys()], confined: true },
  write: (tx) => saveShare(tx, share),
})

function hasPlace(world: World, deviceId: string): boolean {
  return world.shares.filter((share) => open(share) && share.devices.get(deviceId) === false).length < SHARES_PER_DEVICE
}

export function makeShare(world: World, random: Random, now: number): Change | undefined {
  // What is over makes room for what is new; the rows stay.
  const over = world.shares.findIndex((share) => !open(share))
  if (over >= 0 && world.shares.length >= MOST_SHARES) forgetShare(world, over)
  if (world.shares.length >= MOST_SHARES) return undefined
  const owner = random.pick(world.accounts.filter(({ role }) => role === 'owner'))
  const to = random.pick(world.accounts.filter(({ companyId }) => companyId !== owner.companyId))
  const mine = world.devices.filter(({ id, companyId }) => companyId === owner.companyId && hasPlace(world, id))
  const devices = random.some(mine, 0.6)
  if (devices.length === 0) return undefined
  const share: Share = {
    ...{ id: random.uuid(), companyId: owner.companyId, createdBy: owner.id, accountId: to.id },
    ...randomTerms(random, now),
    ...{ state: random.chance(0.85) ? 'accepted' : 'pending', suspended: random.chance(0.1) },
    devices: new Map(devices.map(({ id }) => [id, false])),
  }
  world.shares.push(share)
  return ofShare(share, 'share made')
}

function forgetShare(world: World, index: number): void {
  const id = world.shares[index]?.id
  if (!world.credentials.some(({ shareId }) => shareId === id)) world.shares.splice(index, 1)
}

function changeShare(world: World, random: Random, now: number): Change | undefined {
  const shares = world.shares.filter(open)
  if (shares.length === 0) return undefined
  const share = random.pick(shares)
  if (share.state === 'pending') {
    share.state = random.pick(['accepted', 'accepted', 'expired'] as const)
    return ofShare(share, `share ${share.state}`)
  }
  const terms = randomTerms(random, now)
  if (random.chance(0.5)) share.mask = terms.mask
  if (random.chance(0.5)) Object.assign(share, { from: terms.from, until: terms.until })
  if (random.chance(0.3)) share.windows = terms.windows
  return ofShare(share, 'share changed')
}

function endShare(world: World, random: Random): Change | undefined {
  const shares = world.shares.filter(({ state }) => state === 'accepted')
  if (shares.length < 5) return undefined
  const share = random.pick(shares)
  share.state = random.pick(['revoked', 'left'] as const)
  return ofShare(share, `share ${share.state}`)
}

function suspendShare(world: World, random: Random): Change | undefined {
  const shares = world.shares.filter(({ state }) => state === 'accepted')
  if (shares.length === 0) return undefined
  const share = random.pick(shares.filter(({ suspended }) => suspended).concat(random.pick(shares)))
  return toggleSuspended(share)
}

function toggleSuspended(share: Share): Change {
  share.suspended = !share.suspended
  const change = ofShare(share, share.suspended ? 'share suspended' : 'share resumed')
  return { ...change, undo: () => toggleSuspended(share) }
}

function removeFromShare(world: World, random: Random): Change | undefined {
  const share = random.pick(world.shares)
  const [deviceId, isRemoved] = random.pick([...share.devices])
  if (!open(share) || (isRemoved && !hasPlace(world, deviceId))) return undefined
  return toggleRemoved(share, deviceId)
}

function toggleRemoved(share: Share, deviceId: string): Change {
  const isRemoved = share.devices.get(deviceId) !== true
  share.devices.set(deviceId, isRemoved)
  const change = ofShare(share, isRemoved ? 'device removed from share' : 'device shared again')
  return { ...change, undo: () => toggleRemoved(share, deviceId) }
}

const ofGuest = (guest: Guest, name: string): Change => ({
  name,
  access: { accounts: [guest.accountId] },
  write: (tx) => saveGuest(tx, guest),
})

function randomReach(world: World, random: Random, companyId: string): Pick<Guest, 'mode' | 'groups' | 'devices'> {
  const groups = random.some(
    world.groups.filter((group) => group.companyId === companyId),
    0.6,
  )
  const devices = random.some(
    world.devices.filter((device) => device.companyId === companyId),
    0.5,
  )
  return {
    mode: random.pick(['groups', 'groups', 'devices', 'groups-and-devices'] as const),
    groups: new Map(groups.map(({ id }) => [id, random.pick(MASKS)])),
    devices: new Set(devices.map(({ id }) => id)),
  }
}

function makeGuest(world: World, random: Random, now: number): Change | undefined {
  const over = world.guests.findIndex(({ state }) => state === 'ended')
  if (over >= 0) world.guests.splice(over, 1)
  if (world.guests.length >= 6) return undefined
  const host = random.pick(world.accounts.filter(({ role }) => role === 'owner'))
  const to = random.pick(world.accounts.filter(({ companyId }) => companyId !== host.companyId))
  const guest: Guest = {
    ...{ id: random.uuid(), companyId: host.companyId, invitedBy: host.id, accountId: to.id },
    ...randomTerms(random, now),
    ...randomReach(world, random, host.companyId),
    state: random.chance(0.85) ? 'accepted' : 'pending',
    active: random.chance(0.9),
  }
  world.guests.push(guest)
  return ofGuest(guest, 'guest made')
}

function changeGuest(world: World, random: Random, now: number): Change | undefined {
  const guests = world.guests.filter(({ state }) => state !== 'ended')
  if (guests.length === 0) return undefined
  const guest = random.pick(guests)
  if (guest.state === 'pending') guest.state = 'accepted'
  else if (random.chance(0.4)) Object.assign(guest, randomTerms(random, now))
  else {
    const reach = randomReach(world, random, guest.companyId)
    guest.mode = reach.mode
    replace(guest.devices, reach.devices)
    guest.groups.clear()
    for (const [id, mask] of reach.groups) guest.groups.set(id, mask)
  }
  return ofGuest(guest, 'guest changed')
}

function switchGuest(world: World, random: Random): Change | undefined {
  const guests = world.guests.filter(({ state }) => state === 'accepted')
  if (guests.length === 0) return undefined
  const guest = random.pick(guests)
  if (random.chance(0.2)) guest.state = 'ended'
  else guest.active = !guest.active
  return ofGuest(guest, guest.state === 'ended' ? 'guest ended' : 'guest switched')
}

function changeGroup(world: World, random: Random): Change | undefined {
  const group = random.pick(world.groups)
  const device = random.pick(world.devices.filter(({ companyId }) => companyId === group.companyId))
  if (!group.devices.delete(device.id)) group.devices.add(device.id)
  return {
    name: 'group changed',
    access: { accounts: peopleOf(world, group.companyId), devices: [device.id] },
    write: (tx) => saveGroup(tx, group),
  }
}

function switchAccount(world: World, random: Random): Change | undefined {
  // An owner each must stay active: the database sees to that.
  const account = random.pick(world.accounts.filter(({ role }) => role === 'member'))
  const isOff = world.accounts.find(({ active }) => !active)
  const one: Account = isOff ?? account
  one.active = !one.active
  const { id, active } = one
  return {
    name: active ? 'account reactivated' : 'account deactivated',
    access: { accounts: [id] },
    write: async (tx) => {
      await tx.updateTable('account').set({ active }).where('id', '=', id).execute()
    },
  }
}

function changePlan(world: World, random: Random): Change {
  const device = random.pick(world.devices)
  device.plan = random.pick(['basic', 'standard', 'advanced'] as const)
  const { id, plan } = device
  return {
    name: 'plan changed',
    access: { devices: [id] },
    write: async (tx) => {
      await tx.updateTable('device').set({ plan }).where('id', '=', id).execute()
    },
  }
}

function changeZone(world: World, random: Random): Change {
  const device = random.pick(world.devices)
  device.zone = random.pick(ZONES)
  const { id, zone } = device
  return {
    name: 'time zone changed',
    access: { devices: [id] },
    write: async (tx) => {
      await tx.updateTable('device').set({ time_zone: zone }).where('id', '=', id).execute()
    },
  }
}

function changeRole(world: World, random: Random): Change {
  const company = random.pick(world.companies)
  company.memberMask = random.pick([127, 15, 0, 14])
  return {
    name: "members' role changed",
    access: { accounts: peopleOf(world, company.id) },
    write: (tx) => saveCompany(tx, company),
  }
}

function endOrRenewCredential(world: World, random: Random, now: number): Change | undefined {
  const index = random.below(world.credentials.length)
  const before = world.credentials[index]
  if (!before) return undefined
  if (isLive(world, before, now) && random.chance(0.5)) {
    before.ended = true
    return {
      name: `${before.kind} ended`,
      access: { credentials: [before.id] },
      write: (tx) => endCredential(tx, before),
    }
  }
  if (isLive(world, before, now) || !find(world.accounts, before.accountId).active) return undefined
  const made = randomCredential(world, random, now, before.kind, before.accountId)
  if (!made) return undefined
  // The one that it replaces may not be quite over: its clock may be put back.
  before.ended = true
  world.credentials[index] = made
  return {
    name: `${made.kind} made`,
    access: { credentials: [before.id] },
    write: async (tx) => {
      await endCredential(tx, before)
      await insertCredential(tx, made)
    },
  }
}

export function randomCredential(
  world: World,
  random: Random,
  now: number,
  kind: Credential['kind'],
  accountId: string,
): Credential | undefined {
  const shares = world.shares.filter(({ state }) => state === 'accepted')
  if (kind === 'share' && shares.length === 0) return undefined
  const share = kind === 'share' ? random.pick(shares) : undefined
  const isNarrow = kind === 'token' && random.chance(0.5)
  return {
    ...{ id: random.uuid(), kind, token: random.token(), ended: false },
    accountId: share?.accountId ?? accountId,
    shareId: share?.id ?? null,
    mask: kind === 'session' ? EVERYTHING : random.pick([15, 15, 127, EVERYTHING, 14]),
    devices: isNarrow ? new Set(random.some(world.devices, 0.6).map(({ id }) => id)) : null,
    expiresAt: kind !== 'session' && random.chance(0.4) ? now + (1 + random.below(30)) * HOUR : null,
  }
}

/** As the product has it: whose rights follow from the company's devices. */
function peopleOf(world: World, companyId: string): string[] {
  const people = world.accounts.filter((account) => account.companyId === companyId).map(({ id }) => id)
  const guests = world.guests.filter((guest) => guest.companyId === companyId && guest.state === 'accepted')
  return [...people, ...guests.map(({ accountId }) => accountId)]
}

function replace<T>(set: Set<T>, by: ReadonlySet<T>): void {
  set.clear()
  for (const one of by) set.add(one)
}
