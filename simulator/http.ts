// The control API: what the world does to the simulated UPSs. Loopback only; it has no accounts.
import { FAULTS, Fault, type FaultCode } from '@ridethrough/protocol/fault.ts'
import type { Problem } from '@ridethrough/protocol/http/common.ts'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { z } from 'zod'
import { UnitChangeBody, UnitItem } from './item.ts'

export type Control = {
  list(): UnitItem[]
  find(name: string): UnitItem | undefined
  /** Answers `undefined` when there is no such unit. */
  set(name: string, change: UnitChangeBody): UnitItem | undefined
}

const Params = z.object({ name: z.string() })

/** Builds the application; it does not listen. */
export function createHttp(control: Control, log: Logger): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 16_384,
    // A path that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, _request, reply) => sendProblem(reply as FastifyReply, faultOf(error), log),
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendProblem(reply, faultOf(error), log))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new Fault('not-found', `There is no ${request.method} ${request.url.split('?')[0]}`), log),
  )
  app.addHook('onRequest', async (request) => refuseForeignPages(request.headers.origin))
  addRoutes(app.withTypeProvider<ZodTypeProvider>(), control)
  return app
}

function addRoutes(app: ReturnType<typeof provided>, control: Control): void {
  app.get('/ups', { schema: { response: { 200: z.object({ items: z.array(UnitItem) }) } } }, () => ({
    items: control.list(),
  }))

  app.get('/ups/:name', { schema: { params: Params, response: { 200: UnitItem } } }, (request) =>
    get(control, request.params.name),
  )

  app.post(
    '/ups/:name',
    { schema: { params: Params, body: UnitChangeBody, response: { 200: UnitItem } } },
    (request) => {
      const { name } = request.params
      return control.set(name, request.body) ?? get(control, name)
    },
  )
}

function provided(app: FastifyInstance) {
  return app.withTypeProvider<ZodTypeProvider>()
}

function get(control: Control, name: string): UnitItem {
  const item = control.find(name)
  if (!item) throw new Fault('not-found', `There is no UPS called "${name}"; GET /ups lists them`)
  return item
}

// A page from elsewhere, open in a browser on this machine, could reach the loopback too: it always sends its origin.
function refuseForeignPages(origin: string | undefined): void {
  if (origin === undefined) return
  const host = URL.parse(origin)?.hostname
  if (host !== '127.0.0.1' && host !== 'localhost' && host !== '[::1]') {
    throw new Fault('origin-refused', 'Only pages of this machine may control the simulator')
  }
}

// Fastify's own errors by their code; what is neither theirs nor ours is a surprise.
const CODES: Readonly<Record<string, FaultCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unknown',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body-malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'body-malformed',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body-malformed',
}

function faultOf(error: FastifyError): Fault {
  if (error instanceof Fault) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    const fields = error.validation.map((issue) => ({
      path: issue.instancePath.replace(/^\//, '').replaceAll('/', '.'),
      message: issue.message ?? 'is not right',
    }))
    return new Fault(
      'input-invalid',
      fields.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; '),
      { fields },
    )
  }
  const code = CODES[error.code] ?? (error.statusCode === 400 ? 'body-malformed' : 'internal')
  return new Fault(code, code === 'internal' ? FAULTS.internal[1] : error.message, { cause: error })
}

function sendProblem(reply: FastifyReply, fault: Fault, log: Logger): FastifyReply {
  const [status, title] = FAULTS[fault.code]
  if (status >= 500) log.error({ err: fault }, 'a request failed')
  const problem: Problem = {
    type: `urn:ridethrough:problem:${fault.code}`,
    title,
    status,
    code: fault.code,
    detail: fault.message,
    ...(fault.fields.length > 0 ? { fields: [...fault.fields] } : {}),
  }
  return reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(problem)
}
