// Notices: what happened to somebody's shares, in the product; the same goes by mail.
import { z } from 'zod'
import { Instant, pageOf } from './common.ts'

/** Each with what it is about. Stable: the console has a sentence for each. */
export const NOTICE_KINDS = [
  'share.invited',
  'share.accepted',
  'share.declined',
  'share.changed',
  'share.suspended',
  'share.resumed',
  'share.ending',
  'share.ended',
  'guest.invited',
  'guest.accepted',
  'guest.declined',
  'guest.changed',
  'guest.ending',
  'guest.ended',
  'link.ending',
  'link.ended',
] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** `by`: who did it, `null` when time did. `other`: the other side. */
export const NoticeSubject = z.object({
  /** The share, guest entry or link. */
  id: z.uuid(),
  by: z.object({ name: z.string(), email: z.string().nullable() }).nullable(),
  other: z.object({ name: z.string(), email: z.string().nullable() }).nullable(),
  company: z.string().nullable(),
  devices: z.array(z.object({ id: z.uuid(), name: z.string() })),
  /** When it ends. */
  until: Instant.nullable(),
  /** How it ended: a state of the share or entry. */
  state: z.string().nullable(),
})
export type NoticeSubject = z.infer<typeof NoticeSubject>

export const NoticeView = z.object({
  id: z.uuid(),
  kind: z.enum(NOTICE_KINDS),
  at: Instant,
  read: z.boolean(),
  subject: NoticeSubject,
})
export type NoticeView = z.infer<typeof NoticeView>
/** `GET /notices`: the asker's own, newest first. */
export const NoticePage = pageOf(NoticeView).extend({ unread: z.int() })
export const NoticeQuery = z.object({
  unread: z.enum(['true', 'false']).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(30),
})
/** `POST /notices/read`: these, or all of them. */
export const NoticesRead = z.strictObject({ ids: z.array(z.uuid().toLowerCase()).max(100).optional() })
export const NoticesReadAnswer = z.object({ unread: z.int() })
