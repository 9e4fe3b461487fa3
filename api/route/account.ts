// Accounts: signing up, proving an address, seeing oneself.
import { findAccount } from '@ridethrough/db/query/account.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  AccountView,
  NewAccount,
  SessionAnswer,
  SignUpAnswer,
  Verification,
} from '@ridethrough/protocol/http/account.ts'
import { EmailAddress } from '@ridethrough/protocol/http/common.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { setSessionCookie, viewerOf } from '../plugin/auth.ts'
import { type Place, resendCode, type SignedIn, signUp, verifyAddress } from '../sign-up.ts'
import { refuseBeforeSetup } from '../team/setup.ts'
import { accountView } from '../view.ts'
import { GUESSABLE } from './limit.ts'

const Resend = z.strictObject({ email: EmailAddress })

export const accountRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/accounts',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Sign up: a code is mailed to the address',
        description: 'The answer is the same whether or not the address has an account; the mail tells.',
        security: [],
        body: NewAccount,
        response: { 202: SignUpAnswer },
      },
    },
    async (request, reply) => {
      await refuseBeforeSetup(context)
      await signUp(context, request.body)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.post(
    '/accounts/verify',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Prove the address with the mailed code, and sign in',
        security: [],
        body: Verification,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const { email, code } = request.body
      const signedIn = await verifyAddress(context, email, code, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, signedIn))
    },
  )

  app.post(
    '/accounts/verify/resend',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Mail another code; the one before it is void',
        security: [],
        body: Resend,
        response: { 202: SignUpAnswer },
      },
    },
    async (request, reply) => {
      await resendCode(context, request.body.email)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.get(
    '/account',
    {
      config: { needs: 'session' },
      schema: { tags: ['accounts'], summary: 'The account that is signed in', response: { 200: AccountView } },
    },
    async (request) => {
      const account = await findAccount(context.db, viewerOf(request).accountId)
      if (!account) throw new Fault('session-missing', 'The account is no longer there')
      return accountView(account)
    },
  )
}

export function answerSession(context: ApiContext, reply: FastifyReply, signedIn: SignedIn): SessionAnswer {
  setSessionCookie(reply, context, signedIn.token, signedIn.expiresAt)
  return {
    token: signedIn.token,
    account: accountView(signedIn.account),
    expiresAt: signedIn.expiresAt.toISOString(),
  }
}

export function placeOf(request: FastifyRequest): Place {
  return { address: request.ip, userAgent: request.headers['user-agent'] ?? '' }
}
