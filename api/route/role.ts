// Roles that the company makes, for guests and shares.
import { listRoles } from '@ridethrough/db/query/role.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  DeletionAnswer,
  NewRole,
  RoleChange,
  RoleChangeAnswer,
  RoleDeletion,
  RoleList,
  RoleView,
} from '@ridethrough/protocol/http/guest.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { changeRole, makeRole, removeRole } from '../guest/role.ts'
import { roleView } from '../guest/view.ts'
import { viewerOf } from '../plugin/auth.ts'
import { ownPlaceAsOwner } from '../team/company.ts'

export const roleRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/company/roles',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['guests'],
        summary: 'Roles that the company made, and how many have each (owners)',
        response: { 200: RoleList },
      },
    },
    async (request) => {
      const { companyId } = await ownPlaceAsOwner(context.db, viewerOf(request).accountId)
      return { items: (await listRoles(context.db, companyId)).map(roleView) }
    },
  )

  app.post(
    '/company/roles',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Make a role: a named set of privileges (owners)',
        body: NewRole,
        response: { 201: RoleView },
      },
    },
    async (request, reply) => reply.code(201).send(roleView(await makeRole(context, signedIn(request), request.body))),
  )

  app.patch(
    '/company/roles/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Change a role, for all who have it at once (owners)',
        description: 'Answered only when no server gives anybody more than that by it.',
        params: IdParams,
        body: RoleChange,
        response: { 200: RoleChangeAnswer },
      },
    },
    async (request) => {
      const { result, access } = await changeRole(context, signedIn(request), request.params.id, request.body)
      return { role: roleView(result), access }
    },
  )

  app.delete(
    '/company/roles/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Delete a role; one in use only with another that takes its place (owners)',
        description: 'The `replacement` is named in the query or in the body.',
        params: IdParams,
        querystring: RoleDeletion,
        body: RoleDeletion.nullish(),
        response: { 200: DeletionAnswer },
      },
    },
    async (request) => {
      const replacement = request.query.replacement ?? request.body?.replacement
      return { access: await removeRole(context, signedIn(request), request.params.id, replacement) }
    },
  )
}
