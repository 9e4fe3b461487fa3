// Every address of the console, as the router writes it. Links are made from these and from nothing else.

export const paths = {
  overview: '/',
  device: '/devices/$id',
  claim: '/devices/claim',
  sharing: '/sharing',
  newShare: '/sharing/new',
  /** The invitation mail links here, with `#code=…`. */
  invitation: '/sharing/invitations/$id',
  account: '/account',
  signIn: '/sign-in',
  signUp: '/sign-up',
  /** The verification mail links here, with `#email=…&code=…`. */
  verify: '/verify',
} as const

/** How far back a chart looks: part of a device's address, so that a link shows the same. */
export const RANGES = ['15m', '1h', '6h', '24h', '7d'] as const
export type Range = (typeof RANGES)[number]

const MINUTE = 60_000
/** In milliseconds. */
export const SPANS: Readonly<Record<Range, number>> = {
  '15m': 15 * MINUTE,
  '1h': 60 * MINUTE,
  '6h': 360 * MINUTE,
  '24h': 1440 * MINUTE,
  '7d': 10_080 * MINUTE,
}
