// What keeps the account safe: sessions, second factors, passkeys, and showing again that it is you.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import {
  PasskeyOptions,
  RecoveryCodes,
  SecondFactorAdded,
  SecurityView,
  SessionList,
  type StepUp,
  TotpOffer,
  type TotpProof,
} from '@ridethrough/protocol/http/security.ts'
import { startAuthentication, startRegistration, WebAuthnError } from '@simplewebauthn/browser'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { PasskeyStopped } from './fault.ts'
import { request, requestNothing } from './request.ts'

type WebAuthnJson = z.infer<typeof PasskeyOptions>['options']

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: async ({ signal }) => (await request('/sessions', SessionList, { signal })).items,
  staleTime: 0,
})

export function endSession(id: string): Promise<void> {
  return requestNothing(`/sessions/${id}`, { method: 'DELETE' })
}

export function endOtherSessions(): Promise<void> {
  return requestNothing('/sessions', { method: 'DELETE' })
}

export const securityQuery = queryOptions({
  queryKey: ['security'],
  queryFn: ({ signal }) => request('/account/security', SecurityView, { signal }),
  staleTime: 0,
})

export function offerTotp(): Promise<z.infer<typeof TotpOffer>> {
  return request('/account/totp', TotpOffer, { method: 'POST', body: {} })
}

/** Recovery codes come with the first second factor only. */
export async function confirmTotp(proof: z.infer<typeof TotpProof>): Promise<readonly string[]> {
  return (await request('/account/totp/confirm', SecondFactorAdded, { method: 'POST', body: proof })).codes
}

export function removeTotp(): Promise<void> {
  return requestNothing('/account/totp', { method: 'DELETE' })
}

export async function makeRecoveryCodes(): Promise<readonly string[]> {
  return (await request('/account/recovery-codes', RecoveryCodes, { method: 'POST', body: {} })).codes
}

export async function addPasskey(name: string): Promise<readonly string[]> {
  const { challenge, options } = await request('/account/passkeys/options', PasskeyOptions, {
    method: 'POST',
    body: {},
  })
  const response = await register(options)
  const body = { challenge, response, name }
  return (await request('/account/passkeys', SecondFactorAdded, { method: 'POST', body })).codes
}

export function removePasskey(id: string): Promise<void> {
  return requestNothing(`/account/passkeys/${id}`, { method: 'DELETE' })
}

export async function signInByPasskey(): Promise<SessionAnswer> {
  return request('/sessions/passkey', SessionAnswer, { method: 'POST', body: await answerPasskey() })
}

export function stepUp(proof: z.infer<typeof StepUp>): Promise<void> {
  return requestNothing('/sessions/current/step-up', { method: 'POST', body: proof })
}

export async function stepUpByPasskey(): Promise<void> {
  await stepUp(await answerPasskey())
}

async function answerPasskey(): Promise<{ readonly challenge: string; readonly response: WebAuthnJson }> {
  const { challenge, options } = await request('/sessions/passkey/options', PasskeyOptions, {
    method: 'POST',
    body: {},
  })
  return { challenge, response: await authenticate(options) }
}

/** Asks the browser for a passkey; `PasskeyStopped` when none was given. */
export function authenticate(options: WebAuthnJson): Promise<WebAuthnJson> {
  return asking(async () => ({ ...(await startAuthentication({ optionsJSON: options as unknown as AuthOptions })) }))
}

function register(options: WebAuthnJson): Promise<WebAuthnJson> {
  return asking(async () => ({ ...(await startRegistration({ optionsJSON: options as unknown as NewOptions })) }))
}

// The contract passes WebAuthn's own JSON through: made by the server's half of the library, read by the browser's.
type AuthOptions = Parameters<typeof startAuthentication>[0]['optionsJSON']
type NewOptions = Parameters<typeof startRegistration>[0]['optionsJSON']

async function asking<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const isKnown = error instanceof WebAuthnError && error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED'
    throw new PasskeyStopped(isKnown ? 'known' : reasonOf(error), error)
  }
}

function reasonOf(error: unknown): 'stopped' | 'unsupported' {
  const name = error instanceof Error ? error.name : ''
  return name === 'NotAllowedError' || name === 'AbortError' ? 'stopped' : 'unsupported'
}
