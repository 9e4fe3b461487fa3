// Companies that the account is a guest of, over HTTP (R34, R35). Invitations to them are in team-invitation.ts.
import { HostLeaveAnswer, HostList } from '@ridethrough/protocol/http/guest.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

export const hostsQuery = queryOptions({
  queryKey: ['hosts'],
  queryFn: async ({ signal }) => (await request('/companies', HostList, { signal })).items,
  // The host may switch the guest off and on at any time.
  refetchInterval: 60_000,
})

export function leaveHost(companyId: string): Promise<z.infer<typeof HostLeaveAnswer>> {
  return request(`/companies/${companyId}`, HostLeaveAnswer, { method: 'DELETE' })
}
