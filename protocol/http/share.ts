// Shares: `/shares`, granted by one person and received by another.
import { z } from 'zod'
import { SHARE_STATES } from '../policy.ts'
import { SHARE_ROLES } from '../privilege.ts'
import { EmailAddress, Instant, PrivilegeList, pageOf, WindowList } from './common.ts'
import { EventView } from './event.ts'

const DeviceIds = z.array(z.uuid().toLowerCase()).min(1, 'choose at least one device').max(100)

/** What is given, besides the devices. One of role, roleId and privileges. */
const Given = {
  role: z.enum(SHARE_ROLES).optional(),
  /** A role that the company made. */
  roleId: z.uuid().toLowerCase().optional(),
  privileges: PrivilegeList.min(1, 'tick at least one privilege').optional(),
}

type GivenOnce = { role?: unknown; roleId?: unknown; privileges?: unknown }
export const isGivenOnce = (terms: GivenOnce) =>
  [terms.role, terms.roleId, terms.privileges].filter((one) => one !== undefined).length <= 1
export const GIVEN_ONCE = { path: ['privileges'], message: 'give a role or privileges, not both' }

type FromUntil = { from?: string | null | undefined; until?: string | null | undefined }
export const isInOrder = ({ from, until }: FromUntil) => !from || !until || from < until
export const IN_ORDER = { path: ['until'], message: 'the end must come after the start' }

/**
 * A role or ticked privileges, not both; neither means `viewer`. `from`/`until` left out: from now, until revoked (R15).
 * `windows` left out: at all times.
 */
export const NewShare = z
  .strictObject({
    email: EmailAddress,
    deviceIds: DeviceIds,
    ...Given,
    from: Instant.nullish(),
    until: Instant.nullish(),
    windows: WindowList.optional(),
  })
  .refine(isGivenOnce, GIVEN_ONCE)
  .refine(isInOrder, IN_ORDER)
export type NewShare = z.infer<typeof NewShare>

/** R16: what is left out stays. All of it applies at once, or nothing. `from`/`until` `null`: no bound. */
export const ShareChange = z
  .strictObject({
    deviceIds: DeviceIds.optional(),
    ...Given,
    from: Instant.nullable().optional(),
    until: Instant.nullable().optional(),
    windows: WindowList.optional(),
  })
  .refine(isGivenOnce, GIVEN_ONCE)
  .refine(isInOrder, IN_ORDER)
export type ShareChange = z.infer<typeof ShareChange>

export const ShareCode = z.strictObject({ code: z.string().min(1).max(64) })
export const ShareQuery = z.object({
  direction: z.enum(['granted', 'received']),
  /** `open`: pending, accepted, suspended. */
  state: z.enum(['open', 'ended', 'all']).default('open'),
  /** Part of the name or address of the other side, or of a device's name. */
  search: z.string().max(100).optional(),
  deviceId: z.uuid().toLowerCase().optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

export const ShareView = z.object({
  id: z.uuid(),
  state: z.enum(SHARE_STATES),
  /** Accepted or pending, but giving nothing until it is resumed (R25). */
  suspended: z.boolean(),
  email: z.string(),
  /** Who accepted it. */
  recipient: z.object({ name: z.string() }).nullable(),
  sharedBy: z.object({ name: z.string(), email: z.string() }),
  devices: z.array(z.object({ id: z.uuid(), name: z.string(), model: z.string(), timeZone: z.string() })),
  /** R17: taken out of their view by the recipient, who may take them back. Empty for the owner's side. */
  removedDevices: z.array(z.object({ id: z.uuid(), name: z.string() })),
  privileges: PrivilegeList,
  role: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  from: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  createdAt: Instant,
  acceptedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
  invitationExpiresAt: Instant.nullable(),
  /** What this asker may do with it. */
  side: z.enum(['owner', 'recipient']),
})
export type ShareView = z.infer<typeof ShareView>
export const SharePage = pageOf(ShareView)

/** R24. Left out: all that the share gives, for as long as it lasts. */
export const NewShareCredential = z.strictObject({
  name: z.string().trim().min(1, 'give it a name').max(64),
  privileges: PrivilegeList.min(1, 'tick at least one privilege').optional(),
  expiresAt: Instant.optional(),
})
export const ShareCredentialView = z.object({
  id: z.uuid(),
  name: z.string(),
  privileges: PrivilegeList,
  createdAt: Instant,
  expiresAt: Instant.nullable(),
  lastUsedAt: Instant.nullable(),
})
export type ShareCredentialView = z.infer<typeof ShareCredentialView>
export const ShareCredentialList = z.object({ items: z.array(ShareCredentialView) })
/** `token` is shown this once. It is the bearer token and the MQTT password. */
export const ShareCredentialAnswer = z.object({ token: z.string(), view: ShareCredentialView })

/** `GET /shares/{id}/ledger`, for both sides; `GET /share-links/{id}/ledger` and `GET /company/guests/{id}/ledger` alike. */
export const LedgerView = z.object({
  /** How often, and when last, it was made use of on each device. */
  uses: z.array(
    z.object({
      /** The name is empty where the asker may not see the device any more and was never told its name. */
      device: z.object({ id: z.uuid(), name: z.string() }),
      uses: z.int(),
      firstAt: Instant,
      lastAt: Instant,
    }),
  ),
  /** Newest first: how it was made and changed, and what was done with it. At most 200. */
  events: z.array(EventView),
})
export type LedgerView = z.infer<typeof LedgerView>

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
