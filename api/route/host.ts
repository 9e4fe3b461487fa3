// Companies that the asker is a guest of. Whoever was never invited anywhere finds an empty list (R34).
import { listHosts } from '@ridethrough/db/query/guest-list.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { HostLeaveAnswer, HostList } from '@ridethrough/protocol/http/guest.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { leaveHost } from '../guest/joining.ts'
import { hostView } from '../guest/view.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'

export const hostRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/companies',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['guests'],
        summary: 'Companies that you are a guest of',
        response: { 200: HostList },
      },
    },
    async (request) => {
      const hosts = await listHosts(context.db, viewerOf(request).accountId)
      const now = context.clock.now()
      const present = hosts.filter(({ endsAt }) => endsAt === null || endsAt.getTime() > now)
      return { items: present.map((guest) => hostView(guest, principalOf(request).rights, now)) }
    },
  )

  app.delete(
    '/companies/:id',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['guests'],
        summary: 'Leave a company as its guest',
        params: IdParams,
        response: { 200: HostLeaveAnswer },
      },
    },
    async (request) => ({ access: await leaveHost(context, signedIn(request), request.params.id) }),
  )
}
