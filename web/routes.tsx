// Which page stands at which address, and who may open it. Pages load when they are first visited.

import { EVENT_KIND_NAMES } from '@ridethrough/protocol/http/event.ts'
import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { z } from 'zod'
import { accountQuery } from './data/account.ts'
import { takeEnding } from './data/ending.ts'
import { setupQuery } from './data/setup.ts'
import { Broken, Loading, NotFound } from './page/nothing.tsx'
import {
  ACCOUNT_TABS,
  COMPANY_TABS,
  ENDINGS,
  GUEST_FILTERS,
  paths,
  RANGES,
  SHARING_TABS,
  TEAM_STATES,
} from './paths.ts'

export type RouterContext = { readonly queries: QueryClient }

const root = createRootRouteWithContext<RouterContext>()({
  notFoundComponent: NotFound,
  errorComponent: Broken,
})

const SignInSearch = z.object({
  next: z.string().optional().catch(undefined),
  why: z.enum(ENDINGS).optional().catch(undefined),
})

/** Before there is an operator, there is nobody to sign in as, and nobody may sign up. */
async function leadToWelcome({ context }: { readonly context: RouterContext }): Promise<void> {
  // Whoever cannot learn this is better served by the form, which says what is wrong.
  const setup = await context.queries.ensureQueryData(setupQuery).catch(() => undefined)
  if (setup?.needsOperator) throw redirect({ to: paths.welcome })
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: paths.signIn,
  beforeLoad: leadToWelcome,
  validateSearch: SignInSearch,
  component: lazyRouteComponent(() => import('./page/sign-in.tsx'), 'SignInPage'),
})

const signUp = createRoute({
  getParentRoute: () => root,
  path: paths.signUp,
  beforeLoad: leadToWelcome,
  component: lazyRouteComponent(() => import('./page/sign-up.tsx'), 'SignUpPage'),
})

const verify = createRoute({
  getParentRoute: () => root,
  path: paths.verify,
  component: lazyRouteComponent(() => import('./page/verify.tsx'), 'VerifyPage'),
})

const link = createRoute({
  getParentRoute: () => root,
  path: paths.link,
  component: lazyRouteComponent(() => import('./page/link.tsx'), 'LinkPage'),
})

const reset = createRoute({
  getParentRoute: () => root,
  path: paths.reset,
  component: lazyRouteComponent(() => import('./page/reset-password.tsx'), 'ResetPasswordPage'),
})

const welcome = createRoute({
  getParentRoute: () => root,
  path: paths.welcome,
  beforeLoad: async ({ context }) => {
    const setup = await context.queries.ensureQueryData(setupQuery).catch(() => undefined)
    if (setup && !setup.needsOperator) throw redirect({ to: paths.signIn })
  },
  component: lazyRouteComponent(() => import('./page/welcome.tsx'), 'WelcomePage'),
})

const teamInvitation = createRoute({
  getParentRoute: () => root,
  path: paths.teamInvitation,
  loader: ({ context }) => context.queries.ensureQueryData(accountQuery),
  component: lazyRouteComponent(() => import('./page/team-invitation.tsx'), 'TeamInvitationPage'),
})

const invitation = createRoute({
  getParentRoute: () => root,
  path: paths.invitation,
  loader: ({ context }) => context.queries.ensureQueryData(accountQuery),
  component: lazyRouteComponent(() => import('./page/invitation.tsx'), 'InvitationPage'),
})

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ context, location }) => {
    const account = await context.queries.ensureQueryData(accountQuery)
    if (account) return
    const next = location.href === paths.overview ? undefined : location.href
    throw redirect({ to: paths.signIn, search: { next, why: takeEnding(context.queries) } })
  },
  component: lazyRouteComponent(() => import('./part/shell.tsx'), 'Shell'),
})

const overview = createRoute({
  getParentRoute: () => signedIn,
  path: paths.overview,
  component: lazyRouteComponent(() => import('./page/overview.tsx'), 'OverviewPage'),
})

const claim = createRoute({
  getParentRoute: () => signedIn,
  path: paths.claim,
  component: lazyRouteComponent(() => import('./page/claim.tsx'), 'ClaimPage'),
})

const DeviceSearch = z.object({
  range: z.enum(RANGES).optional().catch(undefined),
  show: z.array(z.string().max(128)).max(4).optional().catch(undefined),
})

