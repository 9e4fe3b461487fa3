// The event log: who did what, when, from where, with which session or token; refused attempts too (R63).
import { z } from 'zod'
import { Instant, pageOf, UuidParam } from './common.ts'

/** What can be logged, each with what it says to people. Stable: exports and filters name them. */
export const EVENT_KINDS = {
  'account.created': 'signed up',
  'account.deleted': 'deleted the account',
  'account.changed': 'changed the account',
  'address.changed': 'changed the e-mail address',
  'password.changed': 'changed the password',
  'password.reset': 'reset the password',
  'session.started': 'signed in',
  'session.ended': 'signed out',
  'session.stepped-up': 'confirmed the sign-in',
  'second-factor.added': 'added a second factor',
  'second-factor.removed': 'removed a second factor',
  'recovery-codes.made': 'made new recovery codes',
  'token.made': 'made an API token',
  'token.ended': 'ended an API token',
  'company.changed': 'changed the company',
  'member.invited': 'invited a co-worker',
  'member.invitation-resent': 'sent an invitation again',
  'member.invitation-withdrawn': 'withdrew an invitation',
  'member.joined': 'joined the company',
  'member.declined': 'declined to join the company',
  'member.left': 'left the company',
  'member.promoted': 'made somebody an owner',
  'member.demoted': 'made somebody a member',
  'member.deactivated': 'deactivated somebody',
  'member.reactivated': 'reactivated somebody',
  'owner.restored': 'restored an owner',
  'operator.made': 'became the operator',
  'device.claimed': 'registered a device',
  'device.changed': 'changed a device',
  'device.deleted': 'deleted a device',
  'agent.revoked': 'revoked an agent',
  'share.made': 'shared devices',
  'share.accepted': 'accepted a share',
  'share.declined': 'declined a share',
  'share.resent': 'sent a share invitation again',
  'share.changed': 'changed a share',
  'share.narrowed': 'took a device out of a share',
  'share.restored': 'took a device back into a share',
  'share.suspended': 'suspended a share',
  'share.resumed': 'resumed a share',
  'share.ended': 'ended a share',
  'share.expired': 'a share or its invitation ran out',
  'credential.made': 'made a credential of a share',
  'credential.ended': 'ended a credential of a share',
  'link.made': 'made a link',
  'link.changed': 'changed a link',
  'link.opened': 'opened a link',
  'link.ended': 'ended a link',
  'group.made': 'made a group of devices',
  'group.changed': 'changed a group of devices',
  'group.deleted': 'deleted a group of devices',
  'role.made': 'made a role',
  'role.changed': 'changed a role',
  'role.deleted': 'deleted a role',
  'guest.invited': 'invited a guest',
  'guest.changed': 'changed what a guest may do',
  'guest.resent': 'sent a guest the invitation again',
  'guest.accepted': 'accepted to be a guest',
  'guest.declined': 'declined to be a guest',
  'guest.left': 'left a company as its guest',
  'guest.ended': 'ended what a guest had',
} as const

/**
 * What is neither a change of access nor of what keeps an account safe: a company may leave it out of its log. A refusal
 * is logged whatever it was about.
 */
export const ORDINARY_KINDS: ReadonlySet<string> = new Set<keyof typeof EVENT_KINDS>([
  'account.changed',
  'session.started',
  'session.ended',
  'session.stepped-up',
  'device.changed',
  'link.opened',
])

export type EventKind = keyof typeof EVENT_KINDS
export const EVENT_KIND_NAMES = Object.keys(EVENT_KINDS) as [EventKind, ...EventKind[]]

export const EventView = z.object({
  seq: z.int(),
  at: Instant,
  kind: z.enum(EVENT_KIND_NAMES),
  outcome: z.enum(['done', 'refused']),
  /** Who; `null` for somebody who was not signed in. */
  account: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  credentialId: z.uuid().nullable(),
  address: z.string(),
  /** Ids and names of what it was about, and the code of a refusal. Never a secret. */
  subject: z.record(z.string(), z.unknown()),
})
export type EventView = z.infer<typeof EventView>
export const EventPage = pageOf(EventView)

/** Owners see what happened in their company, everybody what they did themselves. Newest first. */
export const EventQuery = z.object({
  kind: z.enum(EVENT_KIND_NAMES).optional(),
  outcome: z.enum(['done', 'refused']).optional(),
  accountId: UuidParam.optional(),
  from: Instant.optional(),
  to: Instant.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
