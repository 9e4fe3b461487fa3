// Shares by link (R22): `/share-links` for those who make them, `/link` for whoever opens one.
import { z } from 'zod'
import { LINKABLE, type Privilege, privilegesOf } from '../privilege.ts'
import { VARIABLE_NAME } from '../variable.ts'
import { Instant, pageOf, WindowList } from './common.ts'
import { HistoryView, StateView } from './device.ts'
import { EdgeReport, IN_ORDER, isInOrder } from './share.ts'

export const LINK_PRIVILEGES: readonly Privilege[] = privilegesOf(LINKABLE)
const Privileges = z.array(z.enum(LINK_PRIVILEGES as [Privilege, ...Privilege[]])).min(1, 'tick at least one privilege')

export const Pin = z.string().regex(/^\d{4,12}$/, 'four to twelve digits')

const Terms = {
  /** Private: whoever opens the link does not see it. */
  name: z.string().trim().min(1, 'give it a name').max(100),
  deviceIds: z.array(z.uuid().toLowerCase()).min(1, 'choose at least one device').max(100),
  privileges: Privileges,
  /** Only these variables are shown; `null`: all. */
  variables: z.array(z.string().regex(VARIABLE_NAME, 'names look like battery.charge')).min(1).max(100).nullable(),
  from: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  /** How often it may be opened, in different browsers; `null`: any number of times. */
  maxUses: z.int().min(1).max(100_000).nullable(),
  /** Asked of whoever opens it; `null`: none. */
  pin: Pin.nullable(),
}

export const NewLink = z
  .strictObject({
    ...Terms,
    privileges: Privileges.default(['monitor']),
    variables: Terms.variables.default(null),
    from: Terms.from.default(null),
    until: Terms.until.default(null),
    windows: WindowList.default([]),
    maxUses: Terms.maxUses.default(null),
    pin: Terms.pin.default(null),
  })
  .refine(isInOrder, IN_ORDER)
export type NewLink = z.input<typeof NewLink>

/** What is left out stays; `suspended` stops it and lets it go on. */
export const LinkChange = z
  .strictObject({ ...Terms, suspended: z.boolean() })
  .partial()
  .refine(isInOrder, IN_ORDER)
export type LinkChange = z.infer<typeof LinkChange>

export const LINK_VIEW_STATES = ['active', 'suspended', 'not-yet', 'used-up', 'expired', 'ended'] as const

export const LinkView = z.object({
  id: z.uuid(),
  name: z.string(),
  state: z.enum(LINK_VIEW_STATES),
  /** What to pass on: `{PUBLIC_URL}/link#{token}`; empty once it has ended. */
  url: z.string(),
  /** The same as a QR code, an SVG image. */
  svg: z.string(),
  createdBy: z.object({ name: z.string() }),
  devices: z.array(z.object({ id: z.uuid(), name: z.string(), model: z.string(), timeZone: z.string() })),
  privileges: z.array(z.enum(LINK_PRIVILEGES as [Privilege, ...Privilege[]])),
  variables: z.array(z.string()).nullable(),
  from: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  maxUses: z.int().nullable(),
  uses: z.int(),
  hasPin: z.boolean(),
  createdAt: Instant,
  lastUsedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
})
export type LinkView = z.infer<typeof LinkView>
export const LinkPage = pageOf(LinkView)
export const LinkQuery = z.object({
  state: z.enum(['open', 'ended', 'all']).default('open'),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
export const LinkChangeAnswer = z.object({ link: LinkView, access: EdgeReport })
export type LinkChangeAnswer = z.infer<typeof LinkChangeAnswer>

/** `POST /link`: opens it and counts as one use. The bearer token works on `/link`, `/link/history` and `/link/live` only. */
export const LinkOpening = z.strictObject({ token: z.string().min(1).max(200), pin: z.string().max(12).optional() })
export const LinkSessionAnswer = z.object({ token: z.string(), expiresAt: Instant })
export type LinkSessionAnswer = z.infer<typeof LinkSessionAnswer>

/** What a link shows of one device: nothing of its owner, its serial or its plan. */
export const LinkDeviceView = z.object({
  id: z.uuid(),
  name: z.string(),
  mfr: z.string(),
  model: z.string(),
  timeZone: z.string(),
  privileges: z.array(z.enum(LINK_PRIVILEGES as [Privilege, ...Privilege[]])),
  state: StateView,
})
export type LinkDeviceView = z.infer<typeof LinkDeviceView>
/** Whether there is anything to see now, and why not. */
export const LINK_STANDINGS = ['open', 'not-yet', 'outside-hours', 'suspended'] as const
/** `GET /link`. */
export const LinkPageView = z.object({
  standing: z.enum(LINK_STANDINGS),
  /** When it opens by itself; `null` when it is open, or when nobody knows. */
  opensAt: Instant.nullable(),
  until: Instant.nullable(),
  windows: WindowList,
  devices: z.array(LinkDeviceView),
})
export type LinkPageView = z.infer<typeof LinkPageView>
export { HistoryView as LinkHistoryView }

/**
 * Browsers can set no header on a WebSocket, so they ask for two subprotocols: this one, which the server chooses, and
 * `LINK_BEARER` with the session's token behind it.
 */
export const LINK_SUBPROTOCOL = 'ridethrough.link'
export const LINK_BEARER = 'ridethrough.bearer.'

/** Frames of the WebSocket `/api/v1/link/live`, which needs no request. Its close codes are those of `/live`. */
export const LinkEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('snapshot'), devices: z.array(LinkDeviceView) }),
  z.object({ type: z.literal('state'), state: StateView }),
  z.object({ type: z.literal('device'), device: LinkDeviceView }),
  z.object({ type: z.literal('gone'), deviceId: z.uuid() }),
  z.object({ type: z.literal('heartbeat'), at: Instant }),
])
export type LinkEvent = z.infer<typeof LinkEvent>
