// A list that comes page by page: what is there so far, and a button for the rest.
import { Button, Group } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { pagesQuery } from '../data/paging.ts'

type PagesQuery<I> = ReturnType<typeof pagesQuery<I>>

export type Listing<I> = {
  /** `undefined` until the first page is there. */
  readonly items: readonly I[] | undefined
  readonly error: Error | null
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  readonly loadMore: () => void
}

export function useListing<I>(query: PagesQuery<I>): Listing<I> {
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery(query)
  return {
    items: data?.pages.flatMap((page) => page.items),
    error,
    hasMore: hasNextPage,
    isLoadingMore: isFetchingNextPage,
    loadMore: () => void fetchNextPage(),
  }
}

export function More({ listing, children }: { readonly listing: Listing<unknown>; readonly children: string }) {
  if (!listing.hasMore) return null
  return (
    <Group justify="center" mt="sm">
      <Button variant="default" loading={listing.isLoadingMore} onClick={listing.loadMore}>
        {children}
      </Button>
    </Group>
  )
}
