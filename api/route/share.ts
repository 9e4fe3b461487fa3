// Shares: offered by one side, accepted by the other, ended by either.
import { IdParams, UuidParam } from '@ridethrough/protocol/http/common.ts'
import {
  NewShare,
  ShareChange,
  ShareChangeAnswer,
  ShareCode,
  SharePage,
  ShareQuery,
  ShareView,
} from '@ridethrough/protocol/http/share.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'
import { acceptInvitation, declineInvitation } from '../share/answer.ts'
import type { ShareStep } from '../share/change.ts'
import { changeShare } from '../share/edit.ts'
import { endWholeShare, removeDeviceFromShare, takeDeviceBack } from '../share/end.ts'
import { getShare, listShares } from '../share/list.ts'
import { offerShare, resendInvitation } from '../share/offer.ts'
import { resumeShare, suspendShare } from '../share/suspend.ts'
import { recordingShareRefusals, type ShareKind } from '../share-event.ts'
import { shareView } from '../view.ts'
import { shareCredentialRoutes } from './share-credential.ts'

const DeviceOfShareParams = z.object({ id: UuidParam, deviceId: UuidParam })

export const shareRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  await app.register(shareCredentialRoutes, { context })

  const answer = async (step: Promise<ShareStep>): Promise<ShareChangeAnswer> => {
    const { access, ...seen } = await step
    return { share: shareView(seen, context.clock.now()), access }
  }
  /** One step in the life of a share; that it was refused is recorded as well. */
  const step = (
    request: FastifyRequest<{ Params: { id: string } }>,
    kind: ShareKind,
    take: (actor: SignedIn, id: string) => Promise<ShareStep>,
  ): Promise<ShareChangeAnswer> => {
    const actor = signedIn(request)
    const { id } = request.params
    return recordingShareRefusals(context, actor, kind, id, () => answer(take(actor, id)))
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
      const made = await recordingRefusals(context, actor, act, () => answer(offerShare(context, actor, request.body)))
      return reply.code(201).send(made)
    },
  )

  app.get(
    '/shares',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['shares'],
        summary: 'Shares that were granted to others, or received; the newest first',
        querystring: ShareQuery,
        response: { 200: SharePage },
      },
    },
    async (request) => {
      const viewer = viewerOf(request)
      const asker = { ...viewer, isProgram: viewer.kind !== 'session', rights: principalOf(request).rights }
      const { items, next } = await listShares(context, asker, request.query)
      return { items: items.map((seen) => shareView(seen, context.clock.now())), next }
    },
  )

  app.get(
    '/shares/:id',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: { tags: ['shares'], summary: 'One share', params: IdParams, response: { 200: ShareView } },
    },
    async (request) => shareView(await getShare(context, viewerOf(request), request.params.id), context.clock.now()),
  )

  app.patch(
    '/shares/:id',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Change devices, period, windows and privileges of a share: all of it at once, or nothing',
        description:
          '`deviceIds` is the whole set; what the recipient has taken out stays out. A later end revives a share that has run out.',
        params: IdParams,
        body: ShareChange,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.changed', (actor, id) => changeShare(context, actor, id, request.body)),
  )

  app.post(
    '/shares/:id/suspend',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Let a share give nothing until it is resumed; it keeps its place and its settings',
        params: IdParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.suspended', (actor, id) => suspendShare(context, actor, id)),
  )

  app.post(
    '/shares/:id/resume',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'Let a suspended share give again what it gave',
        params: IdParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => step(request, 'share.resumed', (actor, id) => resumeShare(context, actor, id)),
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

  app.post(
    '/shares/:id/devices/:deviceId',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['shares'],
        summary: 'As the recipient, take a device back that one took out of a share',
        params: DeviceOfShareParams,
        response: { 200: ShareChangeAnswer },
      },
    },
    (request) => {
      const { deviceId } = request.params
      return step(request, 'share.restored', (actor, id) => takeDeviceBack(context, actor, id, deviceId))
    },
  )
}

function idsOf({ deviceIds }: NewShare): { readonly id: string }[] {
  return deviceIds.map((id) => ({ id }))
}
