// Passwords: changed with the old one, or reset with a mailed code.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { CodeSent, PasswordChange, PasswordReset, PasswordResetProof } from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { actorOf, signedIn } from '../event.ts'
import { changePassword, completeReset, requestReset } from '../password-change.ts'
import { answerSession } from '../session-answer.ts'
import { placeOf } from '../whereabouts.ts'
import { GUESSABLE } from './limit.ts'

export const passwordRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/password-resets',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['passwords'],
        summary: 'Forgot the password: a code is mailed to the address',
        description: 'The answer is the same whether or not the address has an account; the mail tells.',
        security: [],
        body: PasswordReset,
        response: { 202: CodeSent },
      },
    },
    async (request, reply) => {
      await requestReset(context, request.body.email)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.post(
    '/password-resets/complete',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['passwords'],
        summary: 'Set a new password with the mailed code; every session and API token ends',
        description: 'Signs nobody in: a second factor, where there is one, is asked for at the sign-in that follows.',
        security: [],
        body: PasswordResetProof,
        response: { 204: z.null().describe('The new password counts, and nothing is served to what was signed in') },
      },
    },
    async (request, reply) => {
      await completeReset(context, actorOf(request), request.body, placeOf(request))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/account/password',
    {
      config: { needs: 'session', recent: 'always', rateLimit: GUESSABLE },
      schema: {
        tags: ['passwords'],
        summary: 'Change the password; all other sessions end',
        description: 'The session goes on under a new token.',
        body: PasswordChange,
        response: { 200: SessionAnswer },
      },
    },
    async (request, reply) => {
      const session = await changePassword(context, signedIn(request), request.body, placeOf(request))
      return answerSession(context, reply, session)
    },
  )
}
