// Changing, stopping and ending a link: answered once nobody is shown more than it now gives.
import type { AccessChange } from '@ridethrough/db/access.ts'
import { lockDevices } from '@ridethrough/db/query/device.ts'
import { loadFactsOf, loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import {
  endLinkSessions,
  findLink,
  type Link,
  type LinkTerms,
  lockLink,
  markLinkEnded,
  updateLink,
} from '@ridethrough/db/query/link.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { LinkChange } from '@ridethrough/protocol/http/link.ts'
import type { AccountSubject } from '@ridethrough/protocol/policy.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { ApiContext } from '../context.ts'
import type { Actor, SignedIn } from '../event.ts'
import { changeTeam, lockOwnPlace } from '../team/change.ts'
import { recordingLinkRefusals, recordLink } from './event.ts'
import { checkPeriod, hashPin, type LinkChanged, linkOf, wrongInput } from './make.ts'
import { type LinkSide, linkable, sideOf } from './rules.ts'

/** For those who have a say in it; for others it is not there. */
export async function getLink(context: ApiContext, asker: AccountSubject, id: string): Promise<Link> {
  const link = await findLink(context.db, id)
  if (!link || !(await sideIn(context.db, link, asker, context.clock.now()))) throw noLink()
  return link
}

export function changeLink(context: ApiContext, actor: SignedIn, id: string, wanted: LinkChange): Promise<LinkChanged> {
  return recordingLinkRefusals(context, actor, 'link.changed', id, async () => {
    // Whoever has no say in it makes nobody hash anything.
    const before = await getLink(context, actor, id)
    const pinHash = wanted.pin === undefined ? undefined : await hashPin(context, actor, wanted.pin)
    return changeTeam(context, async (tx) => {
      await lockOwnPlace(tx, actor.accountId)
      // Devices before the link, as whoever gives one up locks them.
      if (wanted.deviceIds ?? wanted.privileges) await lockDevices(tx, wanted.deviceIds ?? idsOf(before))
      const { link, side } = await lockOwn(tx, actor, id)
      if (link.endedAt) throw hasEnded()
      checkMayChange(side, wanted)
      checkTerms(link, wanted, actor.now)
      const given = await giving(tx, actor, link, wanted)
      await updateLink(tx, id, {
        ...columnsOf(wanted),
        ...given,
        ...(pinHash === undefined ? {} : { pinHash }),
        ...suspension(link, wanted, actor.now),
      })
      // Whoever came in by the PIN before has to show the new one.
      const credentials = pinHash ? await endLinkSessions(tx, id, new Date(actor.now)) : []
      const result = await linkOf(tx, id)
      await recordLink(tx, actor, 'link.changed', result, { changes: changesOf(link, result, wanted) })
      return { result, change: { links: [id], credentials, what: 'link changed' } }
    })
  })
}

export function endLink(context: ApiContext, actor: SignedIn, id: string): Promise<LinkChanged> {
  return recordingLinkRefusals(context, actor, 'link.ended', id, () =>
    changeTeam(context, async (tx) => {
      await lockOwnPlace(tx, actor.accountId)
      const { link } = await lockOwn(tx, actor, id)
      if (link.endedAt) throw hasEnded()
      const change = await endNow(tx, actor, link, {})
      return { result: await linkOf(tx, id), change: { ...change, what: 'link ended' } }
    }),
  )
}

/** In the transaction of what ends it; the link is locked. */
export async function endNow(
  tx: Db,
  actor: Actor,
  link: Link,
  because: Readonly<Record<string, unknown>>,
): Promise<Required<Pick<AccessChange, 'links' | 'credentials'>>> {
  const at = new Date(actor.now)
  await markLinkEnded(tx, link.id, at)
  const credentials = await endLinkSessions(tx, link.id, at)
  await recordLink(tx, actor, 'link.ended', link, because)
  return { links: [link.id], credentials }
}

async function lockOwn(tx: Db, actor: SignedIn, id: string): Promise<{ link: Link; side: LinkSide }> {
  const link = await lockLink(tx, id)
  const side = link && (await sideIn(tx, link, actor, actor.now))
  if (!link || !side) throw noLink()
  return { link, side }
}

async function sideIn(db: Db, link: Link, asker: AccountSubject, now: number): Promise<LinkSide | undefined> {
  const ids = idsOf(link)
  // Without devices there is nobody else but its maker.
  const sheet = await (ids.length > 0
    ? loadFactsOfDevices(db, ids)
    : loadFactsOf(db, { accounts: [asker.accountId], links: [] }))
  return sideOf(sheet, asker, link, now)
}

/** Whoever lost the right to share may still take back what they gave, but give nothing. */
function checkMayChange(side: LinkSide, { name: _name, suspended, ...more }: LinkChange): void {
  if (side === 'sharer' || (suspended !== false && Object.keys(more).length === 0)) return
  throw new Fault('right-missing', 'You may stop and end this link, but not share its devices any more')
}

/** What of it must fit what is already there. */
function checkTerms(link: Link, { from, until, maxUses }: LinkChange, now: number): void {
  if (from !== undefined || until !== undefined) {
    const period = {
      from: from === undefined ? (link.startsAt?.toISOString() ?? null) : from,
      until: until === undefined ? (link.endsAt?.toISOString() ?? null) : until,
    }
    checkPeriod(period, now)
  }
  if (maxUses === undefined || maxUses === null || maxUses >= link.uses) return
  throw wrongInput('maxUses', `it was opened ${link.uses} times already`)
}

/** Devices and privileges as they shall be, once it is clear that whoever asks may give them. */
async function giving(tx: Db, actor: SignedIn, link: Link, { deviceIds, privileges }: LinkChange) {
  if (deviceIds === undefined && privileges === undefined) return {}
  const ids = [...new Set(deviceIds ?? idsOf(link))]
  const wanted = privileges ?? privilegesOf(link.privileges)
  const given = linkable(await loadFactsOfDevices(tx, ids), actor, ids, wanted, actor.now)
  return { privileges: given, ...(deviceIds === undefined ? {} : { deviceIds: ids }) }
}

function suspension(link: Link, { suspended }: LinkChange, now: number): { suspendedAt?: Date | null } {
  if (suspended === undefined || suspended === (link.suspendedAt !== null)) return {}
  return { suspendedAt: suspended ? new Date(now) : null }
}

function columnsOf({ name, variables, from, until, windows, maxUses }: LinkChange): Partial<LinkTerms> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(variables === undefined ? {} : { variables: variables && [...new Set(variables)] }),
    ...(from === undefined ? {} : { startsAt: from === null ? null : new Date(from) }),
    ...(until === undefined ? {} : { endsAt: until === null ? null : new Date(until) }),
    ...(windows === undefined ? {} : { windows }),
    ...(maxUses === undefined ? {} : { maxUses }),
  }
}

/** For the event log: what was said anew, as it was and as it is. A PIN never stands there. */
function changesOf(before: Link, after: Link, wanted: LinkChange): Record<string, unknown> {
  const told = (link: Link) => ({
    ...{ name: link.name, variables: link.variables, windows: link.windows, maxUses: link.maxUses },
    deviceIds: idsOf(link),
    privileges: privilegesOf(link.privileges),
    from: link.startsAt,
    until: link.endsAt,
    pin: link.pinHash === null ? 'none' : 'set',
    suspended: link.suspendedAt !== null,
  })
  const [was, is] = [told(before), told(after)]
  const named = (Object.keys(was) as (keyof typeof was)[]).filter((field) => field in wanted)
  return Object.fromEntries(named.map((field) => [field, { from: was[field], to: is[field] }]))
}

function idsOf({ devices }: Link): string[] {
  return devices.map(({ id }) => id)
}

function noLink(): Fault {
  return new Fault('not-found', 'There is no such link')
}

function hasEnded(): Fault {
  return new Fault('link-ended', 'This link has ended: make a new one')
}
