// What whoever has a link may ask: to open it, what it shows, and the past of that where the link allows it (R22).
import { findCredential } from '@ridethrough/db/query/credential.ts'
import { listDevices } from '@ridethrough/db/query/device.ts'
import { findLink, findLinkOfSession } from '@ridethrough/db/query/link.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { UuidParam } from '@ridethrough/protocol/http/common.ts'
import { HistoryQuery } from '@ridethrough/protocol/http/device.ts'
import { LinkHistoryView, LinkOpening, LinkPageView, LinkSessionAnswer } from '@ridethrough/protocol/http/link.ts'
import { devicesWith, mayOn } from '@ridethrough/protocol/rights.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { noDevice } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { actorOf } from '../event.ts'
import { linkDeviceView } from '../link/device-view.ts'
import { type LinkHeld, openLink, readStanding, standingView } from '../link/open.ts'
import { bearerOf, linkViewerOf, principalOf } from '../plugin/auth.ts'
import { placeOf } from '../whereabouts.ts'
import { readPast } from './history.ts'
import { GUESSABLE } from './limit.ts'

export const linkRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context

  app.post(
    '/link',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['links'],
        summary: 'Open a link: counts as one use, and gives a bearer token for what the link shows',
        description:
          'Whoever opened it before and sends that bearer token along goes on with it, and no further use is counted.',
        security: [],
        body: LinkOpening,
        response: { 200: LinkSessionAnswer },
      },
    },
    async (request) => {
      const held = await heldBy(context, bearerOf(request))
      const opened = await openLink(context, actorOf(request), request.body, placeOf(request), held)
      return { token: opened.token, expiresAt: opened.expiresAt.toISOString() }
    },
  )

  app.get(
    '/link',
    {
      config: { needs: 'link' },
      schema: {
        tags: ['links'],
        summary: 'What an open link shows now',
        response: { 200: LinkPageView },
      },
    },
    async (request) => {
      const { linkId } = linkViewerOf(request)
      const { rights } = principalOf(request)
      const devices = await listDevices(db, devicesWith(rights, 'monitor', clock.now()))
      const link = await findLink(db, linkId)
      // A right that ended while we read is no right: such devices drop out here.
      const views = devices.flatMap((device) => linkDeviceView(device, rights, clock.now()) ?? [])
      const standing = views.length > 0 ? { isOpen: true as const } : await readStanding(db, linkId, clock.now())
      return {
        ...standingView(standing),
        until: link?.endsAt?.toISOString() ?? null,
        windows: [...(link?.windows ?? [])],
        devices: views,
      }
    },
  )

  app.get(
    '/link/history',
    {
      config: { needs: 'link' },
      schema: {
        tags: ['links'],
        summary: 'Past values of a device that the link shows, inside its period and hours',
        querystring: HistoryQuery.extend({ deviceId: UuidParam }),
        response: { 200: LinkHistoryView },
      },
    },
    async (request) => {
      const { rights } = principalOf(request)
      const { deviceId, ...query } = request.query
      const now = clock.now()
      const past = await readPast(context, rights, deviceId, query, now)
      if (past) return past
      if (!mayOn(rights, 'monitor', deviceId, now)) throw noDevice()
      throw new Fault('right-missing', 'This link shows nothing of the past')
    },
  )
}

async function heldBy({ db, clock }: ApiContext, token: string | undefined): Promise<LinkHeld | undefined> {
  if (token === undefined) return undefined
  const linkId = await findLinkOfSession(db, token)
  if (linkId === undefined) return undefined
  const credential = await findCredential(db, token, new Date(clock.now()))
  return { token, linkId, credential: credential?.kind === 'link' ? credential : undefined }
}
