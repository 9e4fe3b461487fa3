// The company and its team over HTTP. What changes somebody's access answers what it did at the edges (R71).
import {
  type CompanyChange,
  CompanyView,
  InvitationPage,
  InvitationView,
  LeaveAnswer,
  type MemberChange,
  MemberChangeAnswer,
  MemberPage,
  type NewInvitation,
} from '@ridethrough/protocol/http/company.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { type Filter, pagesQuery } from './paging.ts'
import { request, requestNothing } from './request.ts'

/** What every change of the company or its team makes old. */
export const COMPANY_KEYS = [['company'], ['members'], ['company-invitations'], ['events']] as const

export const companyQuery = queryOptions({
  queryKey: ['company'],
  queryFn: ({ signal }) => request('/company', CompanyView, { signal }),
})

export function changeCompany(change: z.infer<typeof CompanyChange>): Promise<void> {
  return requestNothing('/company', { method: 'PATCH', body: change })
}

export const membersQuery = (filter: Filter) => pagesQuery('members', '/company/members', MemberPage, filter)

export function changeMember(id: string, change: z.infer<typeof MemberChange>): Promise<MemberChangeAnswer> {
  return request(`/company/members/${id}`, MemberChangeAnswer, { method: 'PATCH', body: change })
}

export function leaveCompany(): Promise<z.infer<typeof LeaveAnswer>> {
  return request('/company/members/me', LeaveAnswer, { method: 'DELETE' })
}

export const invitationsQuery = pagesQuery('company-invitations', '/company/invitations', InvitationPage, {})

export function invite(invitation: z.input<typeof NewInvitation>): Promise<InvitationView> {
  return request('/company/invitations', InvitationView, { method: 'POST', body: invitation })
}

export function resendInvitation(id: string): Promise<void> {
  return requestNothing(`/company/invitations/${id}/resend`, { method: 'POST', body: {} })
}

export function withdrawInvitation(id: string): Promise<void> {
  return requestNothing(`/company/invitations/${id}`, { method: 'DELETE' })
}
