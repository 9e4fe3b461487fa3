// Guests of the company, over HTTP (R30-R32). Each change answers what it did at the edges (R71).
import {
  type GuestChange,
  GuestChangeAnswer,
  GuestPage,
  GuestView,
  type NewGuest,
} from '@ridethrough/protocol/http/guest.ts'
import { queryOptions } from '@tanstack/react-query'
import { type Filter, pagesQuery } from './paging.ts'
import { request, requestNothing } from './request.ts'

/** What a change of a guest makes old; roles and groups count who has them. */
export const GUEST_KEYS = [['guests'], ['guest'], ['ledger'], ['roles'], ['groups'], ['events']] as const

export const guestsQuery = (filter: Filter) => pagesQuery('guests', '/company/guests', GuestPage, filter)

export const guestQuery = (id: string) =>
  queryOptions({
    queryKey: ['guest', id],
    queryFn: ({ signal }) => request(addressOf(id), GuestView, { signal }),
    // The guest may accept, decline or leave while one looks.
    refetchInterval: 30_000,
  })

/** Where the API has this guest. */
export function addressOf(id: string): string {
  return `/company/guests/${id}`
}

export function inviteGuest(guest: NewGuest): Promise<GuestView> {
  return request('/company/guests', GuestView, { method: 'POST', body: guest })
}

export function changeGuest(id: string, change: GuestChange): Promise<GuestChangeAnswer> {
  return request(addressOf(id), GuestChangeAnswer, { method: 'PATCH', body: change })
}

/** Ends what the guest has, or withdraws the invitation. */
export function endGuest(id: string): Promise<GuestChangeAnswer> {
  return request(addressOf(id), GuestChangeAnswer, { method: 'DELETE' })
}

export function resendGuest(id: string): Promise<void> {
  return requestNothing(`${addressOf(id)}/resend`, { method: 'POST', body: {} })
}