const device = createRoute({
  getParentRoute: () => signedIn,
  path: paths.device,
  validateSearch: DeviceSearch,
  component: lazyRouteComponent(() => import('./page/device.tsx'), 'DevicePage'),
})

const SharingSearch = z.object({
  tab: z.enum(SHARING_TABS).optional().catch(undefined),
  search: z.string().max(100).optional().catch(undefined),
})

const sharing = createRoute({
  getParentRoute: () => signedIn,
  path: paths.sharing,
  validateSearch: SharingSearch,
  component: lazyRouteComponent(() => import('./page/sharing.tsx'), 'SharingPage'),
})

const NewShareSearch = z.object({ device: z.uuid().optional().catch(undefined) })

const newShare = createRoute({
  getParentRoute: () => signedIn,
  path: paths.newShare,
  validateSearch: NewShareSearch,
  component: lazyRouteComponent(() => import('./page/new-share.tsx'), 'NewSharePage'),
})

const share = createRoute({
  getParentRoute: () => signedIn,
  path: paths.share,
  component: lazyRouteComponent(() => import('./page/edit-share.tsx'), 'EditSharePage'),
})

const newLink = createRoute({
  getParentRoute: () => signedIn,
  path: paths.newLink,
  component: lazyRouteComponent(() => import('./page/new-link.tsx'), 'NewLinkPage'),
})

const shareLink = createRoute({
  getParentRoute: () => signedIn,
  path: paths.shareLink,
  component: lazyRouteComponent(() => import('./page/share-link.tsx'), 'ShareLinkPage'),
})

const notices = createRoute({
  getParentRoute: () => signedIn,
  path: paths.notices,
  validateSearch: z.object({ show: z.enum(['unread']).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import('./page/notices.tsx'), 'NoticesPage'),
})

const CompanySearch = z.object({
  tab: z.enum(COMPANY_TABS).optional().catch(undefined),
  state: z.enum(TEAM_STATES).optional().catch(undefined),
  guests: z.enum(GUEST_FILTERS).optional().catch(undefined),
  search: z.string().max(100).optional().catch(undefined),
  role: z.enum(['owner', 'member']).optional().catch(undefined),
  factor: z.enum(['true', 'false']).optional().catch(undefined),
  kind: z.enum(EVENT_KIND_NAMES).optional().catch(undefined),
  outcome: z.enum(['done', 'refused']).optional().catch(undefined),
  who: z.uuid().optional().catch(undefined),
  from: z.iso.date().optional().catch(undefined),
  to: z.iso.date().optional().catch(undefined),
})

const company = createRoute({
  getParentRoute: () => signedIn,
  path: paths.company,
  validateSearch: CompanySearch,
  component: lazyRouteComponent(() => import('./page/company.tsx'), 'CompanyPage'),
})

const newGuest = createRoute({
  getParentRoute: () => signedIn,
  path: paths.newGuest,
  component: lazyRouteComponent(() => import('./page/guest.tsx'), 'NewGuestPage'),
})

const guest = createRoute({
  getParentRoute: () => signedIn,
  path: paths.guest,
  component: lazyRouteComponent(() => import('./page/guest.tsx'), 'GuestPage'),
})

const companies = createRoute({
  getParentRoute: () => signedIn,
  path: paths.companies,
  component: lazyRouteComponent(() => import('./page/companies.tsx'), 'CompaniesPage'),
})

const HostSearch = z.object({ search: z.string().max(100).optional().catch(undefined) })

const host = createRoute({
  getParentRoute: () => signedIn,
  path: paths.host,
  validateSearch: HostSearch,
  component: lazyRouteComponent(() => import('./page/host.tsx'), 'HostPage'),
})

const AccountSearch = z.object({ tab: z.enum(ACCOUNT_TABS).optional().catch(undefined) })

const account = createRoute({
  getParentRoute: () => signedIn,
  path: paths.account,
  validateSearch: AccountSearch,
  component: lazyRouteComponent(() => import('./page/account.tsx'), 'AccountPage'),
})

const tree = root.addChildren([
  signIn,
  signUp,
  verify,
  reset,
  link,
  welcome,
  invitation,
  teamInvitation,
  signedIn.addChildren([
    overview,
    claim,
    device,
    sharing,
    newShare,
    share,
    newLink,
    shareLink,
    notices,
    company,
    newGuest,
    guest,
    companies,
    host,
    account,
  ]),
])

export function createConsoleRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: 'intent',
    defaultPendingComponent: Loading,
    defaultErrorComponent: Broken,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>
  }
}
