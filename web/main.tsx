// Starts the console: texts, theme, queries, the live stream, the router.
import './data/jitless.ts'

import { MantineProvider } from '@mantine/core'
import './mantine.css'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { I18nextProvider } from 'react-i18next'
import { accountQuery, SIGN_OUT_KEY } from './data/account.ts'
import { endingKey } from './data/ending.ts'
import { hasCode } from './data/fault.ts'
import { LiveProvider } from './data/live.ts'
import { EVERYTHING, LiveLink } from './data/live-link.ts'
import { createLiveStore } from './data/live-store.ts'
import { askUnread, takeUnread } from './data/notice.ts'
import { API, changesSettled, mayHaveNewToken } from './data/request.ts'
import { type Ending, paths } from './paths.ts'
import { createConsoleRouter } from './routes.tsx'
import { createTexts } from './text/i18n.ts'
import './theme.css'
import { cssVariables, theme } from './theme.ts'

/** A request that left before a change was answered is itself answered within this. */
const RACE_MS = 3000

const onError = (error: unknown) => {
  if (hasCode(error, 'session-missing')) void (mayHaveNewToken(RACE_MS) ? recheck() : leave())
  // The one thing that is possible then is to turn one on.
  if (hasCode(error, 'second-factor-required')) void router.navigate({ to: paths.account, search: { tab: 'security' } })
}
const queries = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      networkMode: 'always',
      // What the API has refused, it will refuse again.
      retry: (failures, error) => !(error instanceof Fault) && failures < 2,
    },
    // A change is sent even when the browser believes to be offline, so that its failure is said at once.
    mutations: { networkMode: 'always' },
  },
})
const router = createConsoleRouter(queries)
const store = createLiveStore()
const link = new LiveLink({
  url: `${location.origin.replace(/^http/, 'ws')}${API}/live`,
  stream: EVERYTHING,
  onEvent: (event) => {
    store.apply(event)
    if (event.type === 'notices') takeUnread(queries, event.unread)
    if (event.type === 'snapshot') askUnread(queries)
  },
  onSignedOut: () => void recheck(),
})

/** A server that keeps closing the stream of a session that is there is not asked all the time. */
const RESTART_MS = 5000
let restartAt = 0

/** Something was refused as signed out: did the session end, or did it just go on under a new token? */
async function recheck(): Promise<void> {
  await changesSettled()
  if (isSignedOut()) return
  const account = await queries.fetchQuery({ ...accountQuery, staleTime: 0 }).catch(() => undefined)
  if (account === null) return forget()
  setTimeout(() => isSignedOut() || link.start(), Math.max(0, restartAt - Date.now()))
  restartAt = Date.now() + RESTART_MS
  await queries.invalidateQueries()
}

async function leave(): Promise<void> {
  if (isSignedOut()) return
  queries.setQueryData(accountQuery.queryKey, null)
  await forget()
}

/** Nobody is signed in as far as is known, or the person is just leaving by themselves. */
function isSignedOut(): boolean {
  return queries.getQueryData(accountQuery.queryKey) === null || queries.isMutating({ mutationKey: SIGN_OUT_KEY }) > 0
}

/** The session has ended elsewhere: the router asks for a sign-in, and what was seen goes. */
async function forget(): Promise<void> {
  link.stop()
  queries.setQueryData<Ending>(endingKey, 'session')
  await router.invalidate()
  // Only now: a page that still stood there would have said that its things are gone.
  store.clear()
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'account' })
}

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <I18nextProvider i18n={createTexts()}>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <QueryClientProvider client={queries}>
          <LiveProvider value={{ store, link }}>
            <RouterProvider router={router} />
          </LiveProvider>
        </QueryClientProvider>
      </MantineProvider>
    </I18nextProvider>
  </StrictMode>,
)
