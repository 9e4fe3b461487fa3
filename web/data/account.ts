// The account that is signed in, and the ways in and out.
import type { Fault } from '@ridethrough/protocol/fault.ts'
import {
  AccountView,
  type Credentials,
  type NewAccount,
  SessionAnswer,
  SignUpAnswer,
  type Verification,
} from '@ridethrough/protocol/http/account.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { hasCode } from './fault.ts'
import { request, requestNothing } from './request.ts'

/** `null` when nobody is signed in. */
export const accountQuery = queryOptions({
  queryKey: ['account'],
  queryFn: ({ signal }): Promise<AccountView | null> =>
    request('/account', AccountView, { signal }).catch((error: Fault) => {
      if (hasCode(error, 'session-missing')) return null
      throw error
    }),
  staleTime: 60_000,
})

export function signUp(account: NewAccount): Promise<z.infer<typeof SignUpAnswer>> {
  return request('/accounts', SignUpAnswer, { method: 'POST', body: account })
}

export function verify(verification: z.infer<typeof Verification>): Promise<SessionAnswer> {
  return request('/accounts/verify', SessionAnswer, { method: 'POST', body: verification })
}

export function signIn(credentials: Credentials): Promise<SessionAnswer> {
  return request('/sessions', SessionAnswer, { method: 'POST', body: credentials })
}

export function signOut(): Promise<void> {
  return requestNothing('/sessions/current', { method: 'DELETE' })
}
