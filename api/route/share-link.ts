// Links as those make, change and end them who may share the devices (R22).
import { findAccount } from '@ridethrough/db/query/account.ts'
import { loadFactsOfAccounts } from '@ridethrough/db/query/facts.ts'
import { listLinks } from '@ridethrough/db/query/link.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import {
  LinkChange,
  LinkChangeAnswer,
  LinkPage,
  LinkQuery,
  LinkView,
  NewLink,
} from '@ridethrough/protocol/http/link.ts'
import { FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { changeLink, endLink, getLink } from '../link/change.ts'
import { type LinkChanged, makeLink } from '../link/make.ts'
import { shareableIds } from '../link/rules.ts'
import { linkView, linkViews } from '../link/view.ts'
import { type Viewer, viewerOf } from '../plugin/auth.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'

const CHANGES = { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' } as const

export const shareLinkRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const answer = async (change: Promise<LinkChanged>): Promise<LinkChangeAnswer> => {
    const { result, access } = await change
    return { link: await linkView(context, result), access }
  }

  app.post(
    '/share-links',
    {
      config: CHANGES,
      schema: {
        tags: ['links'],
        summary: 'Make a link that shows devices to whoever opens it',
        description: 'Its address and a QR code are in the answer, and can be read again later.',
        body: NewLink,
        response: { 201: LinkChangeAnswer },
      },
    },
    async (request, reply) => reply.code(201).send(await answer(makeLink(context, signedIn(request), request.body))),
  )

  app.get(
    '/share-links',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['links'],
        summary: 'Links of devices that the asker may share, and those that the asker made',
        querystring: LinkQuery,
        response: { 200: LinkPage },
      },
    },
    async (request) => {
      const { state, cursor, limit } = request.query
      const found = await listVisible(context, viewerOf(request), { state, cursor, limit: limit + 1 })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      const items = await linkViews(context, page)
      return { items, next: last ? formatCursor(last.id) : null }
    },
  )

  app.get(
    '/share-links/:id',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: { tags: ['links'], summary: 'One link', params: IdParams, response: { 200: LinkView } },
    },
    async (request) => linkView(context, await getLink(context, viewerOf(request), request.params.id)),
  )

  app.patch(
    '/share-links/:id',
    {
      config: CHANGES,
      schema: {
        tags: ['links'],
        summary: 'Change a link, stop it for a while, let it go on',
        description:
          'What is left out stays; all of it applies at once, or nothing. A new PIN closes the link for all who have it open.',
        params: IdParams,
        body: LinkChange,
        response: { 200: LinkChangeAnswer },
      },
    },
    (request) => answer(changeLink(context, signedIn(request), request.params.id, request.body)),
  )

  app.delete(
    '/share-links/:id',
    {
      config: CHANGES,
      schema: {
        tags: ['links'],
        summary: 'End a link: answered only when nobody is shown anything more through it',
        params: IdParams,
        response: { 200: LinkChangeAnswer },
      },
    },
    (request) => answer(endLink(context, signedIn(request), request.params.id)),
  )
}

async function listVisible(
  { db, clock }: ApiContext,
  asker: Viewer,
  { state, cursor, limit }: { state: z.infer<typeof LinkQuery>['state']; cursor: string | undefined; limit: number },
) {
  const account = await findAccount(db, asker.accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there: sign in again')
  const now = clock.now()
  const sheet = await loadFactsOfAccounts(db, [asker.accountId])
  return listLinks(db, {
    companyId: account.company.id,
    makerId: asker.scope === FULL_SCOPE ? asker.accountId : null,
    deviceIds: shareableIds(sheet, asker, now),
    ...{ state, limit, before: parseCursor(z.uuid(), cursor), now: new Date(now) },
  })
}
