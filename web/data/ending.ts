// Why the session ended that was open here: kept in the cache of queries until the sign-in has said it.
import type { QueryClient } from '@tanstack/react-query'
import type { Ending } from '../paths.ts'

export const endingKey = ['ending'] as const

/** Said once. */
export function takeEnding(queries: QueryClient): Ending | undefined {
  const ending = queries.getQueryData<Ending>(endingKey)
  queries.removeQueries({ queryKey: endingKey })
  return ending
}
