// Which page stands at which address, and who may open it. Pages load when they are first visited.
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
import { Broken, Loading, NotFound } from './page/nothing.tsx'
import { paths, RANGES } from './paths.ts'

export type RouterContext = { readonly queries: QueryClient }

const root = createRootRouteWithContext<RouterContext>()({
  notFoundComponent: NotFound,
  errorComponent: Broken,
})

const SignInSearch = z.object({ next: z.string().optional().catch(undefined) })

const signIn = createRoute({
  getParentRoute: () => root,
  path: paths.signIn,
  validateSearch: SignInSearch,
  component: lazyRouteComponent(() => import('./page/sign-in.tsx'), 'SignInPage'),
})

const signUp = createRoute({
  getParentRoute: () => root,
  path: paths.signUp,
  component: lazyRouteComponent(() => import('./page/sign-up.tsx'), 'SignUpPage'),
})

const verify = createRoute({
  getParentRoute: () => root,
  path: paths.verify,
  component: lazyRouteComponent(() => import('./page/verify.tsx'), 'VerifyPage'),
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
    throw redirect({ to: paths.signIn, search: { next } })
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

const SharingSearch = z.object({ tab: z.enum(['granted', 'received']).optional().catch(undefined) })

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

const account = createRoute({
  getParentRoute: () => signedIn,
  path: paths.account,
  component: lazyRouteComponent(() => import('./page/account.tsx'), 'AccountPage'),
})

const tree = root.addChildren([
  signIn,
  signUp,
  verify,
  invitation,
  signedIn.addChildren([overview, claim, device, sharing, newShare, account]),
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
