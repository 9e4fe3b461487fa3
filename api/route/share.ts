// Shares: offered by one side, accepted by the other, ended by either.
import { listGrantedShares, listReceivedShares, type Share } from '@ridethrough/db/query/share.ts'
import { IdParams, UuidParam } from '@ridethrough/protocol/http/common.ts'
import {
  NewShare,
  ShareChangeAnswer,
  ShareCode,
  SharePage,
  ShareQuery,
  ShareView,
} from '@ridethrough/protocol/http/share.ts'
import { devicesWith, type Rights } from '@ridethrough/protocol/rights.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'
import { recordingShareRefusals, type ShareKind } from '../share-event.ts'
import {
  acceptInvitation,
  declineInvitation,
  endWholeShare,
  getShare,
  offerShare,
  removeDeviceFromShare,
  resendInvitation,
  type ShareChange,
} from '../sharing.ts'
import { shareIdsOf, shareView } from '../view.ts'

const DeviceOfShareParams = z.object({ id: UuidParam, deviceId: UuidParam })

export const shareRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const answer = async (actor: SignedIn, change: Promise<ShareChange>): Promise<ShareChangeAnswer> => {
    const { result, access } = await change
    return { share: shareView(result, actor.accountId, context.clock.now()), access }
  }
  /** One step in the life of a share; that it was refused is recorded as well. */
  const step = (
    request: FastifyRequest<{ Params: { id: string } }>,
    kind: ShareKind,
    take: (actor: SignedIn, id: string) => Promise<ShareChange>,
  ): Promise<ShareChangeAnswer> => {
    const actor = signedIn(request)
    const { id } = request.params
    return recordingShareRefusals(context, actor, kind, id, () => answer(actor, take(actor, id)))
  }

  app.post(
    '/shares',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Share devices with the person behind an e-mail address',
        description:
          'A confirmation code is mailed to the address; whoever has no account yet finds the share after signing up.',
        body: NewShare,
        response: { 201: ShareChangeAnswer },
      },
    },
    async (request, reply) => {
      const actor = signedIn(request)
      const act = { kind: 'share.made', subject: { email: request.body.email, devices: idsOf(request.body) } } as const
      const made = await recordingRefusals(context, actor, act, () =>
        answer(actor, offerShare(context, actor, request.body)),
      )
      return reply.code(201).send(made)
    },
  )

  app.get(
    '/shares',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['shares'],
        summary: 'Shares that are not over: granted to others, or received',
        querystring: ShareQuery,
        response: { 200: SharePage },
      },
    },
    async (request) => {
      const { id, rights } = principalOf(request)
      const now = context.clock.now()
      const shares =
        request.query.direction === 'received'
          ? await listReceivedShares(context.db, id)
          : await listGrantedShares(context.db, id, devicesWith(rights, 'share', now))
      const visible =
        viewerOf(request).kind === 'token' ? shares.filter((share) => isWithin(share, rights, now)) : shares
      return { items: visible.map((share) => shareView(share, id, now)), next: null }
    },
  )

  app.get(
    '/shares/:id',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: { tags: ['shares'], summary: 'One share', params: IdParams, response: { 200: ShareView } },
    },
    async (request) => {
      const share = await getShare(context, viewerOf(request), request.params.id)
      return shareView(share, viewerOf(request).accountId, context.clock.now())
    },
  )

  app.delete(
    '/shares/:id',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'End a share: revoked by the owner, or left by the recipient',
        description: 'Answered only when no server gives anything more under it.',
        params: IdParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.ended', (actor, id) => endWholeShare(context, actor, id)),
  )

  app.post(
    '/shares/:id/accept',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['shares'],
        summary: 'Accept an invitation with its confirmation code',
        params: IdParams,
        body: ShareCode,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) =>
      step(request, 'share.accepted', (actor, id) => acceptInvitation(context, actor, id, request.body.code)),
  )

  app.post(
    '/shares/:id/decline',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['shares'],
        summary: 'Decline an invitation',
        params: IdParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.declined', (actor, id) => declineInvitation(context, actor, id)),
  )

  app.post(
    '/shares/:id/resend',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Send the invitation again, with a new code; the old one is void',
        params: IdParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.resent', (actor, id) => resendInvitation(context, actor, id)),
  )

  app.delete(
    '/shares/:id/devices/:deviceId',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Take one device out of a share; with the last one it ends',
        params: DeviceOfShareParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => {
      const { deviceId } = request.params
      return step(request, 'share.narrowed', (actor, id) => removeDeviceFromShare(context, actor, id, deviceId))
    },
  )
}

function idsOf({ deviceIds }: NewShare): { readonly id: string }[] {
  return deviceIds.map((id) => ({ id }))
}

/** An API token sees a share only by the devices that it reaches: those it may share, or has through this very share. */
function isWithin(share: Share, rights: Rights, now: number): boolean {
  const shareable = new Set(devicesWith(rights, 'share', now))
  if (share.everDeviceIds.some((id) => shareable.has(id))) return true
  return shareIdsOf(rights, share.everDeviceIds).includes(share.id)
}
