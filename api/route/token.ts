// API tokens: for programs, and as MQTT passwords.
import { listTokens } from '@ridethrough/db/query/token.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { NewToken, TokenAnswer, TokenList } from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { makeToken, revokeToken, tokenView } from '../token.ts'
import { placeOf } from '../whereabouts.ts'

export const tokenRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/tokens',
    {
      config: { needs: 'session' },
      schema: { tags: ['tokens'], summary: 'The API tokens of the account', response: { 200: TokenList } },
    },
    async (request) => {
      const { accountId, now } = signedIn(request)
      return { items: (await listTokens(context.db, accountId, new Date(now))).map(tokenView) }
    },
  )

  app.post(
    '/tokens',
    {
      config: { needs: 'session', recent: 'always' },
      schema: {
        tags: ['tokens'],
        summary: 'Make an API token: shown this once',
        description:
          'It may do what is ticked here and the account may do, on the devices named; for a year at the most.',
        body: NewToken,
        response: { 201: TokenAnswer },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await makeToken(context, signedIn(request), request.body, placeOf(request))),
  )

  app.delete(
    '/tokens/:id',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['tokens'],
        summary: 'End an API token: answered once nothing is served to it any more',
        params: IdParams,
        response: { 204: z.null().describe('Ended') },
      },
    },
    async (request, reply) => {
      await revokeToken(context, signedIn(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}
