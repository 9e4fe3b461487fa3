// Notices over HTTP, and what the live stream says of them.
import { NoticePage, NoticesReadAnswer } from '@ridethrough/protocol/http/notice.ts'
import { type QueryClient, queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { pagesQuery } from './paging.ts'
import { request } from './request.ts'

/** The stream tells of new ones; this is for those whom no stream reaches. */
const SELDOM_MS = 60_000

export const unreadQuery = queryOptions({
  queryKey: ['notices-unread'],
  queryFn: async ({ signal }) => (await request('/notices?limit=1', NoticePage, { signal })).unread,
  refetchInterval: SELDOM_MS,
})

export const noticePagesQuery = (isUnread: boolean) =>
  pagesQuery<z.infer<typeof NoticePage>['items'][number]>('notices', '/notices', NoticePage, {
    unread: isUnread ? 'true' : undefined,
  })

/** These, or all of them. */
export async function readNotices(ids?: readonly string[]): Promise<number> {
  const body = ids === undefined ? {} : { ids }
  return (await request('/notices/read', NoticesReadAnswer, { method: 'POST', body })).unread
}

const STALE = [
  ...['notices', 'shares', 'share', 'share-links', 'share-link', 'access', 'ledger'],
  ...['team-invitations', 'hosts', 'guests', 'guest', 'roles', 'groups'],
]

/** What a notice is about has changed, whatever page is open. */
export function takeUnread(queries: QueryClient, unread: number): void {
  queries.setQueryData(unreadQuery.queryKey, unread)
  for (const key of STALE) void queries.invalidateQueries({ queryKey: [key] })
}

/** The stream has just begun, or begun again: what was told while there was none is asked for. */
export function askUnread(queries: QueryClient): void {
  for (const key of [...unreadQuery.queryKey, ...STALE]) void queries.invalidateQueries({ queryKey: [key] })
}
