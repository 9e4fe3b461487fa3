// Groups of a company's devices: whoever has something by one follows what becomes of it (R32).
import {
  deleteGroup,
  findGroup,
  type Group,
  insertGroup,
  listAccountsWithGroup,
  renameGroup,
  setGroupDevices,
} from '@ridethrough/db/query/group.ts'
import type { Guest } from '@ridethrough/db/query/guest.ts'
import { listGuestsWithGroup } from '@ridethrough/db/query/guest-list.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { GroupChange, NewGroup } from '@ridethrough/protocol/http/guest.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { changeTeam, lockOwnCompany, writeTeam } from '../team/change.ts'
import { tellGuest } from './notice.ts'
import { noGroup, ownDevices } from './terms.ts'

export function makeGroup(context: ApiContext, actor: SignedIn, wanted: z.infer<typeof NewGroup>): Promise<Group> {
  const { name } = wanted
  return recordingRefusals(context, actor, { kind: 'group.made', subject: { group: { name } } }, () =>
    writeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const deviceIds = await ownDevices(tx, companyId, wanted.deviceIds)
      const id = await insertGroup(tx, { companyId, name, deviceIds })
      const group = await groupOf(tx, companyId, id)
      await recordEvent(tx, actor, { kind: 'group.made', subject: { group: { id, name }, devices: group.devices } })
      return group
    }),
  )
}

/** Answered once every edge has applied it: its guests see no device that was taken out. */
export function changeGroup(
  context: ApiContext,
  actor: SignedIn,
  id: string,
  { name, deviceIds }: z.infer<typeof GroupChange>,
): Promise<{ readonly result: Group; readonly access: EdgeReport }> {
  return recordingRefusals(context, actor, { kind: 'group.changed', subject: { group: { id } } }, () =>
    changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const before = await findGroup(tx, companyId, id)
      if (!before) throw noGroup()
      if (name !== undefined) await renameGroup(tx, id, name)
      if (deviceIds) await setGroupDevices(tx, companyId, id, await ownDevices(tx, companyId, deviceIds))
      const result = await groupOf(tx, companyId, id)
      const changes = changesBetween(before, result)
      if ('devices' in changes) await tellGuests(context, tx, actor, await listGuestsWithGroup(tx, id))
      if (Object.keys(changes).length > 0) {
        await recordEvent(tx, actor, { kind: 'group.changed', subject: { group: { id, name: result.name }, changes } })
      }
      return { result, change: { accounts: await listAccountsWithGroup(tx, id), what: 'group.changed' } }
    }),
  )
}

/** The devices stay; guests lose what they had by it. */
export async function removeGroup(context: ApiContext, actor: SignedIn, id: string): Promise<EdgeReport> {
  const act = { kind: 'group.deleted', subject: { group: { id } } } as const
  const { access } = await recordingRefusals(context, actor, act, () =>
    changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      const group = await findGroup(tx, companyId, id)
      if (!group) throw noGroup()
      const accounts = await listAccountsWithGroup(tx, id)
      const guests = await listGuestsWithGroup(tx, id)
      await deleteGroup(tx, id)
      await tellGuests(context, tx, actor, guests)
      await recordEvent(tx, actor, { ...act, subject: { group: { id, name: group.name }, guests: group.guests } })
      return { result: undefined, change: { accounts, what: act.kind } }
    }),
  )
  return access
}

async function tellGuests(context: ApiContext, tx: Db, actor: SignedIn, guests: readonly Guest[]): Promise<void> {
  for (const guest of guests) await tellGuest(context, tx, actor, 'guest.changed', guest)
}

function changesBetween(before: Group, after: Group) {
  const isSame = JSON.stringify(before.devices) === JSON.stringify(after.devices)
  return {
    ...(before.name === after.name ? {} : { name: { from: before.name, to: after.name } }),
    ...(isSame ? {} : { devices: { from: before.devices, to: after.devices } }),
  }
}

async function groupOf(tx: Db, companyId: string, id: string): Promise<Group> {
  const group = await findGroup(tx, companyId, id)
  if (!group) throw new Error(`the group ${id} that was just written is not there`)
  return group
}
