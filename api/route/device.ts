// Devices: lists, one of them, its state, renaming and giving up.

import type { Principal } from '@ridethrough/db/edge.ts'
import { listCompanyAccountIds } from '@ridethrough/db/query/account.ts'
import {
  type Device,
  type DeviceCursor,
  deleteDevice,
  findDevice,
  listDevices,
  lockDevices,
  updateDevice,
} from '@ridethrough/db/query/device.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { enqueueForgetting } from '@ridethrough/db/query/history.ts'
import { endShare, findSharers, listSharesOfDevice } from '@ridethrough/db/query/share.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { IdParams, PageQuery } from '@ridethrough/protocol/http/common.ts'
import { DeviceChange, DevicePage, DeviceQuery, DeviceView, StateView } from '@ridethrough/protocol/http/device.ts'
import { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, decide } from '@ridethrough/protocol/policy.ts'
import { devicesWith, mayOn } from '@ridethrough/protocol/rights.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { changeAccess, noDevice, refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { stateView } from '../freshness.ts'
import { dropFromLinks, linksToDropFrom } from '../link/drop.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'
import { recordShare } from '../share-event.ts'
import { deviceView, shareIdOf, shareIdsOf } from '../view.ts'

export const deviceRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context

  app.get(
    '/devices',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Devices that the asker may see, with their state',
        querystring: DeviceQuery.extend(PageQuery.shape),
        response: { 200: DevicePage },
      },
    },
    async (request) => {
      const { scope, cursor, limit } = request.query
      const { rights } = principalOf(request)
      const ids = devicesWith(rights, 'monitor', clock.now()).filter((id) => {
        if (scope === undefined) return true
        const via = mayOn(rights, 'monitor', id, clock.now())
        return (via !== undefined && shareIdOf(via) !== undefined) === (scope === 'shared')
      })
      const found = await listDevices(db, ids, { after: parseCursor(cursor), limit: limit + 1 })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { items: await viewsOf(context, principalOf(request), page), next: last ? formatCursor(last) : null }
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
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Rename a device or move it to another time zone',
        params: IdParams,
        body: DeviceChange,
        response: { 200: DeviceView },
      },
    },
    async (request) => {
      const { id } = request.params
      const actor = signedIn(request)
      await recordingDeviceRefusals(context, actor, 'device.changed', id, () =>
        db.transaction().execute(async (tx) => {
          await lockDevices(tx, [id])
          await needOwner(tx, actor, id, clock.now())
          await changeDevice(tx, actor, id, request.body)
        }),
      )
      return oneDevice(context, viewerOf(request), principalOf(request), id)
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
      const actor = signedIn(request)
      const { access } = await recordingDeviceRefusals(context, actor, 'device.deleted', id, () =>
        changeAccess(context, async (tx) => {
          await lockDevices(tx, [id])
          await needOwner(tx, actor, id, clock.now())
          return { result: undefined, change: await giveUp(tx, actor, id, new Date(clock.now())) }
        }),
      )
      return { access }
    },
  )
}

/** Naming, registering and giving up a device are its owner's (R19): asked of the facts in the transaction itself. */
async function needOwner(tx: ApiContext['db'], asker: AccountSubject, deviceId: string, now: number): Promise<void> {
  const { devices, facts } = await loadFactsOfDevices(tx, [deviceId])
  const device = devices[0]
  if (device && decide(asker, 'register', device, facts, now).allow) return
  throw await refusal(tx, asker, 'register', deviceId, now)
}

/** Refused to somebody who sees the device: its owners read of it too. */
function recordingDeviceRefusals<T>(
  context: ApiContext,
  actor: SignedIn,
  kind: 'device.changed' | 'device.deleted',
  id: string,
  run: () => Promise<T>,
): Promise<T> {
  return recordingRefusals(context, actor, { kind, subject: { device: { id } } }, run, async () => {
    const device = await findDevice(context.db, id)
    if (!device) throw noDevice()
    return { subject: { device: { id, name: device.name } }, companyId: device.companyId }
  })
}

async function changeDevice(
  tx: ApiContext['db'],
  actor: SignedIn,
  id: string,
  change: z.infer<typeof DeviceChange>,
): Promise<void> {
  const before = await findDevice(tx, id)
  await updateDevice(tx, id, change)
  const after = await findDevice(tx, id)
  if (!before || !after) throw noDevice()
  const changes = (['name', 'timeZone'] as const)
    .filter((field) => before[field] !== after[field])
    .map((field) => [field, { from: before[field], to: after[field] }] as const)
  if (changes.length === 0) return
  const subject = { device: { id, name: after.name }, changes: Object.fromEntries(changes) }
  await recordEvent(tx, actor, { kind: 'device.changed', subject, companyId: after.companyId })
}

async function giveUp(tx: ApiContext['db'], actor: SignedIn, id: string, at: Date) {
  const device = await findDevice(tx, id)
  if (!device) throw noDevice()
  const shares = await listSharesOfDevice(tx, id)
  const links = await linksToDropFrom(tx, id)
  const { companyId, name } = device
  for (const share of shares) {
    const isLast = share.devices.every((one) => one.id === id)
    if (isLast) await endShare(tx, share.id, share.state === 'accepted' ? 'revoked' : 'withdrawn', at)
  }
  await deleteDevice(tx, id)
  await enqueueForgetting(tx, id, at)
  await recordEvent(tx, actor, { kind: 'device.deleted', subject: { device: { id, name } }, companyId })
  for (const share of shares) {
    const kind = share.devices.length === 1 ? 'share.ended' : 'share.narrowed'
    const devices = share.devices.filter((one) => one.id === id)
    await recordShare(tx, actor, kind, { ...share, devices }, { because: 'device.deleted' })
  }
  const ended = await dropFromLinks(tx, actor, links, id)
  const recipients = shares.flatMap((share) => (share.accountId === null ? [] : [share.accountId]))
  const accounts = [...recipients, ...(await listCompanyAccountIds(tx, companyId))]
  return { accounts, devices: [id], agents: [device.agentId], ...ended, what: 'device given up' }
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
): Promise<DeviceView[]> {
  const ids = devices.map((device) => device.id)
  const sharers = await findSharers(db, shareIdsOf(principal.rights, ids))
  // A right that ended while we read is no right: such devices drop out here.
  return devices.flatMap((device) => deviceView(device, principal.rights, sharers, clock.now()) ?? [])
}

const Cursor = z.tuple([z.string(), z.uuid()])

function formatCursor({ name, id }: Device): string {
  return Buffer.from(JSON.stringify([name, id])).toString('base64url')
}

function parseCursor(text: string | undefined): DeviceCursor | undefined {
  if (text === undefined) return undefined
  const result = Cursor.safeParse(parseJson(Buffer.from(text, 'base64url').toString()))
  if (result.success) return { name: result.data[0], id: result.data[1] }
  const message = 'give back what `next` said'
  throw new Fault('input-invalid', 'Look again at: cursor', { fields: [{ path: 'cursor', message }] })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
