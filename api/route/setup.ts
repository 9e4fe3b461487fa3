// The first start of an installation.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { Operator, SetupView } from '@ridethrough/protocol/http/company.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { actorOf } from '../event.ts'
import { answerSession } from '../session-answer.ts'
import { makeOperator, waitsForOperator } from '../team/setup.ts'
import { placeOf } from '../whereabouts.ts'
import { GUESSABLE } from './limit.ts'

export const setupRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/setup',
    {
      config: { needs: 'nobody' },
      schema: {
        tags: ['setup'],
        summary: 'Whether the installation waits for its operator',
        security: [],
        response: { 200: SetupView },
      },
    },
    async () => ({ needsOperator: await waitsForOperator(context) }),
  )

  app.post(
    '/setup',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['setup'],
        summary: 'Make the first account, with the code that the server printed when it was started',
        security: [],
        body: Operator,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const signedIn = await makeOperator(context, actorOf(request), request.body, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, signedIn))
    },
  )
}
