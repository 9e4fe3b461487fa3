// Guests of the company: people from outside, invited and managed by its owners.
import type { Guest } from '@ridethrough/db/query/guest.ts'
import { findGuest, listGuestsOf } from '@ridethrough/db/query/guest-list.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  GuestChange,
  GuestChangeAnswer,
  GuestPage,
  GuestQuery,
  GuestView,
  NewGuest,
} from '@ridethrough/protocol/http/guest.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import {
  changeGuest,
  endGuestEntry,
  type GuestChanged,
  inviteGuest,
  noGuest,
  resendGuestInvitation,
} from '../guest/guest.ts'
import { guestView } from '../guest/view.ts'
import { viewerOf } from '../plugin/auth.ts'
import { ownPlaceAsOwner } from '../team/company.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'

const Cursor = z.object({ id: z.uuid() })

export const guestRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const view = (guest: Guest) => guestView(guest, context.clock.now())
  const answer = ({ result, access }: GuestChanged) => ({ guest: view(result), access })

  app.get(
    '/company/guests',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['guests'],
        summary: 'Guests of the company and invitations to be one (owners)',
        querystring: GuestQuery,
        response: { 200: GuestPage },
      },
    },
    async (request) => {
      const { companyId } = await ownPlaceAsOwner(context.db, viewerOf(request).accountId)
      const { state, search, cursor, limit } = request.query
      const before = parseCursor(Cursor, cursor)?.id
      const found = await listGuestsOf(context.db, companyId, { state, search: search?.trim() }, { before, limit })
      const last = found.length > limit ? found[limit - 1] : undefined
      return { items: found.slice(0, limit).map(view), next: last ? formatCursor({ id: last.id }) : null }
    },
  )

  app.post(
    '/company/guests',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Invite somebody from outside (owners)',
        description:
          'A link and a code are mailed to the address; whoever has no account there signs up with it first. They stay in their own company, and see here only what is given to them.',
        body: NewGuest,
        response: { 201: GuestView },
      },
    },
    async (request, reply) => reply.code(201).send(view(await inviteGuest(context, signedIn(request), request.body))),
  )

  app.get(
    '/company/guests/:id',
    {
      config: { needs: 'rights' },
      schema: { tags: ['guests'], summary: 'One guest (owners)', params: IdParams, response: { 200: GuestView } },
    },
    async (request) => {
      const { companyId } = await ownPlaceAsOwner(context.db, viewerOf(request).accountId)
      const guest = await findGuest(context.db, request.params.id)
      if (guest?.company.id !== companyId) throw noGuest()
      return view(guest)
    },
  )

  app.patch(
    '/company/guests/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Change what a guest may do, where and when, or switch the entry off and on (owners)',
        description: 'All of it at once. Answered only when no server gives more than that.',
        params: IdParams,
        body: GuestChange,
        response: { 200: GuestChangeAnswer },
      },
    },
    async (request) => answer(await changeGuest(context, signedIn(request), request.params.id, request.body)),
  )

  app.delete(
    '/company/guests/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'End what a guest has, or withdraw the invitation (owners)',
        description: 'Answered only when no server gives anything more by it.',
        params: IdParams,
        response: { 200: GuestChangeAnswer },
      },
    },
    async (request) => answer(await endGuestEntry(context, signedIn(request), request.params.id)),
  )

  app.post(
    '/company/guests/:id/resend',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Send the invitation again, with a new link and code; the old ones are dead (owners)',
        params: IdParams,
        response: { 200: GuestView },
      },
    },
    async (request) => view(await resendGuestInvitation(context, signedIn(request), request.params.id)),
  )
}
