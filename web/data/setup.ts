// The first start of an installation: whether it waits for its operator, and making that account.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { type Operator, SetupView } from '@ridethrough/protocol/http/company.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => request('/setup', SetupView, { signal }),
  staleTime: 10_000,
  retry: false,
})

export function makeOperator(operator: z.infer<typeof Operator>): Promise<SessionAnswer> {
  return request('/setup', SessionAnswer, { method: 'POST', body: operator })
}
