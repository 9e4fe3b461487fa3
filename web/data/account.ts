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
import {
  type AccountChange,
  type AccountDeletion,
  type AddressChange,
  type AddressChangeProof,
  CodeSent,
  type PasswordChange,
  type PasswordReset,
  type PasswordResetProof,
  SecondFactorNeeded,
  type SecondFactorProof,
} from '@ridethrough/protocol/http/security.ts'
import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
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

const SignInAnswer = z.union([SessionAnswer, SecondFactorNeeded])

/** A session, or what is still to be shown after the password. */
export function signIn(credentials: Credentials): Promise<z.infer<typeof SignInAnswer>> {
  return request('/sessions', SignInAnswer, { method: 'POST', body: credentials })
}

export function signInBySecondFactor(proof: SecondFactorProof): Promise<SessionAnswer> {
  return request('/sessions/second-factor', SessionAnswer, { method: 'POST', body: proof })
}

/** While it runs, being signed out is no news. */
export const SIGN_OUT_KEY = ['sign-out'] as const

export function signOut(): Promise<void> {
  return requestNothing('/sessions/current', { method: 'DELETE' })
}

export function askForReset(reset: z.infer<typeof PasswordReset>): Promise<z.infer<typeof CodeSent>> {
  return request('/password-resets', CodeSent, { method: 'POST', body: reset })
}

/** Ends every session of the account. */
export function resetPassword(proof: z.infer<typeof PasswordResetProof>): Promise<void> {
  return requestNothing('/password-resets/complete', { method: 'POST', body: proof })
}

export function changePassword(change: z.infer<typeof PasswordChange>): Promise<void> {
  return requestNothing('/account/password', { method: 'POST', body: change })
}

export function changeAccount(change: z.infer<typeof AccountChange>): Promise<void> {
  return requestNothing('/account', { method: 'PATCH', body: change })
}

/** Sends a code to the old and to the new address. */
export function changeAddress(change: z.infer<typeof AddressChange>): Promise<void> {
  return requestNothing('/account/email', { method: 'POST', body: change })
}

export function confirmAddress(proof: z.infer<typeof AddressChangeProof>): Promise<void> {
  return requestNothing('/account/email/confirm', { method: 'POST', body: proof })
}

export function deleteAccount(deletion: z.infer<typeof AccountDeletion>): Promise<void> {
  return requestNothing('/account', { method: 'DELETE', body: deletion })
}
