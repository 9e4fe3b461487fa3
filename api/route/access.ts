// Who may do what on a device, and why (R73): answered by the code that enforces it.
import { listPeople } from '@ridethrough/db/query/account.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { decide, FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { noDevice, refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { viewerOf } from '../plugin/auth.ts'
import { AccessQuery, AccessView } from '../schema/access.ts'

export const accessRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context
  app.get(
    '/devices/:id/access',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Who may do what, and why, at an instant',
        description: 'By the memberships and shares as they stand, at the instant `at` (now, unless it is given).',
        params: IdParams,
        querystring: AccessQuery,
        response: { 200: AccessView },
      },
    },
    async (request) => {
      const { id } = request.params
      const asker = viewerOf(request)
      const { devices, facts } = await loadFactsOfDevices(db, [id])
      const device = devices[0]
      if (!device) throw noDevice()
      if (!decide(asker, 'share', device, facts, clock.now()).allow) {
        throw await refusal(db, asker, 'share', id, clock.now())
      }
      const at = request.query.at === undefined ? clock.now() : Date.parse(request.query.at)
      const ids = facts.memberships.map((membership) => membership.accountId)
      const people = (await listPeople(db, ids)).map((account) => ({
        account: { ...account },
        privileges: PRIVILEGES.map((privilege) => {
          const decision = decide({ accountId: account.id, scope: FULL_SCOPE }, privilege, device, facts, at)
          const { allow } = decision
          return {
            privilege,
            allow,
            via: decision.allow ? decision.via : null,
            why: decision.allow ? null : decision.why,
          }
        }),
      }))
      return { deviceId: id, at: new Date(at).toISOString(), people }
    },
  )
}
