// Shares over HTTP. Each change answers what it did at the edges (R71).
import { type NewShare, ShareChangeAnswer, SharePage, ShareView } from '@ridethrough/protocol/http/share.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

export type Direction = 'granted' | 'received'

export const sharesQuery = (direction: Direction) =>
  queryOptions({
    queryKey: ['shares', direction],
    queryFn: ({ signal }) => listShares(direction, signal),
    // Somebody else may accept, leave or revoke at any time.
    refetchInterval: 30_000,
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

export function acceptShare(id: string, code: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/accept`, 'POST', { code })
}

export function declineShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/decline`, 'POST', {})
}

/** The owner revokes it, the recipient leaves it. */
export function endShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}`, 'DELETE')
}

export function endShareOfDevice(id: string, deviceId: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/devices/${deviceId}`, 'DELETE')
}

export function resendShare(id: string): Promise<ShareChangeAnswer> {
  return change(`/shares/${id}/resend`, 'POST', {})
}

function change(path: string, method: 'POST' | 'DELETE', body?: unknown): Promise<ShareChangeAnswer> {
  return request(path, ShareChangeAnswer, { method, body })
}

async function listShares(direction: Direction, signal: AbortSignal): Promise<ShareView[]> {
  const shares: ShareView[] = []
  let cursor: string | null = null
  do {
    const query: string = new URLSearchParams({ direction, ...(cursor === null ? {} : { cursor }) }).toString()
    const page: z.infer<typeof SharePage> = await request(`/shares?${query}`, SharePage, { signal })
    shares.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return shares
}
