// Links over HTTP, for those who make them. Each change answers what it did at the edges (R71).
import { type LinkChange, LinkChangeAnswer, LinkPage, LinkView, type NewLink } from '@ridethrough/protocol/http/link.ts'
import { queryOptions } from '@tanstack/react-query'
import { type Filter, pagesQuery } from './paging.ts'
import { request } from './request.ts'

/** What every change of a link makes old. */
export const LINK_KEYS = [['share-links'], ['share-link'], ['ledger'], ['access']] as const

/** Somebody may open one at any time. */
const OFTEN_MS = 30_000

export const linkPagesQuery = (filter: Filter) => ({
  ...pagesQuery('share-links', '/share-links', LinkPage, filter),
  refetchInterval: OFTEN_MS,
})

export const linkQuery = (id: string) =>
  queryOptions({
    queryKey: ['share-link', id],
    queryFn: ({ signal }) => request(`/share-links/${id}`, LinkView, { signal }),
    retry: false,
    refetchInterval: OFTEN_MS,
  })

export function createLink(link: NewLink): Promise<LinkChangeAnswer> {
  return request('/share-links', LinkChangeAnswer, { method: 'POST', body: link })
}

export function changeLink(id: string, terms: LinkChange): Promise<LinkChangeAnswer> {
  return request(`/share-links/${id}`, LinkChangeAnswer, { method: 'PATCH', body: terms })
}

export function endLink(id: string): Promise<LinkChangeAnswer> {
  return request(`/share-links/${id}`, LinkChangeAnswer, { method: 'DELETE' })
}
