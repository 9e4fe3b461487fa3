// The event log of one device.
import { findDevice } from '@ridethrough/db/query/device.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { EventPage, EventQuery } from '@ridethrough/protocol/http/event.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { needWay, noDevice, refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { readDeviceLog } from '../device-log.ts'
import { parseSeq } from '../event-view.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'

/** Reached back by one request of somebody outside the company; further by `to`. */
const LONGEST_MS = 400 * 24 * 3_600_000

export const deviceEventRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context
  app.get(
    '/devices/:id/events',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['devices'],
        summary: 'What was done with a device, the newest first',
        description:
          'Those of its company who may share it see all of it. Others, who may see its past, see what was during their own period and hours and is about the device itself or about what they were given: at most the last 400 days before `to`.',
        params: IdParams,
        querystring: EventQuery,
        response: { 200: EventPage },
      },
    },
    async (request) => {
      const { id } = request.params
      const { cursor, limit, from, to, kind, outcome, accountId } = request.query
      const now = clock.now()
      await needWay(db, viewerOf(request), id)
      const device = await findDevice(db, id)
      const until = to === undefined ? now + 1 : Date.parse(to)
      const filter = {
        ...{ kind, outcome, accountId, before: parseSeq(cursor) },
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      }
      const found =
        device &&
        (await readDeviceLog(context, {
          ...{ device, filter, now, limit: limit + 1 },
          accountId: viewerOf(request).accountId,
          grants: principalOf(request).rights.byDevice.get(id) ?? [],
          range: { from: Math.max(from === undefined ? 0 : Date.parse(from), until - LONGEST_MS), to: until },
        }))
      if (!device) throw noDevice()
      if (!found) throw await refusal(db, viewerOf(request), 'history', id, now)
      const items = found.slice(0, limit)
      return { items, next: found.length > limit ? String(items.at(-1)?.seq) : null }
    },
  )
}
