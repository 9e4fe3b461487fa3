// Shares: `/shares`, granted by one person and received by another.
import { z } from 'zod'
import { SHARE_STATES } from '../policy.ts'
import { SHARE_ROLES } from '../privilege.ts'
import { EmailAddress, Instant, PrivilegeList, pageOf } from './common.ts'

const DeviceIds = z.array(z.uuid().toLowerCase()).min(1, 'choose at least one device').max(100)

/** A role or ticked privileges, not both; neither means `viewer`. `from`/`until` left out: from now, until revoked (R15). */
export const NewShare = z
  .strictObject({
    email: EmailAddress,
    deviceIds: DeviceIds,
    role: z.enum(SHARE_ROLES).optional(),
    privileges: PrivilegeList.min(1, 'tick at least one privilege').optional(),
    from: Instant.nullish(),
    until: Instant.nullish(),
  })
  .refine((share) => !(share.role && share.privileges), {
    path: ['privileges'],
    message: 'give a role or privileges, not both',
  })
  .refine((share) => !share.from || !share.until || share.from < share.until, {
    path: ['until'],
    message: 'the end must come after the start',
  })
export type NewShare = z.infer<typeof NewShare>

export const ShareCode = z.strictObject({ code: z.string().min(1).max(64) })
export const ShareQuery = z.object({ direction: z.enum(['granted', 'received']) })

export const ShareView = z.object({
  id: z.uuid(),
  state: z.enum(SHARE_STATES),
  email: z.string(),
  sharedBy: z.object({ name: z.string(), email: z.string() }),
  devices: z.array(z.object({ id: z.uuid(), name: z.string(), model: z.string() })),
  privileges: PrivilegeList,
  from: Instant.nullable(),
  until: Instant.nullable(),
  createdAt: Instant,
  invitationExpiresAt: Instant.nullable(),
})
export type ShareView = z.infer<typeof ShareView>
export const SharePage = pageOf(ShareView)

/** What a change of access did at the edges (R71): all of them had applied it when this was answered. */
export const EdgeReport = z.object({
  version: z.int(),
  ms: z.number(),
  edges: z.array(
    z.object({
      id: z.uuid(),
      kind: z.enum(['broker', 'api']),
      /** `applied`: confirmed; `fenced`: its lease ran out, so it serves nobody until it has caught up. */
      outcome: z.enum(['applied', 'fenced']),
      subscriptions: z.int(),
      connections: z.int(),
      viewers: z.int(),
    }),
  ),
})
export type EdgeReport = z.infer<typeof EdgeReport>

export const ShareChangeAnswer = z.object({ share: ShareView, access: EdgeReport })
export type ShareChangeAnswer = z.infer<typeof ShareChangeAnswer>
