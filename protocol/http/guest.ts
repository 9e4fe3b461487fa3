// Groups of devices, roles, and guests of a company (R30-R35).
import { z } from 'zod'
import { GUEST_MODES, GUEST_STATES } from '../policy.ts'
import { SHARE_ROLES } from '../privilege.ts'
import { EmailAddress, Instant, PrivilegeList, pageOf, WindowList } from './common.ts'
import { EdgeReport, GIVEN_ONCE, IN_ORDER, isGivenOnce, isInOrder } from './share.ts'

const Name = z.string().trim().min(1, 'give it a name').max(64)
const Ids = z.array(z.uuid().toLowerCase()).max(1000)
const Named = z.object({ id: z.uuid(), name: z.string() })

export const NewGroup = z.strictObject({ name: Name, deviceIds: Ids.default([]) })
export const GroupChange = z.strictObject({ name: Name, deviceIds: Ids }).partial()
export const GroupView = z.object({
  id: z.uuid(),
  name: z.string(),
  devices: z.array(Named),
  /** Guests whose rights follow from it. */
  guests: z.int(),
})
export type GroupView = z.infer<typeof GroupView>
export const GroupList = z.object({ items: z.array(GroupView) })
export const GroupChangeAnswer = z.object({ group: GroupView, access: EdgeReport })
/** `DELETE` of a group, a role. */
export const DeletionAnswer = z.object({ access: EdgeReport })

export const NewRole = z.strictObject({ name: Name, privileges: PrivilegeList.min(1, 'tick at least one privilege') })
export const RoleChange = z.strictObject({ name: Name, privileges: PrivilegeList.min(1) }).partial()
export const RoleView = z.object({
  id: z.uuid(),
  name: z.string(),
  privileges: PrivilegeList,
  /** Who has it now. */
  inUse: z.object({ guests: z.int(), shares: z.int() }),
})
export type RoleView = z.infer<typeof RoleView>
export const RoleList = z.object({ items: z.array(RoleView) })
export const RoleChangeAnswer = z.object({ role: RoleView, access: EdgeReport })
/** `DELETE /company/roles/{id}`: a role in use is refused (`role-in-use`) unless another one takes its place. */
export const RoleDeletion = z.object({ replacement: z.uuid().toLowerCase().optional() })

const Given = {
  role: z.enum(SHARE_ROLES).optional(),
  roleId: z.uuid().toLowerCase().optional(),
  privileges: PrivilegeList.min(1, 'tick at least one privilege').optional(),
}
const GroupScope = z.strictObject({ groupId: z.uuid().toLowerCase(), ...Given }).refine(isGivenOnce, GIVEN_ONCE)

/** R32. `groups` in the mode `groups`, `deviceIds` in the mode `devices`; in `groups` the entry's own role does not count. */
const Workspace = {
  mode: z.enum(GUEST_MODES),
  groups: z.array(GroupScope).max(100),
  deviceIds: Ids,
}
const Times = { from: Instant.nullable(), until: Instant.nullable(), windows: WindowList }

export const NewGuest = z
  .strictObject({
    email: z.string().trim().min(1, 'enter an e-mail address').max(254).pipe(EmailAddress),
    active: z.boolean().default(true),
    ...Given,
    mode: Workspace.mode.default('devices'),
    groups: Workspace.groups.default([]),
    deviceIds: Ids.default([]),
    from: Times.from.default(null),
    until: Times.until.default(null),
    windows: WindowList.default([]),
  })
  .refine(isGivenOnce, GIVEN_ONCE)
  .refine(isInOrder, IN_ORDER)
export type NewGuest = z.input<typeof NewGuest>

/** What is left out stays. */
export const GuestChange = z
  .strictObject({ active: z.boolean(), ...Workspace, ...Times })
  .partial()
  .extend(Given)
  .refine(isGivenOnce, GIVEN_ONCE)
  .refine(isInOrder, IN_ORDER)
export type GuestChange = z.infer<typeof GuestChange>

export const GuestView = z.object({
  id: z.uuid(),
  email: z.string(),
  /** The guest's name, once accepted. */
  name: z.string().nullable(),
  state: z.enum(GUEST_STATES),
  /** R31: both are needed. `validated` is the guest's. */
  active: z.boolean(),
  validated: z.boolean(),
  mode: z.enum(GUEST_MODES),
  privileges: PrivilegeList,
  role: Named.nullable(),
  groups: z.array(z.object({ groupId: z.uuid(), name: z.string(), privileges: PrivilegeList, role: Named.nullable() })),
  devices: z.array(Named),
  from: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  invitedBy: z.string(),
  sentAt: Instant,
  invitationExpiresAt: Instant.nullable(),
  answeredAt: Instant.nullable(),
  endedAt: Instant.nullable(),
})
export type GuestView = z.infer<typeof GuestView>
export const GuestPage = pageOf(GuestView)
export const GuestQuery = z.object({
  state: z.enum(['open', 'ended', 'all']).default('open'),
  search: z.string().max(100).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(100),
})
export const GuestChangeAnswer = z.object({ guest: GuestView, access: EdgeReport })
export type GuestChangeAnswer = z.infer<typeof GuestChangeAnswer>

/** `GET /companies`: companies that the asker is a guest of (R34, R35). Invitations are at `GET /invitations`. */
export const HostView = z.object({
  /** The company. */
  id: z.uuid(),
  name: z.string(),
  guestId: z.uuid(),
  invitedBy: z.string(),
  /** False: the company has switched the entry off for now. */
  active: z.boolean(),
  from: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  /** That may be seen at this moment. */
  devices: z.int(),
})
export type HostView = z.infer<typeof HostView>
export const HostList = z.object({ items: z.array(HostView) })
/** `DELETE /companies/{id}`: the guest leaves. */
export const HostLeaveAnswer = z.object({ access: EdgeReport })
