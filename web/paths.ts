// Every address of the console, as the router writes it. Links are made from these and from nothing else.

export const paths = {
  overview: '/',
  device: '/devices/$id',
  claim: '/devices/claim',
  sharing: '/sharing',
  newShare: '/sharing/new',
  share: '/sharing/$id',
  newLink: '/sharing/links/new',
  shareLink: '/sharing/links/$id',
  /** The invitation mail links here, with `#code=…`. */
  invitation: '/sharing/invitations/$id',
  company: '/company',
  newGuest: '/company/guests/new',
  guest: '/company/guests/$id',
  /** Companies that one is a guest of, and invitations. */
  companies: '/companies',
  host: '/companies/$id',
  /** The mail of an invitation into a company, as co-worker or guest, links here, with `#code=…`. */
  teamInvitation: '/companies/invitations/$id',
  notices: '/notices',
  /** Whoever got a link opens this one, with its token behind the `#`. No account is needed. */
  link: '/link',
  account: '/account',
  welcome: '/welcome',
  /** The mail of a reset links here, with `#email=…&code=…`. */
  reset: '/reset-password',
  signIn: '/sign-in',
  signUp: '/sign-up',
  /** The verification mail links here, with `#email=…&code=…`. */
  verify: '/verify',
} as const

/** Parts of pages that have an address of their own. */
export const ACCOUNT_TABS = ['profile', 'security', 'sessions', 'tokens', 'look'] as const
export const COMPANY_TABS = ['team', 'guests', 'groups', 'roles', 'settings', 'log'] as const
export const SHARING_TABS = ['granted', 'received', 'links'] as const
export const TEAM_STATES = ['active', 'inactive', 'invited'] as const
export const GUEST_FILTERS = ['open', 'ended', 'all'] as const

/** Why somebody finds themselves at the sign-in, where they did not ask for it. */
export const ENDINGS = ['session', 'reset', 'deleted'] as const
export type Ending = (typeof ENDINGS)[number]

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
