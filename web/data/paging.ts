// Lists that come page by page.
import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

type Page<I> = { readonly items: readonly I[]; readonly next: string | null }
export type Filter = Readonly<Record<string, string | undefined>>

/** `key` comes first in the query's key, so that a change can refresh every view of the list. */
export function pagesQuery<I>(key: string, path: string, page: z.ZodType<Page<I>>, filter: Filter) {
  return infiniteQueryOptions({
    queryKey: [key, filter],
    queryFn: ({ pageParam, signal }) =>
      request(`${path}?${searchOf({ ...filter, cursor: pageParam })}`, page, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    // While a filter is typed, what was there before stays until the answer comes.
    placeholderData: keepPreviousData,
    staleTime: 0,
  })
}

/** Fields that are not set are left out. */
export function searchOf(filter: Filter): string {
  const set = Object.entries(filter).filter(
    (field): field is [string, string] => field[1] !== undefined && field[1] !== '',
  )
  return new URLSearchParams(set).toString()
}
