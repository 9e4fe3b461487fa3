// The API described: OpenAPI 3.1 from the very schemas that check it, and a page to read it.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { AccountView, Credentials, NewAccount, SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { Problem } from '@ridethrough/protocol/http/common.ts'
import { DeviceChange, DeviceClaim, DeviceView, HistoryView, StateView } from '@ridethrough/protocol/http/device.ts'
import { EdgeReport, NewShare, ShareChangeAnswer, ShareView } from '@ridethrough/protocol/http/share.ts'
import type { FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AccessView } from '../schema/access.ts'

const NAMED = {
  AccessView,
  AccountView,
  Credentials,
  DeviceChange,
  DeviceClaim,
  DeviceView,
  EdgeReport,
  HistoryView,
  NewAccount,
  NewShare,
  Problem,
  SessionAnswer,
  ShareChangeAnswer,
  ShareView,
  StateView,
}

/** To be awaited before routes are registered: it sees those that come after it. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  const schemaRegistry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED)) schemaRegistry.add(schema, { id })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ridethrough',
        version: '1',
        description:
          'Share power safely. Errors are problem+json (RFC 9457) with a stable `code`. Sign-in gives browsers a cookie and programs a bearer token.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      security: [{ bearer: [] }, { cookie: [] }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          cookie: { type: 'apiKey', in: 'cookie', name: 'rt', description: '`__Host-rt` where the site is on https' },
        },
      },
      tags: [
        { name: 'accounts', description: 'Signing up, in and out' },
        { name: 'devices', description: 'Devices, their state and their past' },
        { name: 'shares', description: 'Sharing devices with people' },
        { name: 'events', description: 'Who did what, when, from where' },
        { name: 'live', description: 'Changes as they happen' },
        { name: 'operations', description: 'For those who run the installation' },
      ],
    },
    transform: createJsonSchemaTransform({ schemaRegistry }),
    transformObject: createJsonSchemaTransformObject({ schemaRegistry }),
  })
  await app.register(swaggerUi, { routePrefix: '/api/docs', uiConfig: { persistAuthorization: false } })
  app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
