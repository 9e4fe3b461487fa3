// For those who run the installation: is it alive, may it serve, what does it count.
import { ping } from '@ridethrough/db/query/device.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'

const Health = z.object({ status: z.literal('ok') })

export const operationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/healthz',
    {
      config: { needs: 'nobody' },
      schema: { tags: ['operations'], summary: 'The process answers', security: [], response: { 200: Health } },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      config: { needs: 'nobody' },
      schema: {
        tags: ['operations'],
        summary: 'The database answers and rights can be confirmed',
        security: [],
        response: { 200: Health },
      },
    },
    async () => {
      await ping(context.db)
      if (!context.edge.isServing()) throw new Fault('store-unavailable', 'rights cannot be confirmed at the moment')
      return { status: 'ok' as const }
    },
  )

  app.get(
    '/metrics',
    {
      config: { needs: 'nobody' },
      schema: { tags: ['operations'], summary: 'Counters for Prometheus', security: [], produces: ['text/plain'] },
    },
    async (_request, reply) => {
      const { registry } = context.metrics
      return reply.type(registry.contentType).send(await registry.metrics())
    },
  )
}
