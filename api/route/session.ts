// Sessions: signing in and out, which there are, showing again who one is.
import { IDLE_MS } from '@ridethrough/db/query/credential.ts'
import { endSession, endSessions, listSessions } from '@ridethrough/db/query/session.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { Credentials, SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  SecondFactorNeeded,
  SecondFactorProof,
  SessionList,
  SessionsEnd,
  StepUp,
} from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { changeAccess } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { actorOf, recordEvent, recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { clearSessionCookie } from '../plugin/auth.ts'
import { finishSecondStep } from '../second-factor/sign-in.ts'
import { answerSession } from '../session-answer.ts'
import { signIn } from '../sign-in.ts'
import { stepUp } from '../step-up.ts'
import { deviceOf, placeOf } from '../whereabouts.ts'
import { GUESSABLE } from './limit.ts'

export const sessionRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/sessions',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['sessions'],
        summary: 'Sign in: a cookie for browsers, a bearer token for programs',
        description: 'Answered 202 where a second factor has to be shown as well.',
        security: [],
        body: Credentials,
        response: { 201: SessionAnswer, 202: SecondFactorNeeded },
      },
    },
    async (request, reply) => {
      const answer = await signIn(context, actorOf(request), request.body, placeOf(request))
      if ('needed' in answer) return reply.code(202).send(answer.needed)
      return reply.code(201).send(answerSession(context, reply, answer.session))
    },
  )

  app.post(
    '/sessions/second-factor',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['sessions'],
        summary: 'Show the second factor, and be signed in',
        security: [],
        body: SecondFactorProof,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const session = await finishSecondStep(context, actorOf(request), request.body, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, session))
    },
  )

  app.post(
    '/sessions/current/step-up',
    {
      config: { needs: 'session', admits: ['owing'], rateLimit: GUESSABLE },
      schema: {
        tags: ['sessions'],
        summary: 'Show again that it is you: what asks for a recent sign-in may be done for ten minutes',
        description: 'The session goes on under a new token; the one before opens nothing any more.',
        body: StepUp,
        response: { 200: SessionAnswer },
      },
    },
    async (request, reply) => {
      const session = await stepUp(context, signedIn(request), request.body, placeOf(request))
      return answerSession(context, reply, session)
    },
  )

  app.get(
    '/sessions',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: { tags: ['sessions'], summary: 'The sessions of the account', response: { 200: SessionList } },
    },
    async (request) => {
      const { accountId, credentialId, now } = signedIn(request)
      const sessions = await listSessions(context.db, accountId, new Date(now), IDLE_MS)
      return { items: sessions.map((session) => sessionView(session, credentialId)) }
    },
  )

  app.delete(
    '/sessions',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: {
        tags: ['sessions'],
        summary: 'End all other sessions, or all of them',
        querystring: SessionsEnd,
        response: { 204: z.null().describe('Nothing is served to them any more') },
      },
    },
    async (request, reply) => {
      const isAll = request.query.scope === 'all'
      await endMany(context, signedIn(request), isAll)
      if (isAll) clearSessionCookie(reply, context)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/sessions/current',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: {
        tags: ['sessions'],
        summary: 'Sign out: answered once nothing is served to this session any more',
        response: { 204: z.null().describe('Signed out') },
      },
    },
    async (request, reply) => {
      const actor = signedIn(request)
      await endOne(context, actor, actor.credentialId)
      clearSessionCookie(reply, context)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/sessions/:id',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: {
        tags: ['sessions'],
        summary: 'End one session: answered once nothing is served to it any more',
        params: IdParams,
        response: { 204: z.null().describe('Ended') },
      },
    },
    async (request, reply) => {
      const actor = signedIn(request)
      await endOne(context, actor, request.params.id)
      if (request.params.id === actor.credentialId) clearSessionCookie(reply, context)
      return reply.code(204).send(null)
    },
  )
}

async function endOne(context: ApiContext, actor: SignedIn, id: string): Promise<void> {
  const act = { kind: 'session.ended', subject: { session: { id } } } as const
  await recordingRefusals(context, actor, act, () =>
    changeAccess(context, async (tx) => {
      const isEnded = await endSession(tx, actor.accountId, id, new Date(actor.now))
      if (!isEnded) throw new Fault('not-found', 'There is no such session')
      await recordEvent(tx, actor, act)
      return { result: undefined, change: { credentials: [id], what: act.kind } }
    }),
  )
}

async function endMany(context: ApiContext, actor: SignedIn, isAll: boolean): Promise<void> {
  await changeAccess(context, async (tx) => {
    const except = isAll ? undefined : actor.credentialId
    const ended = await endSessions(tx, actor.accountId, new Date(actor.now), except)
    for (const id of ended) await recordEvent(tx, actor, { kind: 'session.ended', subject: { session: { id } } })
    return { result: undefined, change: { credentials: ended, what: 'sessions ended' } }
  })
}

function sessionView(session: Awaited<ReturnType<typeof listSessions>>[number], currentId: string) {
  const { id, kind, address, factors, createdAt, lastUsedAt, expiresAt } = session
  return {
    ...{ id, kind, address, isCurrent: id === currentId, factors: [...factors], device: deviceOf(session.userAgent) },
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  }
}
