// What owners decide about a guest: checked against what their company has, and compared with how it was.
import { holdDevicesOf, listGroupIds } from '@ridethrough/db/query/group.ts'
import type { GroupRow, Guest, GuestTerms } from '@ridethrough/db/query/guest.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { GuestChange } from '@ridethrough/protocol/http/guest.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { AS_VIEWER, resolveGiven, wrong } from './given.ts'

/** What is left out of the one is left out of the other. The company must be locked. */
export async function termsOf(tx: Db, companyId: string, wanted: GuestChange): Promise<Partial<GuestTerms>> {
  const { active, mode, groups, deviceIds, from, until, windows } = wanted
  const given = await resolveGiven(tx, companyId, wanted)
  return {
    ...(active === undefined ? {} : { active }),
    ...(mode === undefined ? {} : { mode }),
    ...(given === undefined ? {} : { given }),
    ...(groups === undefined ? {} : { groups: await groupRows(tx, companyId, groups) }),
    ...(deviceIds === undefined ? {} : { deviceIds: await ownDevices(tx, companyId, deviceIds) }),
    ...(from === undefined ? {} : { startsAt: from === null ? null : new Date(from) }),
    ...(until === undefined ? {} : { endsAt: until === null ? null : new Date(until) }),
    ...(windows === undefined ? {} : { windows }),
  }
}

/** `before`: the period as it is, of which what `terms` leaves out stays. */
export function checkPeriod(
  before: Pick<Guest, 'startsAt' | 'endsAt'>,
  terms: Partial<Pick<GuestTerms, 'startsAt' | 'endsAt'>>,
  now: number,
): void {
  const { startsAt, endsAt } = { ...before, ...terms }
  if (terms.endsAt && terms.endsAt.getTime() <= now) throw wrong('until', 'the end is past already')
  if (startsAt && endsAt && endsAt <= startsAt) throw wrong('until', 'the end must come after the start')
}

async function groupRows(tx: Db, companyId: string, groups: NonNullable<GuestChange['groups']>): Promise<GroupRow[]> {
  const ids = groups.map(({ groupId }) => groupId)
  if (new Set(ids).size < ids.length) throw wrong('groups', 'name each group once')
  const own = await listGroupIds(tx, companyId, ids)
  if (own.size < ids.length) throw noGroup()
  const rows: GroupRow[] = []
  for (const group of groups) {
    rows.push({ groupId: group.groupId, ...((await resolveGiven(tx, companyId, group)) ?? AS_VIEWER) })
  }
  return rows
}

/** Throws where one is not a device of the company: whether it is another's is not said. */
export async function ownDevices(tx: Db, companyId: string, deviceIds: readonly string[]): Promise<string[]> {
  const ids = [...new Set(deviceIds)]
  const own = await holdDevicesOf(tx, companyId, ids)
  if (own.size < ids.length) throw new Fault('not-found', 'There is no such device in your company')
  return ids
}

/** The same for one of another company and for none. */
export function noGroup(): Fault {
  return new Fault('not-found', 'There is no such group in your company')
}

/** What is different, each with how it was and how it is; empty: nothing. */
export function changesBetween(before: Guest, after: Guest): Readonly<Record<string, { from: unknown; to: unknown }>> {
  const [old, now] = [inWords(before), inWords(after)]
  const fields = Object.keys(now) as (keyof typeof now)[]
  const changed = fields.filter((field) => JSON.stringify(old[field]) !== JSON.stringify(now[field]))
  return Object.fromEntries(changed.map((field) => [field, { from: old[field], to: now[field] }]))
}

function inWords(guest: Guest) {
  return {
    active: guest.active,
    mode: guest.mode,
    role: guest.role?.name ?? null,
    privileges: privilegesOf(guest.privileges),
    groups: guest.groups.map(({ id, name, role, privileges }) => ({
      ...{ id, name, role: role?.name ?? null, privileges: privilegesOf(privileges) },
    })),
    devices: guest.devices.map(({ id, name }) => ({ id, name })),
    from: guest.startsAt?.toISOString() ?? null,
    until: guest.endsAt?.toISOString() ?? null,
    windows: guest.windows,
  }
}
