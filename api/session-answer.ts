// A session as it is answered: a cookie for browsers, the token for programs.
import type { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import type { FastifyReply } from 'fastify'
import type { ApiContext } from './context.ts'
import { setSessionCookie } from './plugin/auth.ts'
import type { StartedSession } from './session-start.ts'
import { accountView } from './view.ts'

export function answerSession(context: ApiContext, reply: FastifyReply, session: StartedSession): SessionAnswer {
  const { token, account, expiresAt } = session
  setSessionCookie(reply, context, token, expiresAt)
  return { token, account: accountView(account), expiresAt: expiresAt.toISOString() }
}
