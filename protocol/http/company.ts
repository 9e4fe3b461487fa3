// The team of a company (R40-R45), invitations to it, and the first start of an installation.
import { z } from 'zod'
import { NewPassword } from './account.ts'
import { EmailAddress, Instant, PrivilegeList, pageOf } from './common.ts'
import { EdgeReport } from './share.ts'

export const TeamRole = z.enum(['owner', 'member'])
export type TeamRole = z.infer<typeof TeamRole>

export const CompanyView = z.object({
  id: z.uuid(),
  name: z.string(),
  /** What its members may do on its devices. */
  memberPrivileges: PrivilegeList,
  requiresSecondFactor: z.boolean(),
  requiresStepUp: z.boolean(),
  /** Ordinary actions of its people are logged; changes of access and refusals always are. */
  logsOrdinary: z.boolean(),
  counts: z.object({ active: z.int(), inactive: z.int(), invited: z.int(), devices: z.int() }),
})
export type CompanyView = z.infer<typeof CompanyView>

export const CompanyChange = z.strictObject({
  name: z.string().trim().min(1).max(100).optional(),
  memberPrivileges: PrivilegeList.optional(),
  requiresSecondFactor: z.boolean().optional(),
  requiresStepUp: z.boolean().optional(),
  logsOrdinary: z.boolean().optional(),
})

export const MemberView = z.object({
  id: z.uuid(),
  name: z.string(),
  email: z.string(),
  role: TeamRole,
  active: z.boolean(),
  hasSecondFactor: z.boolean(),
  isYou: z.boolean(),
  joinedAt: Instant,
  lastSeenAt: Instant.nullable(),
})
export type MemberView = z.infer<typeof MemberView>
export const MemberPage = pageOf(MemberView)

const flag = z.enum(['true', 'false']).transform((text) => text === 'true')
export const MemberQuery = z.object({
  state: z.enum(['active', 'inactive']).optional(),
  /** Part of the name or the address. */
  search: z.string().max(100).optional(),
  role: TeamRole.optional(),
  secondFactor: flag.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(100),
})

/** Promote, demote, deactivate, reactivate: one change at a time. */
export const MemberChange = z.union([z.strictObject({ role: TeamRole }), z.strictObject({ active: z.boolean() })])
/** `access` says what was cut before this was answered. */
export const MemberChangeAnswer = z.object({ member: MemberView, access: EdgeReport })
export type MemberChangeAnswer = z.infer<typeof MemberChangeAnswer>
/** `DELETE /company/members/me` (leave): the account is then in a company of its own. */
export const LeaveAnswer = z.object({ companyId: z.uuid(), access: EdgeReport })

/** R40: an empty address, a malformed one and one that is invited already each get their own message. */
export const NewInvitation = z.strictObject({
  email: z.string().trim().min(1, 'enter an e-mail address').max(254).pipe(EmailAddress),
  role: TeamRole.default('member'),
})

export const InvitationState = z.enum(['pending', 'accepted', 'declined', 'withdrawn', 'expired'])
export const InvitationView = z.object({
  id: z.uuid(),
  email: z.string(),
  role: TeamRole,
  state: InvitationState,
  invitedBy: z.string(),
  sentAt: Instant,
  expiresAt: Instant,
})
export type InvitationView = z.infer<typeof InvitationView>
export const InvitationPage = pageOf(InvitationView)

/**
 * `GET /invitations`: those to the asker's own address, as a co-worker or as a guest (whose `role` is `null`). `obstacle`
 * says why it cannot be accepted yet.
 */
export const ReceivedInvitationView = z.object({
  id: z.uuid(),
  as: z.enum(['member', 'guest']),
  company: z.string(),
  invitedBy: z.object({ name: z.string(), email: z.string() }),
  role: TeamRole.nullable(),
  expiresAt: Instant,
  obstacle: z.enum(['devices', 'people']).nullable(),
})
export type ReceivedInvitationView = z.infer<typeof ReceivedInvitationView>
export const ReceivedInvitationPage = pageOf(ReceivedInvitationView)
export const InvitationProof = z.strictObject({ code: z.string().min(1).max(64) })

/** `GET /setup`: whether the installation waits for its operator. */
export const SetupView = z.object({ needsOperator: z.boolean() })
/** `POST /setup`: the code is the one that the server printed at its first start. */
export const Operator = z.strictObject({
  code: z.string().min(1).max(64),
  email: EmailAddress,
  name: z.string().trim().min(1).max(100),
  password: NewPassword,
})
