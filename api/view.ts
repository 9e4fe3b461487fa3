// From what the database holds to what the API shows.
import type { Account } from '@ridethrough/db/query/account.ts'
import type { Device } from '@ridethrough/db/query/device.ts'
import type { Share } from '@ridethrough/db/query/share.ts'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { type Grant, privilegesAt, type Via, viaOf } from '@ridethrough/protocol/policy.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { stateView } from './freshness.ts'

type Person = { readonly name: string; readonly email: string }

export function accountView(account: Account): AccountView {
  return { ...account, company: { ...account.company }, createdAt: account.createdAt.toISOString() }
}

/** `undefined` when the device may not be seen at this instant. */
export function deviceView(
  device: Device,
  rights: Rights,
  sharers: ReadonlyMap<string, Person>,
  now: number,
): DeviceView | undefined {
  const grants = rights.byDevice.get(device.id) ?? []
  const via = viaOf(grants, 'monitor', now)
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

function kindOf(via: Via): DeviceView['via'] {
  const [kind] = via.split(':')
  return kind === 'owner' || kind === 'member' || kind === 'share' || kind === 'guest' ? kind : 'share'
}

/** As the account sees it: the recipient, or one of those who manage it. */
export function shareView(share: Share, accountId: string, now: number): ShareView {
  const side = share.accountId === accountId ? 'recipient' : 'owner'
  return {
    id: share.id,
    state: stateAt(share, now),
    suspended: share.suspendedAt !== null,
    email: share.email,
    recipient: share.state === 'pending' || share.recipientName === null ? null : { name: share.recipientName },
    sharedBy: { name: share.sharedBy.name, email: share.sharedBy.email },
    devices: share.devices.map(({ id, name, model, timeZone }) => ({ id, name, model, timeZone })),
    removedDevices:
      side === 'recipient'
        ? share.removedDevices.filter(({ by }) => by === 'recipient').map(({ id, name }) => ({ id, name }))
        : [],
    privileges: privilegesOf(share.privileges),
    role: share.role,
    windows: [...share.windows],
    acceptedAt: share.acceptedAt?.toISOString() ?? null,
    endedAt: share.endedAt?.toISOString() ?? null,
    side,
    from: share.startsAt?.toISOString() ?? null,
    until: share.endsAt?.toISOString() ?? null,
    createdAt: share.createdAt.toISOString(),
    invitationExpiresAt: share.codeExpiresAt?.toISOString() ?? null,
  }
}

/** Time runs out without anybody writing it down. */
function stateAt(share: Share, now: number): ShareView['state'] {
  const isOpen = share.state === 'pending' || share.state === 'accepted'
  if (isOpen && share.endsAt && share.endsAt.getTime() <= now) return 'expired'
  if (share.state === 'pending' && share.codeExpiresAt && share.codeExpiresAt.getTime() <= now) return 'expired'
  return share.state
}

function endOf(grant: Grant | undefined): string | null {
  const ends = (grant?.periods ?? []).map((period) => period.until).filter((until) => until !== null)
  return ends.length > 0 ? new Date(Math.min(...ends)).toISOString() : null
}
