// Builds the HTTP application; listening is main.ts's business.
import type { ServerOptions } from 'node:https'
import compress from '@fastify/compress'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ApiContext } from './context.ts'
import { stampRequests } from './event.ts'
import { authenticateRequests } from './plugin/auth.ts'
import { serveConsole } from './plugin/console.ts'
import { describeApi } from './plugin/openapi.ts'
import { answerProblems, PROBLEM_RESPONSE, sendProblem } from './plugin/problem.ts'
import { secureHeaders } from './plugin/security.ts'
import { acceptSockets } from './plugin/socket.ts'
import { noteUses } from './plugin/uses.ts'
import { faultOf } from './problem.ts'
import { accessRoutes } from './route/access.ts'
import { accountRoutes } from './route/account.ts'
import { agentRoutes } from './route/agent.ts'
import { claimRoutes } from './route/claim.ts'
import { companyRoutes } from './route/company.ts'
import { deviceRoutes } from './route/device.ts'
import { deviceEventRoutes } from './route/device-event.ts'
import { eventRoutes } from './route/event.ts'
import { groupRoutes } from './route/group.ts'
import { guestRoutes } from './route/guest.ts'
import { historyRoutes } from './route/history.ts'
import { hostRoutes } from './route/host.ts'
import { invitationRoutes } from './route/invitation.ts'
import { ledgerRoutes } from './route/ledger.ts'
import { limitRate } from './route/limit.ts'
import { linkRoutes } from './route/link.ts'
import { linkLiveRoutes } from './route/link-live.ts'
import { liveRoutes } from './route/live.ts'
import { mailboxRoutes } from './route/mailbox.ts'
import { memberRoutes } from './route/member.ts'
import { mqttRoutes } from './route/mqtt.ts'
import { noticeRoutes } from './route/notice.ts'
import { operationRoutes } from './route/operations.ts'
import { passkeyRoutes } from './route/passkey.ts'
import { passwordRoutes } from './route/password.ts'
import { roleRoutes } from './route/role.ts'
import { secondFactorRoutes } from './route/second-factor.ts'
import { sessionRoutes } from './route/session.ts'
import { setupRoutes } from './route/setup.ts'
import { shareRoutes } from './route/share.ts'
import { shareLinkRoutes } from './route/share-link.ts'
import { tokenRoutes } from './route/token.ts'

/** 64 KiB: the largest body is a share of a hundred devices. */
const BODY_LIMIT = 64 * 1024

const QUIET = new Set(['/healthz', '/readyz', '/metrics'])

/** Wherever these stand in what is logged, they are blackened. `code` only in bodies: elsewhere it names an error. */
const SECRETS = ['authorization', 'sec-websocket-protocol', 'cookie', 'set-cookie', 'password', 'token', 'pin']
const REDACT = [
  ...SECRETS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
  'body.code',
  '*.body.code',
]

/** `tls`: its server speaks HTTPS. */
export async function buildApp(context: ApiContext, tls?: ServerOptions): Promise<FastifyInstance> {
  const { settings, metrics } = context
  const options: FastifyServerOptions = {
    loggerInstance: context.log.child({}, { redact: { paths: REDACT, censor: '[redacted]' } }) as FastifyBaseLogger,
    trustProxy: settings.trustProxy.length > 0 ? [...settings.trustProxy] : false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: false,
    // What machines ask every few seconds is not worth a line.
    logController: new LogController({ disableRequestLogging: ({ url }) => QUIET.has(url) }),
    frameworkErrors: (error, request, reply) => sendProblem(faultOf(error), request, reply),
  }
  // To all who use it, a server that speaks HTTPS is a server that speaks HTTP.
  const app: FastifyInstance = fastify(tls ? ({ ...options, https: tls } as FastifyServerOptions) : options)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  acceptEmptyJson(app)
  answerProblems(app)
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
  })
  await secureHeaders(app, { isHttps: settings.publicUrl().startsWith('https:') })
  await app.register(compress, { global: true, encodings: ['br', 'gzip'] })
  await acceptSockets(app)
  await describeApi(app)
  await app.register(async (own) => ownRoutes(own, context))
  await serveConsole(app, settings.webDist)
  return app
}

/** Everything that is ours: each route says who may call it, and may answer with a problem. */
async function ownRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  app.addHook('onRoute', (route) => {
    const response = (route.schema?.response ?? {}) as Record<string, unknown>
    route.schema = { ...route.schema, response: { ...response, default: PROBLEM_RESPONSE } }
    // Compressing takes turns of the event loop after the last look at the rights; such answers go as they are.
    if (route.config?.needs === 'rights' || route.config?.needs === 'link') route.compress = false
  })
  stampRequests(app, context)
  await authenticateRequests(app, context)
  noteUses(app, context)
  await app.register(operationRoutes, { context })
  await app.register(mqttRoutes, { context })
  if (!context.settings.hasMailServer) await app.register(mailboxRoutes, { context })
  await app.register(
    async (api) => {
      await limitRate(api, context.settings.requestsPerMinute)
      for (const routes of [
        accountRoutes,
        sessionRoutes,
        secondFactorRoutes,
        passkeyRoutes,
        passwordRoutes,
        tokenRoutes,
        claimRoutes,
        deviceRoutes,
        agentRoutes,
        historyRoutes,
        accessRoutes,
        shareRoutes,
        companyRoutes,
        memberRoutes,
        invitationRoutes,
        groupRoutes,
        roleRoutes,
        guestRoutes,
        hostRoutes,
        setupRoutes,
        eventRoutes,
        deviceEventRoutes,
        noticeRoutes,
        ledgerRoutes,
        liveRoutes,
        shareLinkRoutes,
        linkRoutes,
        linkLiveRoutes,
      ]) {
        await api.register(routes, { context })
      }
    },
    { prefix: '/api/v1' },
  )
}

/** Clients that always say `application/json` send an empty body where none is wanted: that is no mistake. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body as string, done)
  })
}
