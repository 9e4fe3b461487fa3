// Devices: lists, one of them, its state, renaming and giving up.

import type { Principal } from '@ridethrough/db/edge.ts'
import { type Device, type DeviceCursor, findDevice, listDevices } from '@ridethrough/db/query/device.ts'
import { findSharers } from '@ridethrough/db/query/share.ts'
import { IdParams, PageQuery } from '@ridethrough/protocol/http/common.ts'
import { DeviceChange, DevicePage, DeviceQuery, DeviceView, StateView } from '@ridethrough/protocol/http/device.ts'
import { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, viaOf } from '@ridethrough/protocol/policy.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noDevice, refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { changeDevice, giveUpDevice } from '../device-change.ts'
import { signedIn } from '../event.ts'
import { stateView } from '../freshness.ts'
import { beginRead, principalOf, viewerOf } from '../plugin/auth.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'
import { deviceView, grantsThrough, shareIdsOf, type ViaKind } from '../view.ts'

export const deviceRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context

  app.get(
    '/devices',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Devices that the asker may see, with their state',
        description:
          '`companyId` chooses among devices of the own company and of those that the asker is a guest of, `groupId` among those of the own company.',
        querystring: DeviceQuery.extend(PageQuery.shape),
        response: { 200: DevicePage },
      },
    },
    async (request) => {
      const { companyId, groupId, cursor, limit } = request.query
      const principal = principalOf(request)
      const kinds = kindsOf(request.query)
      const ids = idsThrough(principal, kinds, clock.now())
      const filter = { companyId, groupId, after: placeOf(cursor), limit: limit + 1 }
      const found = await listDevices(db, ids, filter)
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return {
        items: await viewsOf(context, principal, page, kinds),
        next: last ? formatCursor([last.name, last.id]) : null,
      }
    },
  )

  app.get(
    '/devices/:id',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: { tags: ['devices'], summary: 'One device', params: IdParams, response: { 200: DeviceView } },
    },
    async (request) => oneDevice(context, viewerOf(request), principalOf(request), request.params.id),
  )

  app.get(
    '/devices/:id/state',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'The newest known values of a device',
        params: IdParams,
        response: { 200: StateView },
      },
    },
    async (request) => {
      const { id } = request.params
      if (!mayOn(principalOf(request).rights, 'monitor', id, clock.now())) {
        throw await refusal(db, viewerOf(request), 'monitor', id, clock.now())
      }
      const device = await findDevice(db, id)
      if (!device) throw noDevice()
      return stateView(id, device.status, clock.now())
    },
  )

  app.patch(
    '/devices/:id',
    {
      config: { needs: 'session', admits: ['tokens'] },
      // As for every answer that is a read.
      compress: false,
      schema: {
        tags: ['devices'],
        summary: 'Rename a device or move it to another time zone',
        params: IdParams,
        body: DeviceChange,
        response: { 200: DeviceView },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      await changeDevice(context, signedIn(request), id, request.body)
      return oneDevice(context, viewerOf(request), await beginRead(context, request, reply), id)
    },
  )

  app.delete(
    '/devices/:id',
    {
      config: { needs: 'session', admits: ['tokens'], recent: 'if-company-asks' },
      schema: {
        tags: ['devices'],
        summary: 'Give up a device: its shares end, its history is deleted',
        params: IdParams,
        response: { 200: z.object({ access: EdgeReport }) },
      },
    },
    async (request) => {
      const { id } = request.params
      const access = await giveUpDevice(context, signedIn(request), id)
      return { access }
    },
  )
}

/** As the principal may see it at this instant. */
export async function oneDevice(
  context: ApiContext,
  asker: AccountSubject,
  principal: Principal,
  id: string,
): Promise<DeviceView> {
  const now = context.clock.now()
  if (!mayOn(principal.rights, 'monitor', id, now)) throw await refusal(context.db, asker, 'monitor', id, now)
  const device = await findDevice(context.db, id)
  const [view] = device ? await viewsOf(context, principal, [device]) : []
  if (!view) throw noDevice()
  return view
}

async function viewsOf(
  { db, clock }: ApiContext,
  principal: Principal,
  devices: readonly Device[],
  kinds = EVERY_KIND,
): Promise<DeviceView[]> {
  const ids = devices.map((device) => device.id)
  const sharers = await findSharers(db, shareIdsOf(principal.rights, ids))
  // A right that ended while we read is no right: such devices drop out here.
  return devices.flatMap((device) => deviceView(device, principal.rights, sharers, clock.now(), kinds) ?? [])
}

const EVERY_KIND: ReadonlySet<ViaKind> = new Set(['owner', 'member', 'share', 'guest'])
const OWN_KINDS: ReadonlySet<ViaKind> = new Set(['owner', 'member'])
/** Whoever has it through a share is not told whose it is. */
const COMPANY_KINDS: ReadonlySet<ViaKind> = new Set(['owner', 'member', 'guest'])

/** The ways to a device that count for this question. */
function kindsOf({ scope, companyId, groupId }: z.infer<typeof DeviceQuery>): ReadonlySet<ViaKind> {
  const isOfCompany = companyId !== undefined
  // How a company groups its devices is its own people's to know: a guest's devices may be in groups that are not theirs.
  if (groupId !== undefined) return scope === 'shared' ? new Set() : OWN_KINDS
  if (scope === 'mine') return OWN_KINDS
  if (scope === 'shared') return isOfCompany ? new Set() : new Set(['share'])
  if (scope === 'company') return isOfCompany ? COMPANY_KINDS : OWN_KINDS
  return isOfCompany ? COMPANY_KINDS : EVERY_KIND
}

/** Devices that are seen now by one of these ways; what is one's own anyway is not `shared`. */
function idsThrough({ rights }: Principal, kinds: ReadonlySet<ViaKind>, now: number): string[] {
  const isHeld = (deviceId: string, by: ReadonlySet<ViaKind>) =>
    viaOf(grantsThrough(rights, deviceId, by), 'monitor', now) !== undefined
  const ids = [...rights.byDevice.keys()].filter((id) => isHeld(id, kinds))
  return kinds.has('share') && kinds.size === 1 ? ids.filter((id) => !isHeld(id, OWN_KINDS)) : ids
}

const Cursor = z.tuple([z.string(), z.uuid()])

function placeOf(cursor: string | undefined): DeviceCursor | undefined {
  const place = parseCursor(Cursor, cursor)
  return place && { name: place[0], id: place[1] }
}
