// Sessions: signing in and out.
import { findPassword } from '@ridethrough/db/query/account.ts'
import { endSession } from '@ridethrough/db/query/session.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { Credentials, SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { changeAccess } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { clearSessionCookie, viewerOf } from '../plugin/auth.ts'
import { startSession } from '../sign-up.ts'
import { answerSession, placeOf } from './account.ts'
import { GUESSABLE } from './limit.ts'

export const sessionRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/sessions',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Sign in: a cookie for browsers, a bearer token for programs',
        security: [],
        body: Credentials,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const accountId = await checkPassword(context, request.body, request.ip)
      const signedIn = await startSession(context, context.db, accountId, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, signedIn))
    },
  )

  app.delete(
    '/sessions/current',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['accounts'],
        summary: 'Sign out: answered once nothing is served to this session any more',
        response: { 204: z.null().describe('Signed out') },
      },
    },
    async (request, reply) => {
      const { credentialId: sessionId, accountId } = viewerOf(request)
      await changeAccess(context, async (tx) => {
        await endSession(tx, sessionId, new Date(context.clock.now()))
        return { result: undefined, change: { credentials: [sessionId], what: `signed out of ${accountId}` } }
      })
      clearSessionCookie(reply, context)
      return reply.code(204).send(null)
    },
  )
}

/** The account's id. One error for an unknown address and for a wrong password, after as long a time. */
async function checkPassword(context: ApiContext, { email, password }: Credentials, address: string): Promise<string> {
  const { db, clock, throttles, passwords } = context
  const folded = foldAddress(email)
  const key = `${folded} ${address}`
  await throttles.signIn.take(key, clock.now())
  await throttles.signInAnywhere.take(folded, clock.now())
  const known = await findPassword(db, folded)
  const isRight = await passwords.verify(password, known?.passwordHash)
  if (!known || !isRight) {
    throw new Fault(
      'credentials-wrong',
      'E-mail address or password is wrong; if you have just signed up, confirm your address first',
    )
  }
  await throttles.signIn.forget(key)
  return known.accountId
}
