// Frames of the WebSocket `/api/v1/live`: JSON, one object a frame.
import { z } from 'zod'
import { Instant } from './common.ts'
import { DeviceView, StateView } from './device.ts'

/** From the viewer: `all` watches every device that it may see, also those shared later. */
export const LiveRequest = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('watch'),
    devices: z.union([z.literal('all'), z.array(z.uuid().toLowerCase()).max(1000)]),
  }),
  z.strictObject({
    type: z.literal('unwatch'),
    devices: z.union([z.literal('all'), z.array(z.uuid().toLowerCase()).max(1000)]),
  }),
])
export type LiveRequest = z.infer<typeof LiveRequest>

/**
 * To the viewer: `snapshot` first, then `state` on each change, `device` when a device appears or its particulars
 * change, `gone` when the right ended, `heartbeat` every 5 s, `error` for a request that cannot be met.
 */
export const LiveEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('snapshot'), devices: z.array(DeviceView) }),
  z.object({ type: z.literal('state'), state: StateView }),
  z.object({ type: z.literal('device'), device: DeviceView }),
  z.object({ type: z.literal('gone'), deviceId: z.uuid() }),
  z.object({ type: z.literal('heartbeat'), at: Instant }),
  /** There are notices: so many unread ones. */
  z.object({ type: z.literal('notices'), unread: z.int() }),
  z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
])
export type LiveEvent = z.infer<typeof LiveEvent>

/** Close codes: RFC 6455 section 7.4.2 leaves 4000-4999 to us. */
export const LIVE_CLOSE = { signedOut: 4401, tooSlow: 4408, rightsUnknown: 4503 } as const
