// Invitations into a company, as the invited person sees them.
import { LeaveAnswer, ReceivedInvitationPage } from '@ridethrough/protocol/http/company.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request, requestNothing } from './request.ts'

export const teamInvitationsQuery = queryOptions({
  queryKey: ['team-invitations'],
  queryFn: async ({ signal }) => (await request('/invitations', ReceivedInvitationPage, { signal })).items,
  refetchInterval: 60_000,
})

/** The company that the account was in before is gone when this is answered. */
export function acceptTeamInvitation(id: string, code: string): Promise<z.infer<typeof LeaveAnswer>> {
  return request(`/invitations/${id}/accept`, LeaveAnswer, { method: 'POST', body: { code } })
}

export function declineTeamInvitation(id: string): Promise<void> {
  return requestNothing(`/invitations/${id}/decline`, { method: 'POST', body: {} })
}
