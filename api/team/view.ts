// Companies, people and invitations as the API shows them.
import type { Invitation } from '@ridethrough/db/query/invitation.ts'
import type { Member } from '@ridethrough/db/query/member.ts'
import type {
  CompanyView,
  InvitationView,
  MemberView,
  ReceivedInvitationView,
} from '@ridethrough/protocol/http/company.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { CompanySheet } from './company.ts'
import type { Received } from './joining.ts'

export function companyView({ company, counts }: CompanySheet): CompanyView {
  return { ...company, memberPrivileges: privilegesOf(company.memberPrivileges), counts: { ...counts } }
}

export function memberView(member: Member, asker: string): MemberView {
  return {
    ...member,
    isYou: member.id === asker,
    joinedAt: member.joinedAt.toISOString(),
    lastSeenAt: member.lastSeenAt?.toISOString() ?? null,
  }
}

export function invitationView(invitation: Invitation, now: number): InvitationView {
  const { id, email, role, state, invitedBy, sentAt, expiresAt } = invitation
  return {
    ...{ id, email, role },
    // Time runs out without anybody writing it down.
    state: state === 'pending' && expiresAt.getTime() <= now ? 'expired' : state,
    invitedBy: invitedBy.name,
    sentAt: sentAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  }
}

export function receivedView({ invitation, obstacle }: Received): ReceivedInvitationView {
  return {
    id: invitation.id,
    as: 'member',
    company: invitation.company.name,
    invitedBy: { ...invitation.invitedBy },
    role: invitation.role,
    expiresAt: invitation.expiresAt.toISOString(),
    obstacle,
  }
}
