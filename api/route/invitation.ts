// Invitations into a company: sent by its owners, answered by those to whom they were sent, as co-workers or as guests.
import { findGuest } from '@ridethrough/db/query/guest-list.ts'
import { listInvitationsOf } from '@ridethrough/db/query/invitation.ts'
import { IdParams, PageQuery } from '@ridethrough/protocol/http/common.ts'
import {
  InvitationPage,
  InvitationProof,
  InvitationView,
  LeaveAnswer,
  NewInvitation,
  ReceivedInvitationPage,
} from '@ridethrough/protocol/http/company.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { acceptAsGuest, declineAsGuest, listReceivedAsGuest } from '../guest/joining.ts'
import { receivedGuestView } from '../guest/view.ts'
import { viewerOf } from '../plugin/auth.ts'
import { ownPlaceAsOwner } from '../team/company.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'
import { inviteCoworker, resendCoworkerInvitation, withdrawCoworkerInvitation } from '../team/invitation.ts'
import { declineToJoin, joinCompany, listReceived } from '../team/joining.ts'
import { invitationView, receivedView } from '../team/view.ts'

const Cursor = z.object({ id: z.uuid() })

export const invitationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const view = (invitation: Parameters<typeof invitationView>[0]) => invitationView(invitation, context.clock.now())
  /** Whether it is one to be a guest; what is neither is told apart by nobody. */
  const isForGuest = async (id: string) => (await findGuest(context.db, id)) !== undefined

  app.get(
    '/company/invitations',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['team'],
        summary: 'Invitations that wait for an answer, run out or not (owners)',
        querystring: PageQuery,
        response: { 200: InvitationPage },
      },
    },
    async (request) => {
      const { companyId } = await ownPlaceAsOwner(context.db, viewerOf(request).accountId)
      const { cursor, limit } = request.query
      const before = parseCursor(Cursor, cursor)?.id
      const found = await listInvitationsOf(context.db, companyId, { before, limit })
      const last = found.length > limit ? found[limit - 1] : undefined
      return { items: found.slice(0, limit).map(view), next: last ? formatCursor({ id: last.id }) : null }
    },
  )

  app.post(
    '/company/invitations',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['team'],
        summary: 'Invite a co-worker into the company (owners)',
        description:
          'A link and a code are mailed to the address; whoever has no account there signs up with it first. Who accepts leaves a company of their own.',
        body: NewInvitation,
        response: { 201: InvitationView },
      },
    },
    async (request, reply) =>
      reply.code(201).send(view(await inviteCoworker(context, signedIn(request), request.body))),
  )

  app.post(
    '/company/invitations/:id/resend',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['team'],
        summary: 'Send it again, with a new link and code; the old ones are dead (owners)',
        params: IdParams,
        response: { 200: InvitationView },
      },
    },
    async (request) => view(await resendCoworkerInvitation(context, signedIn(request), request.params.id)),
  )

  app.delete(
    '/company/invitations/:id',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['team'],
        summary: 'Withdraw an invitation; its link is dead (owners)',
        params: IdParams,
        response: { 200: InvitationView },
      },
    },
    async (request) => view(await withdrawCoworkerInvitation(context, signedIn(request), request.params.id)),
  )

  app.get(
    '/invitations',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['team'],
        summary: 'Invitations to your own address that you can still answer, as a co-worker or as a guest',
        response: { 200: ReceivedInvitationPage },
      },
    },
    async (request) => {
      const { accountId } = viewerOf(request)
      const toJoin = (await listReceived(context, accountId)).map(receivedView)
      const toVisit = (await listReceivedAsGuest(context, accountId)).map(receivedGuestView)
      // Ids are uuid v7: the newest first.
      const items = [...toJoin, ...toVisit].sort((a, b) => (a.id < b.id ? 1 : -1))
      return { items, next: null }
    },
  )

  app.post(
    '/invitations/:id/accept',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['team'],
        summary: 'Join the company, or become its guest, with the code that was mailed',
        description:
          'Whoever joins leaves a company of their own, which must hold no device and nobody else. A guest keeps it.',
        params: IdParams,
        body: InvitationProof,
        response: { 200: LeaveAnswer },
      },
    },
    async (request) => {
      const { id } = request.params
      const accept = (await isForGuest(id)) ? acceptAsGuest : joinCompany
      const { result, access } = await accept(context, signedIn(request), id, request.body.code)
      return { companyId: result, access }
    },
  )

  app.post(
    '/invitations/:id/decline',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['team'],
        summary: 'Decline; being signed in with the address is enough',
        params: IdParams,
        body: InvitationProof.partial().nullish(),
        response: { 204: z.null().describe('Declined') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const decline = (await isForGuest(id)) ? declineAsGuest : declineToJoin
      await decline(context, signedIn(request), id, request.body?.code)
      return reply.code(204).send(null)
    },
  )
}
