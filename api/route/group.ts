// Groups of the company's devices: everybody in it sees them, owners change them.
import { listGroups } from '@ridethrough/db/query/group.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  DeletionAnswer,
  GroupChange,
  GroupChangeAnswer,
  GroupList,
  GroupView,
  NewGroup,
} from '@ridethrough/protocol/http/guest.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { changeGroup, makeGroup, removeGroup } from '../guest/group.ts'
import { groupView } from '../guest/view.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'
import { ownPlace } from '../team/company.ts'

export const groupRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/company/groups',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['guests'],
        summary: 'Groups of the company’s devices, with the devices that you may see',
        response: { 200: GroupList },
      },
    },
    async (request) => {
      const { companyId } = await ownPlace(context.db, viewerOf(request).accountId)
      const groups = await listGroups(context.db, companyId)
      const asked = { rights: principalOf(request).rights, now: context.clock.now() }
      return { items: groups.map((group) => groupView(group, asked)) }
    },
  )

  app.post(
    '/company/groups',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Make a group of devices (owners)',
        body: NewGroup,
        response: { 201: GroupView },
      },
    },
    async (request, reply) =>
      reply.code(201).send(groupView(await makeGroup(context, signedIn(request), request.body))),
  )

  app.patch(
    '/company/groups/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Rename a group, or change which devices are in it (owners)',
        description: 'Answered only when no server gives its guests more than that.',
        params: IdParams,
        body: GroupChange,
        response: { 200: GroupChangeAnswer },
      },
    },
    async (request) => {
      const { result, access } = await changeGroup(context, signedIn(request), request.params.id, request.body)
      return { group: groupView(result), access }
    },
  )

  app.delete(
    '/company/groups/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['guests'],
        summary: 'Delete a group; guests lose what they had by it (owners)',
        params: IdParams,
        response: { 200: DeletionAnswer },
      },
    },
    async (request) => ({ access: await removeGroup(context, signedIn(request), request.params.id) }),
  )
}
