// A link as whoever got it uses it: opened with its token, and gone on with in this browser by what it gave.
import type { FaultCode } from '@ridethrough/protocol/fault.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { HistoryView } from '@ridethrough/protocol/http/device.ts'
import {
  LINK_BEARER,
  LINK_SUBPROTOCOL,
  LinkEvent,
  LinkPageView,
  LinkSessionAnswer,
} from '@ridethrough/protocol/http/link.ts'
import { queryOptions } from '@tanstack/react-query'
import type { ReadPast } from './device.ts'
import type { Stream } from './live-link.ts'
import { API, request } from './request.ts'

/** Why a link shows nothing; the page has words of its own for each. */
export const CLOSED = [
  'not-found',
  'link-ended',
  'link-used-up',
  'link-not-yet',
  'link-outside-hours',
  'link-suspended',
] as const satisfies readonly FaultCode[]
export type Closed = (typeof CLOSED)[number]

/** `opensAt` in milliseconds since 1970; `null`: nobody knows. */
export type Closing = { readonly code: Closed; readonly opensAt: number | null }

/** `undefined` for what is no answer about the link: the network, too many tries. */
export function closingOf(error: unknown): Closing | undefined {
  if (!(error instanceof Fault)) return undefined
  const code = CLOSED.find((each) => each === error.code)
  if (code === undefined) return undefined
  return { code, opensAt: error.retryAfter === undefined ? null : Date.now() + error.retryAfter * 1000 }
}

/** The bearer token that shows what the link gives. A browser that has opened it goes on without a further use. */
export async function openLink(token: string, pin?: string): Promise<string> {
  const body = { token, ...(pin === undefined ? {} : { pin }) }
  const opened = await request('/link', LinkSessionAnswer, { method: 'POST', body, bearer: held(token) })
  hold(token, opened.token)
  return opened.token
}

export const openingQuery = (token: string) =>
  queryOptions({
    queryKey: ['link-opening', token],
    queryFn: () => openLink(token),
    // Opening counts as a use: it is done once, and never because somebody looked at the page again.
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    gcTime: 0,
  })

export function getLinkPage(bearer: string, signal: AbortSignal): Promise<LinkPageView> {
  return request('/link', LinkPageView, { bearer, signal })
}

export const readPastByLink =
  (bearer: string, deviceId: string): ReadPast =>
  (query, signal) =>
    request(`/link/history?${query}&deviceId=${deviceId}`, HistoryView, { bearer, signal })

export const linkStream = (bearer: string): Stream<LinkEvent> => ({
  frame: LinkEvent,
  protocols: [LINK_SUBPROTOCOL, LINK_BEARER + bearer],
})

export function linkStreamUrl(): string {
  return `${location.origin.replace(/^http/, 'ws')}${API}/link/live`
}

function hold(token: string, bearer: string): void {
  inStorage((storage) => storage.setItem(keyOf(token), bearer))
}

function held(token: string): string | undefined {
  return inStorage((storage) => storage.getItem(keyOf(token))) ?? undefined
}

// One of each link, so that two of them in two tabs do not take each other's place. Its end tells them apart.
function keyOf(token: string): string {
  return `ridethrough.link.${token.slice(-10)}`
}

function inStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(window.localStorage)
  } catch (error) {
    // Forbidden or full: then each load of the page opens the link anew.
    if (error instanceof DOMException) return undefined
    throw error
  }
}
