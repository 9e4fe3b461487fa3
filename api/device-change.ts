// What owners do with a device: name it, move it to another time zone, give it up (R19).
import { listCompanyAccountIds } from '@ridethrough/db/query/account.ts'
import { deleteDevice, findDevice, lockDevices, updateDevice } from '@ridethrough/db/query/device.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { enqueueForgetting } from '@ridethrough/db/query/history.ts'
import { endShare, listSharesOfDevice, lockShare, type Share } from '@ridethrough/db/query/share.ts'
import { endShareCredentials } from '@ridethrough/db/query/share-credential.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { DeviceChange } from '@ridethrough/protocol/http/device.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, decide } from '@ridethrough/protocol/policy.ts'
import type { z } from 'zod'
import { changeAccess, needWay, noDevice, refusal } from './access.ts'
import type { ApiContext } from './context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { dropFromLinks, linksToDropFrom } from './link/drop.ts'
import { type ShareNotice, tellOthers } from './share/notice.ts'
import { isOpen } from './share/state.ts'
import { recordShare } from './share-event.ts'
import { changeTeam } from './team/change.ts'

/** Weekly windows are kept by its time zone, so moving it to another one is answered once every edge has applied it. */
export function changeDevice(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  change: z.infer<typeof DeviceChange>,
): Promise<void> {
  return recordingDeviceRefusals(context, actor, 'device.changed', id, async () => {
    if (change.timeZone === undefined) {
      await context.db.transaction().execute((tx) => rewrite(context, tx, actor, id, change))
      return
    }
    await changeAccess(context, async (tx) => {
      await rewrite(context, tx, actor, id, change)
      return { result: undefined, change: { devices: [id], what: 'device moved to another time zone' } }
    })
  })
}

/** Its shares end with it, and its past is forgotten. */
export function giveUpDevice(context: ApiContext, actor: SignedIn, id: string): Promise<EdgeReport> {
  return recordingDeviceRefusals(context, actor, 'device.deleted', id, async () => {
    const { access } = await changeTeam(context, async (tx) => {
      await needWay(tx, actor, id)
      await lockDevices(tx, [id])
      await needOwner(tx, actor, id, context.clock.now())
      return { result: undefined, change: await giveUp(context, tx, actor, id) }
    })
    return access
  })
}

async function rewrite(
  context: ApiContext,
  tx: Db,
  actor: SignedIn,
  id: string,
  change: z.infer<typeof DeviceChange>,
): Promise<void> {
  await needWay(tx, actor, id)
  await lockDevices(tx, [id])
  await needOwner(tx, actor, id, context.clock.now())
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

/** Naming, registering and giving up a device are its owner's (R19): asked of the facts in the transaction itself. */
async function needOwner(tx: Db, asker: AccountSubject, deviceId: string, now: number): Promise<void> {
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

async function giveUp(context: ApiContext, tx: Db, actor: SignedIn, id: string) {
  const device = await findDevice(tx, id)
  if (!device) throw noDevice()
  const at = new Date(context.clock.now())
  const shares = (await lockSharesOf(tx, id)).filter((share) => isOpen(share, at.getTime()))
  const links = await linksToDropFrom(tx, id)
  const { companyId, name } = device
  const credentials: string[] = []
  for (const share of shares) {
    if (!isLast(share, id)) continue
    await endShare(tx, share.id, share.state === 'accepted' ? 'revoked' : 'withdrawn', at)
    credentials.push(...(await endShareCredentials(tx, share.id, at)))
  }
  await deleteDevice(tx, id)
  await enqueueForgetting(tx, id, at)
  for (const share of shares) await tellOthers(context, tx, actor, noticeOf(share, id))
  await recordEvent(tx, actor, { kind: 'device.deleted', subject: { device: { id, name } }, companyId })
  for (const share of shares) {
    const kind = isLast(share, id) ? 'share.ended' : 'share.narrowed'
    await recordShare(tx, actor, kind, { ...share, devices: only(share, id) }, { because: 'device.deleted' })
  }
  const ended = await dropFromLinks(tx, actor, links, id)
  const recipients = shares.flatMap((share) => (share.accountId === null ? [] : [share.accountId]))
  const accounts = [...recipients, ...(await listCompanyAccountIds(tx, companyId))]
  const over = { links: ended.links, credentials: [...credentials, ...ended.credentials] }
  return { accounts, devices: [id], agents: [device.agentId], ...over, what: 'device given up' }
}

/** Those of this device that nobody has ended; nobody else changes them until the end of the transaction. */
async function lockSharesOf(tx: Db, deviceId: string): Promise<Share[]> {
  const ids = (await listSharesOfDevice(tx, deviceId)).map((share) => share.id).sort()
  for (const id of ids) await lockShare(tx, id)
  return listSharesOfDevice(tx, deviceId)
}

function isLast({ devices }: Share, deviceId: string): boolean {
  return devices.every((device) => device.id === deviceId)
}

function only({ devices }: Share, deviceId: string): Share['devices'] {
  return devices.filter((device) => device.id === deviceId)
}

/** What its recipient is told of it. */
function noticeOf(share: Share, deviceId: string): ShareNotice {
  const devices = only(share, deviceId)
  const state = share.state === 'accepted' ? 'revoked' : 'withdrawn'
  return isLast(share, deviceId)
    ? { kind: 'share.ended', share: { ...share, devices, state }, side: 'owner' }
    : { kind: 'share.changed', share: { ...share, devices }, side: 'owner' }
}
