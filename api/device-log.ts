// The event log about one device: all of it for those of its company who decide about it, and for others what was during
// their own time and is about the device itself or about what they were given.
import { type EventFilter, listEventsIn, type Named, type Part } from '@ridethrough/db/query/event-list.ts'
import type { EventView } from '@ridethrough/protocol/http/event.ts'
import { type Grant, viaOf } from '@ridethrough/protocol/policy.ts'
import { bitOf } from '@ridethrough/protocol/privilege.ts'
import type { Span } from '@ridethrough/protocol/window-span.ts'
import type { ApiContext } from './context.ts'
import { eventView, only, withoutDetails, withoutPlace } from './event-view.ts'
import { spansWithin } from './route/history.ts'

export type DeviceLogQuestion = {
  readonly device: { readonly id: string; readonly companyId: string; readonly timeZone: string }
  readonly accountId: string
  /** Of the asker on this device. */
  readonly grants: readonly Grant[]
  readonly filter: EventFilter
  /** No longer than it takes milliseconds to say which hours of it were open. */
  readonly range: Span
  readonly limit: number
  readonly now: number
}

/** At most `limit`, the newest first; `undefined` when the asker may read nothing of it. */
export async function readDeviceLog(
  { db }: Pick<ApiContext, 'db'>,
  question: DeviceLogQuestion,
): Promise<EventView[] | undefined> {
  const { device, accountId, grants, filter, limit, now } = question
  const place = placeIn(grants, now)
  if (place !== undefined) {
    const named = [{ device: { id: device.id } }, { devices: [{ id: device.id }] }]
    const events = (await listEventsIn(db, [{ companyId: device.companyId, named }], filter, limit)).map(eventView)
    return place === 'owner' ? events : events.map((event) => withoutPlace(event, accountId))
  }
  if (viaOf(grants, 'history', now) === undefined) return undefined
  const within = spansWithin(grants, device.timeZone, question.range, now)
  const found = await listEventsIn(db, partsFor(question), { ...filter, within }, limit)
  return found.map((event) => asOutsider(eventView(event), accountId))
}

/** What the plan leaves out has nothing to do with who decides: a log is not sold. */
function placeIn(grants: readonly Grant[], now: number): 'owner' | 'member' | undefined {
  if (grants.some((grant) => grant.via === 'owner')) return 'owner'
  const asMember = grants.filter((grant) => grant.via === 'member')
  return viaOf(asMember, 'share', now) === undefined ? undefined : 'member'
}

function partsFor({ device, grants, accountId, now }: DeviceLogQuestion): Part[] {
  const { companyId, id } = device
  const own = grants.filter((grant) => (grant.privileges & bitOf('history')) !== 0 && viaOf([grant], 'history', now))
  const named = own.map(({ via }) => namesOf(via, id)).filter((one) => one !== undefined)
  return [
    { companyId, named: [{ device: { id } }], kinds: 'device.', outcome: 'done' },
    { companyId, named, outcome: 'done', notBy: accountId },
    { by: accountId, named },
  ]
}

/** As events name it, with this device where they name devices at all. */
function namesOf(via: Grant['via'], deviceId: string): Named | undefined {
  const [kind = '', id] = via.split(':')
  if (id === undefined) return undefined
  return kind === 'guest' ? { guest: { id } } : { [kind]: { id }, devices: [{ id: deviceId }] }
}

/** Who of the company changed the device, and from what to what, is the company's. */
function asOutsider(event: EventView, accountId: string): EventView {
  const told = withoutDetails(withoutPlace(event, accountId))
  if (!told.kind.startsWith('device.') || told.account?.id === accountId) return told
  return { ...told, account: null, subject: only(told.subject, ['device']) }
}
