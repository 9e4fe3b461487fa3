// Shares over HTTP. Each change answers what it did at the edges (R71).
import { RoleList } from '@ridethrough/protocol/http/guest.ts'
import {
  EdgeReport,
  LedgerView,
  type NewShare,
  type NewShareCredential,
  type ShareChange,
  ShareChangeAnswer,
  ShareCredentialAnswer,
  ShareCredentialList,
  SharePage,
  ShareView,
} from '@ridethrough/protocol/http/share.ts'
import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
import { hasCode } from './fault.ts'
import { type Filter, pagesQuery, searchOf } from './paging.ts'
import { request } from './request.ts'

export type Direction = 'granted' | 'received'

/** What every change of a share makes old. */
export const SHARE_KEYS = [['shares'], ['share'], ['ledger'], ['credentials'], ['access'], ['devices']] as const

/** Somebody else may accept, leave or revoke at any time. */
const OFTEN_MS = 30_000

/** All that are open. */
export const sharesQuery = (direction: Direction) =>
  queryOptions({
    queryKey: ['shares', direction],
    queryFn: ({ signal }) => listShares(direction, signal),
    refetchInterval: OFTEN_MS,
  })

/** Page by page; `state` is `open` or `ended`. */
export const sharePagesQuery = (filter: Filter) => ({
  ...pagesQuery('shares', '/shares', SharePage, filter),
  refetchInterval: OFTEN_MS,
})

export const shareQuery = (id: string) =>
  queryOptions({
    queryKey: ['share', id],
    queryFn: ({ signal }) => request(`/shares/${id}`, ShareView, { signal }),
    retry: false,
  })

export function createShare(share: NewShare): Promise<ShareChangeAnswer> {
  return change('/shares', 'POST', share)
}

/** All of it applies at once, or nothing. */
export function changeShare(id: string, terms: ShareChange): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}`, 'PATCH', terms)
}

export function acceptShare(id: string, code: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/accept`, 'POST', { code })
}

/**
 * To whom it is not for, a share is not there; only whoever shows its code is told that it is for another address. It is
 * asked where the share cannot be seen, and so cannot be accepted.
 */
export const whoseQuery = (id: string, code: string) =>
  queryOptions({
    queryKey: ['share', id, 'whose'],
    queryFn: () => acceptShare(id, code),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  })

export function declineShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/decline`, 'POST', {})
}

export function suspendShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/suspend`, 'POST', {})
}

export function resumeShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/resume`, 'POST', {})
}

/** The owner revokes it, the recipient leaves it. */
export function endShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}`, 'DELETE')
}

/** Out of the recipient's view; from the owner, out of the share. */
export function removeDevice(id: string, deviceId: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/devices/${deviceId}`, 'DELETE')
}

/** What the recipient took out comes back. */
export function restoreDevice(id: string, deviceId: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/devices/${deviceId}`, 'POST', {})
}

export function resendShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/resend`, 'POST', {})
}

export const credentialsQuery = (id: string) =>
  queryOptions({
    queryKey: ['credentials', id],
    queryFn: async ({ signal }) => (await request(`/shares/${id}/credentials`, ShareCredentialList, { signal })).items,
    staleTime: 0,
  })

export type MadeCredential = z.infer<typeof ShareCredentialAnswer>

export function makeCredential(id: string, credential: z.infer<typeof NewShareCredential>): Promise<MadeCredential> {
  return request(`/shares/${id}/credentials`, ShareCredentialAnswer, { method: 'POST', body: credential })
}

const CredentialEnd = z.object({ access: EdgeReport })

export function endCredential(id: string, credentialId: string): Promise<z.infer<typeof CredentialEnd>> {
  return request(`/shares/${id}/credentials/${credentialId}`, CredentialEnd, { method: 'DELETE' })
}

/** `of` is the address of a share or a link. */
export const ledgerQuery = (of: string) =>
  queryOptions({
    queryKey: ['ledger', of],
    queryFn: ({ signal }) => request(`${of}/ledger`, LedgerView, { signal }),
    staleTime: 0,
  })

export type OfferedRole = Pick<z.infer<typeof RoleList>['items'][number], 'id' | 'name' | 'privileges'>

/** The company's roles; none for those who may not see them. */
export const offeredRolesQuery = queryOptions({
  queryKey: ['roles', 'offered'],
  queryFn: ({ signal }): Promise<readonly OfferedRole[]> =>
    request('/company/roles', RoleList, { signal }).then(
      ({ items }) => items,
      (error: unknown) => {
        if (hasCode(error, 'owner-needed') || hasCode(error, 'right-missing') || hasCode(error, 'not-found')) return []
        throw error
      },
    ),
  staleTime: 60_000,
})

function change(path: string, method: 'POST' | 'PATCH' | 'DELETE', body?: unknown): Promise<ShareChangeAnswer> {
  return request(path, ShareChangeAnswer, { method, body })
}

async function listShares(direction: Direction, signal: AbortSignal): Promise<ShareView[]> {
  const shares: ShareView[] = []
  let cursor: string | null = null
  do {
    const query: string = searchOf({ direction, limit: '500', cursor: cursor ?? undefined })
    const page: z.infer<typeof SharePage> = await request(`/shares?${query}`, SharePage, { signal })
    shares.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return shares
}
