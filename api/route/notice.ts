// Notices of one's own: read, and marked as read.
import { countUnreadNotices, listNotices, markNoticesRead, type Notice } from '@ridethrough/db/query/notice.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  NoticePage,
  NoticeQuery,
  NoticesRead,
  NoticesReadAnswer,
  type NoticeView,
} from '@ridethrough/protocol/http/notice.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { viewerOf } from '../plugin/auth.ts'

export const noticeRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context

  app.get(
    '/notices',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['notices'],
        summary: 'What happened to what one shares and was given; the newest first',
        description: 'They are kept for 90 days. `unread` counts all that are unread, whatever page this is.',
        querystring: NoticeQuery,
        response: { 200: NoticePage },
      },
    },
    async (request) => {
      const { accountId } = viewerOf(request)
      const { cursor, limit, unread } = request.query
      const found = await listNotices(db, accountId, {
        isUnreadOnly: unread === 'true',
        before: parseCursor(cursor),
        limit: limit + 1,
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { items: page.map(noticeView), next: last?.id ?? null, unread: await unreadOf(db, accountId) }
    },
  )

  app.post(
    '/notices/read',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['notices'],
        summary: 'Mark notices as read: those that are named, or all',
        body: NoticesRead,
        response: { 200: NoticesReadAnswer },
      },
    },
    async (request) => {
      const { accountId } = viewerOf(request)
      await markNoticesRead(db, accountId, request.body.ids, new Date(clock.now()))
      return { unread: await unreadOf(db, accountId) }
    },
  )
}

async function unreadOf(db: Db, accountId: string): Promise<number> {
  return (await countUnreadNotices(db, [accountId])).get(accountId) ?? 0
}

function noticeView({ id, kind, at, isRead, subject }: Notice): NoticeView {
  return { id, kind, at: at.toISOString(), read: isRead, subject }
}

function parseCursor(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const id = z.uuid().safeParse(text)
  if (id.success) return id.data
  const message = 'give back what `next` said'
  throw new Fault('input-invalid', 'Look again at: cursor', { fields: [{ path: 'cursor', message }] })
}
