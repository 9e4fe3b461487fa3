// API tokens: named, narrowed, shown once.
import { type NewToken, TokenAnswer, TokenList } from '@ridethrough/protocol/http/security.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request, requestNothing } from './request.ts'

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: async ({ signal }) => (await request('/tokens', TokenList, { signal })).items,
  staleTime: 0,
})

export function makeToken(token: z.infer<typeof NewToken>): Promise<z.infer<typeof TokenAnswer>> {
  return request('/tokens', TokenAnswer, { method: 'POST', body: token })
}

export function endToken(id: string): Promise<void> {
  return requestNothing(`/tokens/${id}`, { method: 'DELETE' })
}
