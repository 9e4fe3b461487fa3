// One handler for every error, and for addresses that do not exist.
import { FAULTS, Fault } from '@ridethrough/protocol/fault.ts'
import { Problem } from '@ridethrough/protocol/http/common.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { faultOf, PROBLEM_TYPE, problemOf } from '../problem.ts'

/** The answer that every route may give besides its own, for the OpenAPI document. */
export const PROBLEM_RESPONSE = {
  description: 'Refused or failed, with a stable code',
  content: { [PROBLEM_TYPE]: { schema: Problem } },
}

export function answerProblems(app: FastifyInstance): void {
  const known = createRouteTable()
  app.addHook('onRoute', (route) => known.add(route))
  app.setErrorHandler((error, request, reply) => sendProblem(faultOf(error), request, reply))
  app.setNotFoundHandler((request, reply) => {
    const allowed = known.methodsOf(request.url)
    if (allowed.length === 0)
      return sendProblem(new Fault('not-found', 'There is nothing at this address'), request, reply)
    reply.header('allow', allowed.join(', '))
    return sendProblem(new Fault('method-unknown', `This address takes ${allowed.join(', ')}`), request, reply)
  })
}

export function sendProblem(fault: Fault, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [status] = FAULTS[fault.code]
  // A refusal's cause may quote what was sent (V8 quotes the text in its JSON errors), so only our own sentence is logged.
  if (status < 500) request.log.info({ code: fault.code, detail: fault.message }, 'refused')
  else request.log.error({ code: fault.code, err: fault.cause ?? fault }, fault.message)
  if (fault.retryAfter !== undefined) reply.header('retry-after', fault.retryAfter)
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  // As text: the route's own response schema does not describe problems.
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problemOf(fault)))
}

/** Which methods an address takes, for 405: the router itself only knows "not found". */
function createRouteTable() {
  const rows: { pattern: RegExp; methods: string[] }[] = []
  return {
    add({ url, method }: RouteOptions): void {
      if (url.includes('*')) return
      const source = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+')
      rows.push({ pattern: new RegExp(`^${source}$`), methods: [method].flat() })
    },
    methodsOf(url: string): string[] {
      const path = url.replace(/[?#].*$/, '')
      return [...new Set(rows.filter((row) => row.pattern.test(path)).flatMap((row) => row.methods))].sort()
    },
  }
}
