// Every error that leaves the API, as RFC 9457 problem+json with a stable code.
import { FAULTS, Fault } from '@ridethrough/protocol/fault.ts'
import type { Problem } from '@ridethrough/protocol/http/common.ts'
import type { FastifyError } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'

export const PROBLEM_TYPE = 'application/problem+json'

export function problemOf(fault: Fault): Problem {
  const [status, title] = FAULTS[fault.code]
  return {
    type: `urn:ridethrough:problem:${fault.code}`,
    title,
    status,
    code: fault.code,
    detail: fault.message,
    ...(fault.fields.length > 0 ? { fields: [...fault.fields] } : {}),
  }
}

/** What Fastify, zod and pg throw, in our words. Whatever is not known is `internal`, and tells nothing. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (hasZodFastifySchemaValidationErrors(error)) return invalidInput(error)
  const code = codeOf(error)
  // FATAL: the server ended or refused the connection, for whatever reason.
  const isFatal = error instanceof Error && 'severity' in error && error.severity === 'FATAL'
  if (isFatal || (code !== undefined && STORE_DOWN.test(code))) {
    return new Fault('store-unavailable', 'The database does not answer: try again in a moment', { cause: error })
  }
  if (code === NO_OWNER) {
    const text = 'This would leave the company without an active owner: make somebody else an owner first'
    return new Fault('last-owner', text, { cause: error })
  }
  if (code === UNSTORABLE)
    return new Fault('body-malformed', 'A text holds a character that cannot be kept', { cause: error })
  const known = code === undefined ? undefined : FASTIFY_FAULTS[code]
  if (known) return new Fault(known[0], known[1], { cause: error })
  if (error instanceof Error && 'statusCode' in error && error.statusCode === 400) {
    return new Fault('body-malformed', 'The request cannot be understood', { cause: error })
  }
  return new Fault('internal', 'Something went wrong on our side; the log has the details under the request id', {
    cause: error,
  })
}

const FASTIFY_FAULTS: Readonly<Record<string, readonly [Fault['code'], string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['body-malformed', 'The body is not JSON'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['body-malformed', 'The body is empty'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['body-malformed', 'The body is not as long as Content-Length says'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'The body is longer than this takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['media-type-unknown', 'Send the body as application/json'],
  FST_ERR_BAD_URL: ['body-malformed', 'The address cannot be decoded'],
}

/** R45, as the database keeps it: see the trigger `company_keeps_owner`. */
const NO_OWNER = 'RT003'

/** A null character: JSON can say it, PostgreSQL cannot keep it. */
const UNSTORABLE = '22021'

/** Sockets that fail, SQLSTATE classes 08 and 57, too many connections: the store is down, not the request wrong. */
const STORE_DOWN = /^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|08...|57P0.|53300)$/

type ValidationError = FastifyError & { validationContext?: string | undefined }

function invalidInput(error: ValidationError): Fault {
  // An id that cannot be one is the id of nothing.
  if (error.validationContext === 'params') return new Fault('not-found', 'There is nothing here')
  const fields = (error.validation ?? []).map((issue) => ({
    path: issue.instancePath.replace(/^\//, '').replaceAll('/', '.'),
    message: issue.message ?? 'this is not right',
  }))
  const names = [...new Set(fields.map((field) => field.path).filter((path) => path !== ''))]
  const detail = names.length > 0 ? `Look again at: ${names.join(', ')}` : 'The body is not what this takes'
  return new Fault('input-invalid', detail, { fields, cause: error })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
