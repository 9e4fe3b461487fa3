// From what the database holds to what the API shows.
import type { Account } from '@ridethrough/db/query/account.ts'
import type { Device } from '@ridethrough/db/query/device.ts'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { type Grant, privilegesAt, type Via, viaOf } from '@ridethrough/protocol/policy.ts'
import { privilegesOf, SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { stateView } from './freshness.ts'
import type { SeenShare } from './share/change.ts'
import { endedAt, stateAt } from './share/state.ts'

type Person = { readonly name: string; readonly email: string }

export function accountView(account: Account): AccountView {
  return { ...account, company: { ...account.company }, createdAt: account.createdAt.toISOString() }
}

export type ViaKind = DeviceView['via']

/** `undefined` when the device may not be seen at this instant. `kinds`: the ways to it that are shown first. */
export function deviceView(
  device: Device,
  rights: Rights,
  sharers: ReadonlyMap<string, Person>,
  now: number,
  kinds?: ReadonlySet<ViaKind>,
): DeviceView | undefined {
  const grants = rights.byDevice.get(device.id) ?? []
  const shown = kinds && viaOf(grantsThrough(rights, device.id, kinds), 'monitor', now)
  const via = shown ?? viaOf(grants, 'monitor', now)
  if (via === undefined) return undefined
  const shareId = shareIdOf(via)
  return {
    id: device.id,
    name: device.name,
    mfr: device.mfr,
    model: device.model,
    serial: device.serial,
    plan: device.plan,
    timeZone: device.timeZone,
    via: kindOf(via),
    company: shareId === undefined ? { id: device.companyId, name: device.companyName } : null,
    sharedBy: (shareId === undefined ? undefined : sharers.get(shareId)) ?? null,
    until: endOf(grants.find((grant) => grant.via === via)),
    windows: [...(grants.find((grant) => grant.via === via)?.windows ?? [])],
    privileges: privilegesOf(privilegesAt(grants, now)),
    state: stateView(device.id, device.status, now),
  }
}

/** The grants on a device that come by one of these ways. */
export function grantsThrough(rights: Rights, deviceId: string, kinds: ReadonlySet<ViaKind>): Grant[] {
  return (rights.byDevice.get(deviceId) ?? []).filter(({ via }) => kinds.has(kindOf(via)))
}

/** The shares by which any of these devices is held. */
export function shareIdsOf(rights: Rights, deviceIds: readonly string[]): string[] {
  const ids = new Set<string>()
  for (const deviceId of deviceIds) {
    for (const { via } of rights.byDevice.get(deviceId) ?? []) {
      const shareId = shareIdOf(via)
      if (shareId !== undefined) ids.add(shareId)
    }
  }
  return [...ids]
}

export function shareIdOf(via: Via): string | undefined {
  return via.startsWith('share:') ? via.slice('share:'.length) : undefined
}

function kindOf(via: Via): ViaKind {
  const [kind] = via.split(':')
  return kind === 'owner' || kind === 'member' || kind === 'share' || kind === 'guest' ? kind : 'share'
}

export function shareView({ share, side }: SeenShare, now: number): ShareView {
  return {
    id: share.id,
    state: stateAt(share, now),
    suspended: share.suspendedAt !== null,
    email: share.email,
    // Who has the address is told once they have accepted, and not before.
    recipient: share.acceptedAt === null || share.recipientName === null ? null : { name: share.recipientName },
    sharedBy: { name: share.sharedBy.name, email: share.sharedBy.email },
    devices: share.devices.map(({ id, name, model, timeZone }) => ({ id, name, model, timeZone })),
    removedDevices:
      side === 'recipient'
        ? share.removedDevices.filter(({ by }) => by === 'recipient').map(({ id, name }) => ({ id, name }))
        : [],
    privileges: privilegesOf(share.privileges & SHAREABLE),
    role: share.role,
    windows: [...share.windows],
    acceptedAt: share.acceptedAt?.toISOString() ?? null,
    endedAt: endedAt(share, now)?.toISOString() ?? null,
    side,
    from: share.startsAt?.toISOString() ?? null,
    until: share.endsAt?.toISOString() ?? null,
    createdAt: share.createdAt.toISOString(),
    invitationExpiresAt: share.codeExpiresAt?.toISOString() ?? null,
  }
}

function endOf(grant: Grant | undefined): string | null {
  const ends = (grant?.periods ?? []).map((period) => period.until).filter((until) => until !== null)
  return ends.length > 0 ? new Date(Math.min(...ends)).toISOString() : null
}
