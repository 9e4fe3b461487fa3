// The people of the company: everybody in it sees them, owners change them.
import { listMembers } from '@ridethrough/db/query/member.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  LeaveAnswer,
  MemberChange,
  MemberChangeAnswer,
  MemberPage,
  MemberQuery,
} from '@ridethrough/protocol/http/company.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { viewerOf } from '../plugin/auth.ts'
import { ownPlace } from '../team/company.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'
import { changeMember, leaveCompany } from '../team/member.ts'
import { memberView } from '../team/view.ts'

const Cursor = z.object({ name: z.string(), id: z.uuid() })

export const memberRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/company/members',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['team'],
        summary: 'The people of the company, by name',
        querystring: MemberQuery,
        response: { 200: MemberPage },
      },
    },
    async (request) => {
      const { accountId } = viewerOf(request)
      const { state, search, role, secondFactor, cursor, limit } = request.query
      const { companyId } = await ownPlace(context.db, accountId)
      const filter = {
        active: state && state === 'active',
        search: search?.trim(),
        role,
        hasSecondFactor: secondFactor,
      }
      const after = parseCursor(Cursor, cursor)
      const found = await listMembers(context.db, companyId, filter, { after, limit })
      const last = found.length > limit ? found[limit - 1] : undefined
      return {
        items: found.slice(0, limit).map((member) => memberView(member, accountId)),
        next: last ? formatCursor({ name: last.name, id: last.id }) : null,
      }
    },
  )

  app.patch(
    '/company/members/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['team'],
        summary: 'Promote, demote, deactivate or reactivate somebody (owners)',
        description:
          'Deactivating ends sessions, tokens and live connections before it is answered. Never leaves the company without an active owner.',
        params: IdParams,
        body: MemberChange,
        response: { 200: MemberChangeAnswer },
      },
    },
    async (request) => {
      const actor = signedIn(request)
      const { result, access } = await changeMember(context, actor, request.params.id, request.body)
      return { member: memberView(result, actor.accountId), access }
    },
  )

  app.delete(
    '/company/members/me',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['team'],
        summary: 'Leave the company, for one of your own again',
        description: 'Devices, shares and the log stay with the company.',
        response: { 200: LeaveAnswer },
      },
    },
    async (request) => {
      const { result, access } = await leaveCompany(context, signedIn(request))
      return { companyId: result, access }
    },
  )
}
