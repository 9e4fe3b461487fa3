// How many requests one address may send. Guessing is slowed down per account as well (throttle.ts); this bounds the sum.

import rateLimit from '@fastify/rate-limit'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { FastifyInstance } from 'fastify'
import { networkOf } from '../refusals.ts'

/** Routes that hash passwords, check codes or send mail for somebody who has not signed in. */
export const GUESSABLE = { max: 120, timeWindow: 60_000 } as const

/** For the scope of /api/v1 only: health, metrics and the console's files are never refused. */
export async function limitRate(app: FastifyInstance, requestsPerMinute: number): Promise<void> {
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => networkOf(request.ip),
    errorResponseBuilder: (_request, { ttl }) =>
      new Fault('too-many-tries', 'Too many requests from this address: slow down', {
        retryAfter: Math.max(1, Math.ceil(ttl / 1000)),
      }),
  })
}
