// Credentials of a share: for the programs of its recipient, over the API and MQTT.
import { IdParams, UuidParam } from '@ridethrough/protocol/http/common.ts'
import {
  EdgeReport,
  NewShareCredential,
  ShareCredentialAnswer,
  ShareCredentialList,
} from '@ridethrough/protocol/http/share.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { viewerOf } from '../plugin/auth.ts'
import { endCredential, listCredentials, mintCredential } from '../share/credential.ts'
import { recordingShareRefusals } from '../share-event.ts'

const CredentialParams = z.object({ id: UuidParam, credentialId: UuidParam })

export const shareCredentialRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/shares/:id/credentials',
    {
      config: { needs: 'session', recent: 'always' },
      schema: {
        tags: ['shares'],
        summary: 'As the recipient, make a credential that is worth this share and nothing else: shown this once',
        description: 'A bearer token and MQTT password. It can do no more than the share, and is dead with it.',
        params: IdParams,
        body: NewShareCredential,
        response: { 201: ShareCredentialAnswer },
      },
    },
    async (request, reply) => {
      const actor = signedIn(request)
      const { id } = request.params
      const made = await recordingShareRefusals(context, actor, 'credential.made', id, () =>
        mintCredential(context, actor, id, request.body),
      )
      return reply.code(201).send(made)
    },
  )

  app.get(
    '/shares/:id/credentials',
    {
      config: { needs: 'session', admits: ['tokens'] },
      schema: {
        tags: ['shares'],
        summary: 'The credentials of a share that still work, for both sides',
        params: IdParams,
        response: { 200: ShareCredentialList },
      },
    },
    async (request) => ({ items: await listCredentials(context, viewerOf(request), request.params.id) }),
  )

  app.delete(
    '/shares/:id/credentials/:credentialId',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['shares'],
        summary: 'End a credential, as either side: answered once nothing is served to it any more',
        params: CredentialParams,
        response: { 200: z.object({ access: EdgeReport }) },
      },
    },
    async (request) => {
      const actor = signedIn(request)
      const { id, credentialId } = request.params
      const access = await recordingShareRefusals(context, actor, 'credential.ended', id, () =>
        endCredential(context, actor, id, credentialId),
      )
      return { access }
    },
  )
}
