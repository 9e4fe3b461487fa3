// Groups, roles, guests and host companies as the API shows them.
import type { Group } from '@ridethrough/db/query/group.ts'
import type { Guest } from '@ridethrough/db/query/guest.ts'
import type { ReceivedInvitationView } from '@ridethrough/protocol/http/company.ts'
import type { GroupView, GuestView, HostView, RoleView } from '@ridethrough/protocol/http/guest.ts'
import { viaOf } from '@ridethrough/protocol/policy.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { mayOn, type Rights } from '@ridethrough/protocol/rights.ts'
import type { RoleInUse } from './role.ts'

/** `asked`: by whom, to whom devices that they may not see are not there. */
export function groupView(group: Group, asked?: { readonly rights: Rights; readonly now: number }): GroupView {
  const isVisible = ({ id }: { id: string }) => !asked || mayOn(asked.rights, 'monitor', id, asked.now) !== undefined
  return { ...group, devices: group.devices.filter(isVisible) }
}

export function roleView({ id, name, privileges, inUse }: RoleInUse): RoleView {
  return { id, name, privileges: privilegesOf(privileges), inUse: { ...inUse } }
}

export function guestView(guest: Guest, now: number): GuestView {
  const { id, email, active, mode, role, startsAt, endsAt, codeExpiresAt } = guest
  return {
    ...{ id, email, active, mode, role, name: guest.state === 'pending' ? null : guest.name },
    state: stateAt(guest, now),
    validated: guest.state === 'accepted',
    privileges: privilegesOf(guest.privileges),
    groups: guest.groups.map((group) => ({
      ...{ groupId: group.id, name: group.name, privileges: privilegesOf(group.privileges), role: group.role },
    })),
    devices: guest.devices.map((device) => ({ ...device })),
    from: startsAt?.toISOString() ?? null,
    until: endsAt?.toISOString() ?? null,
    windows: [...guest.windows],
    invitedBy: guest.invitedBy.name,
    sentAt: guest.sentAt.toISOString(),
    invitationExpiresAt: codeExpiresAt?.toISOString() ?? null,
    answeredAt: guest.answeredAt?.toISOString() ?? null,
    endedAt: guest.endedAt?.toISOString() ?? null,
  }
}

/** Time runs out without anybody writing it down. */
function stateAt({ state, endsAt, codeExpiresAt }: Guest, now: number): GuestView['state'] {
  if (state !== 'pending' && state !== 'accepted') return state
  if (endsAt && endsAt.getTime() <= now) return 'expired'
  return state === 'pending' && codeExpiresAt && codeExpiresAt.getTime() <= now ? 'expired' : state
}

export function receivedGuestView(guest: Guest): ReceivedInvitationView {
  const { name, email } = guest.invitedBy
  return {
    ...{ id: guest.id, as: 'guest', role: null, obstacle: null, company: guest.company.name },
    invitedBy: { name, email },
    // Those without a code are not among what can be answered.
    expiresAt: (guest.codeExpiresAt ?? guest.sentAt).toISOString(),
  }
}

/** The count is what the asker's own rights allow at this instant by this entry, never what the company has. */
export function hostView(guest: Guest, rights: Rights, now: number): HostView {
  const via = `guest:${guest.id}`
  const grants = [...rights.byDevice.values()].map((all) => all.filter((grant) => grant.via === via))
  return {
    ...{ id: guest.company.id, name: guest.company.name, guestId: guest.id, active: guest.active },
    invitedBy: guest.invitedBy.name,
    from: guest.startsAt?.toISOString() ?? null,
    until: guest.endsAt?.toISOString() ?? null,
    windows: [...guest.windows],
    devices: grants.filter((own) => viaOf(own, 'monitor', now) !== undefined).length,
  }
}
