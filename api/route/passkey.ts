// Passkeys: signing in with one, registering and removing.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { NewPasskey, PasskeyOptions, PasskeyProof, SecondFactorAdded } from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { actorOf, signedIn } from '../event.ts'
import { beginRegistration, registerPasskey, removePasskey } from '../second-factor/passkeys.ts'
import { beginPasskey, signInByPasskey } from '../second-factor/sign-in.ts'
import { answerSession } from '../session-answer.ts'
import { placeOf } from '../whereabouts.ts'
import { GUESSABLE } from './limit.ts'

export const passkeyRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/sessions/passkey/options',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['passkeys'],
        summary: 'What to ask the browser, to sign in or to step up with a passkey',
        security: [],
        response: { 201: PasskeyOptions },
      },
    },
    async (request, reply) => reply.code(201).send(await beginPasskey(context, placeOf(request))),
  )

  app.post(
    '/sessions/passkey',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['passkeys'],
        summary: 'Sign in with a passkey',
        security: [],
        body: PasskeyProof,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const session = await signInByPasskey(context, actorOf(request), request.body, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, session))
    },
  )

  app.post(
    '/account/passkeys/options',
    {
      config: { needs: 'session', admits: ['owing'], recent: 'always' },
      schema: {
        tags: ['passkeys'],
        summary: 'What to ask the browser, to register a passkey',
        response: { 201: PasskeyOptions },
      },
    },
    async (request, reply) => reply.code(201).send(await beginRegistration(context, signedIn(request))),
  )

  app.post(
    '/account/passkeys',
    {
      config: { needs: 'session', admits: ['owing'], recent: 'always' },
      schema: {
        tags: ['passkeys'],
        summary: 'Register a passkey',
        body: NewPasskey,
        response: { 201: SecondFactorAdded },
      },
    },
    async (request, reply) => {
      const added = await registerPasskey(context, signedIn(request), request.body, placeOf(request))
      return reply.code(201).send({ codes: [...added.codes], session: answerSession(context, reply, added.session) })
    },
  )

  app.delete(
    '/account/passkeys/:id',
    {
      config: { needs: 'session', recent: 'always' },
      schema: {
        tags: ['passkeys'],
        summary: 'Remove a passkey',
        params: IdParams,
        response: { 204: z.null().describe('Removed') },
      },
    },
    async (request, reply) => {
      await removePasskey(context, signedIn(request), request.params.id, placeOf(request))
      return reply.code(204).send(null)
    },
  )
}
