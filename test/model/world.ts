// The model: what was given to whom, as plain facts, and who may therefore see what. Nothing of the product's rules is asked here.
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { insideWindows } from '../policy/reference.ts'

export type Terms = { mask: number; from: number | null; until: number | null; windows: WeeklyWindow[] }

export type Company = { readonly id: string; memberMask: number }
export type Account = {
  readonly id: string
  readonly companyId: string
  readonly role: 'owner' | 'member'
  active: boolean
}
export type Device = {
  readonly id: string
  readonly companyId: string
  readonly agent: number
  plan: 'basic' | 'standard' | 'advanced'
  zone: string
  /** The newest sequence published, 0 for none. */
  seq: number
  /** How many messages it has shown between its samples. */
  shown: number
}
export type Share = Terms & {
  readonly id: string
  readonly companyId: string
  readonly createdBy: string
  readonly accountId: string
  state: 'pending' | 'accepted' | 'left' | 'revoked' | 'expired'
  suspended: boolean
  /** `true`: taken out of it again, by either side. */
  readonly devices: Map<string, boolean>
}
export type Group = { readonly id: string; readonly companyId: string; readonly devices: Set<string> }
export type Guest = Terms & {
  readonly id: string
  readonly companyId: string
  readonly invitedBy: string
  readonly accountId: string
  state: 'pending' | 'accepted' | 'ended'
  active: boolean
  mode: 'groups-and-devices' | 'groups' | 'devices'
  readonly groups: Map<string, number>
  readonly devices: Set<string>
}
/** `mask` and `devices` are what it narrows its account to; `shareId`: the one share that it is worth. */
export type Credential = {
  readonly id: string
  readonly kind: 'session' | 'token' | 'share'
  readonly accountId: string
  readonly token: string
  readonly mask: number
  readonly devices: ReadonlySet<string> | null
  readonly shareId: string | null
  readonly expiresAt: number | null
  ended: boolean
}

export type World = {
  readonly companies: Company[]
  readonly accounts: Account[]
  readonly devices: Device[]
  readonly shares: Share[]
  readonly groups: Group[]
  readonly guests: Guest[]
  readonly credentials: Credential[]
}

const MONITOR = 1
export const EVERYTHING = 2 ** 13 - 1

/** A way that leads to the device, be it open at this hour or not. */
type Way = { readonly from: number | null; readonly until: number | null; readonly windows: readonly WeeklyWindow[] }

/** May it connect, and stay connected? */
export function isLive(world: World, credential: Credential, now: number): boolean {
  const account = find(world.accounts, credential.accountId)
  if (credential.ended || !account.active) return false
  if (credential.expiresAt !== null && now >= credential.expiresAt) return false
  if (credential.shareId === null) return true
  const share = find(world.shares, credential.shareId)
  return share.state === 'accepted' && (share.until === null || now < share.until)
}

/** May it be shown the device's state at this instant? */
export function maySee(world: World, credential: Credential, device: Device, now: number): boolean {
  if (!isLive(world, credential, now)) return false
  for (const way of waysTo(world, credential, device)) {
    if (way.from !== null && now < way.from) continue
    if (way.until !== null && now >= way.until) continue
    if (insideWindows(way.windows, device.zone, now)) return true
  }
  return false
}

/** May it, now or at a later time, if nothing else changes? A subscription to the one device lasts as long as this does. */
export function mayEverSee(world: World, credential: Credential, device: Device, now: number): boolean {
  return waysTo(world, credential, device).some((way) => way.until === null || now < way.until)
}

export function waysTo(world: World, credential: Credential, device: Device): Way[] {
  const ways: Way[] = []
  const account = find(world.accounts, credential.accountId)
  const sees = (mask: number) => (mask & MONITOR) === MONITOR
  if (!account.active || !sees(credential.mask)) return []
  if (credential.devices !== null && !credential.devices.has(device.id)) return []
  if (credential.shareId === null && account.companyId === device.companyId) {
    const mask = account.role === 'owner' ? EVERYTHING : find(world.companies, account.companyId).memberMask
    if (sees(mask)) ways.push({ from: null, until: null, windows: [] })
  }
  for (const share of world.shares) {
    if (share.accountId !== account.id || share.state !== 'accepted' || share.suspended) continue
    if (credential.shareId !== null && credential.shareId !== share.id) continue
    if (sees(share.mask) && share.devices.get(device.id) === false) ways.push(share)
  }
  for (const guest of world.guests) {
    if (guest.accountId !== account.id || guest.companyId !== device.companyId || credential.shareId !== null) continue
    if (guest.state === 'accepted' && guest.active && sees(givenToGuest(world, guest, device))) ways.push(guest)
  }
  return ways
}

function givenToGuest(world: World, guest: Guest, device: Device): number {
  if (guest.mode === 'groups-and-devices') return guest.mask
  if (guest.mode === 'devices') return guest.devices.has(device.id) ? guest.mask : 0
  let mask = 0
  for (const [groupId, given] of guest.groups) {
    if (find(world.groups, groupId).devices.has(device.id)) mask |= given
  }
  return mask
}

export function find<T extends { readonly id: string }>(list: readonly T[], id: string): T {
  const found = list.find((one) => one.id === id)
  if (!found) throw new Error(`the model knows no ${id}`)
  return found
}

/** MQTT's rule for filters, level by level [MQTT-4.7.1]. */
export function covers(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const given = topic.split('/')
  for (let level = 0; ; level += 1) {
    if (wanted[level] === '#') return true
    if (level === wanted.length || level === given.length) return wanted.length === given.length
    if (wanted[level] !== '+' && wanted[level] !== given[level]) return false
  }
}

/** The one device that a filter names. */
export function namedDevice(world: World, filter: string): Device | undefined {
  return world.devices.find(({ id }) => filter.split('/').includes(id))
}
