// What of a sheet of facts bears on one subject, found without looking through the facts of everybody else on it.
import { type DeviceFact, type Facts, type GuestFact, NO_FACTS, type Subject } from './policy.ts'

// Nothing is decided here: `decide` answers from these facts as it does from all. So this is not among what is mutated; whatever
// it left out, test/policy/rights.test.ts would miss, and whatever it left in, `decide` would leave out.
export type Bearing = { readonly device: DeviceFact; readonly facts: Facts }

type Placed = { readonly place: number; readonly device: DeviceFact }

type Devices = {
  readonly byId: ReadonlyMap<string, Placed>
  readonly ofCompany: ReadonlyMap<string, readonly string[]>
}

// A sheet is read for many principals at once and asked for each of them: it is sorted out once, and never changed after.
const factsOf = new WeakMap<Facts, ReadonlyMap<string, Facts>>()
const devicesOf = new WeakMap<readonly DeviceFact[], Devices>()

/** The devices to which the subject may have a way, in the order of `devices`, each with the facts that tell of it. */
export function bearingOn(subject: Subject, devices: readonly DeviceFact[], facts: Facts): Bearing[] {
  const sorted = memo(devicesOf, devices, sortDevices)
  const own = memo(factsOf, facts, sortFacts).get(ownerOf(subject)) ?? NO_FACTS
  const shares = byDevice(own.shares, (share) => [...share.deviceIds, ...share.removedIds])
  const guests = byDevice(own.guests, (guest) => devicesOfGuest(guest, sorted))
  const links = byDevice(own.links, (link) => link.deviceIds)
  const staff = own.memberships.flatMap(({ companyId }) => sorted.ofCompany.get(companyId) ?? [])
  const ids = new Set([...staff, ...shares.keys(), ...guests.keys(), ...links.keys()])
  return inOrder(ids, devices, sorted).map((device) => ({
    device,
    facts: {
      memberships: own.memberships,
      shares: shares.get(device.id) ?? [],
      guests: guests.get(device.id) ?? [],
      links: links.get(device.id) ?? [],
    },
  }))
}

/** Whoever has most of the sheet is not sorted into an order that the sheet has already. */
function inOrder(ids: ReadonlySet<string>, devices: readonly DeviceFact[], { byId }: Devices): readonly DeviceFact[] {
  if (ids.size * 4 > devices.length) return devices.filter(({ id }) => ids.has(id))
  return [...ids]
    .flatMap((id) => byId.get(id) ?? [])
    .sort((a, b) => a.place - b.place)
    .map(({ device }) => device)
}

function devicesOfGuest({ companyId, mode, groups, deviceIds }: GuestFact, devices: Devices): readonly string[] {
  if (mode === 'devices') return deviceIds
  if (mode === 'groups') return groups.flatMap((group) => group.deviceIds)
  return devices.ofCompany.get(companyId) ?? []
}

function sortFacts(facts: Facts): ReadonlyMap<string, Facts> {
  const memberships = groupBy(facts.memberships, ({ accountId }) => accountOf(accountId))
  const shares = groupBy(facts.shares, ({ accountId }) => accountOf(accountId))
  const guests = groupBy(facts.guests, ({ accountId }) => accountOf(accountId))
  const links = groupBy(facts.links, ({ id }) => linkOf(id))
  const owners = new Set([...memberships.keys(), ...links.keys()])
  return new Map(
    [...owners].map((owner) => [
      owner,
      {
        memberships: memberships.get(owner) ?? [],
        shares: shares.get(owner) ?? [],
        guests: guests.get(owner) ?? [],
        links: links.get(owner) ?? [],
      },
    ]),
  )
}

function sortDevices(devices: readonly DeviceFact[]): Devices {
  const ofCompany = groupBy(devices, ({ companyId }) => companyId)
  return {
    byId: new Map(devices.map((device, place) => [device.id, { place, device }])),
    ofCompany: new Map([...ofCompany].map(([companyId, list]) => [companyId, list.map(({ id }) => id)])),
  }
}

function ownerOf(subject: Subject): string {
  return 'linkId' in subject ? linkOf(subject.linkId) : accountOf(subject.accountId)
}

const accountOf = (id: string | null) => `account ${id}`
const linkOf = (id: string) => `link ${id}`

function byDevice<T>(list: readonly T[], idsOf: (one: T) => readonly string[]): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const one of list) for (const id of new Set(idsOf(one))) put(found, id, one)
  return found
}

function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const one of list) put(found, keyOf(one), one)
  return found
}

function put<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

function memo<K extends object, V>(kept: WeakMap<K, V>, key: K, make: (key: K) => V): V {
  const known = kept.get(key)
  if (known) return known
  const made = make(key)
  kept.set(key, made)
  return made
}
