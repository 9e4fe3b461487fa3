// What was made of a share, a link or a guest entry, and what became of it: for both sides, each as far as it is theirs.
import { listEventsIn, type Part } from '@ridethrough/db/query/event-list.ts'
import { findGuest } from '@ridethrough/db/query/guest-list.ts'
import { findMembership } from '@ridethrough/db/query/membership.ts'
import { findShare } from '@ridethrough/db/query/share.ts'
import { listUses, type StoredUse, type UseKind } from '@ridethrough/db/query/use.ts'
import type { EventView } from '@ridethrough/protocol/http/event.ts'
import type { LedgerView } from '@ridethrough/protocol/http/share.ts'
import type { AccountSubject } from '@ridethrough/protocol/policy.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import type { ApiContext } from './context.ts'
import { eventView, withoutDetails, withoutPlace } from './event-view.ts'
import { noGuest } from './guest/guest.ts'
import { getLink } from './link/change.ts'
import { sideOf } from './share/change.ts'

/** Whose book is opened, from which side. */
type Book = {
  readonly kind: UseKind
  readonly id: string
  /** Who gave it. */
  readonly companyId: string
  readonly side: 'giver' | 'holder'
}

export type Asker = AccountSubject & { readonly rights: Rights }

const MOST_EVENTS = 200

/** Throws `not-found` for those on neither side of it. */
export async function shareLedger(context: ApiContext, asker: Asker, id: string): Promise<LedgerView> {
  const { db, clock } = context
  const { share, side } = await sideOf(db, await findShare(db, id), asker, clock.now())
  const { companyId } = share
  return read(context, asker, { kind: 'share', id, companyId, side: side === 'owner' ? 'giver' : 'holder' })
}

/** Of a link there is one side: whoever opened it has no name to ask with. */
export async function linkLedger(context: ApiContext, asker: Asker, id: string): Promise<LedgerView> {
  const { companyId } = await getLink(context, asker, id)
  return read(context, asker, { kind: 'link', id, companyId, side: 'giver' })
}

/** For the owners of the host company, and for the guest. */
export async function guestLedger(context: ApiContext, asker: Asker, id: string): Promise<LedgerView> {
  const guest = await findGuest(context.db, id)
  const membership = await findMembership(context.db, asker.accountId)
  if (!guest) throw noGuest()
  const isHost = membership?.companyId === guest.company.id && membership.role === 'owner'
  if (!isHost && guest.accountId !== asker.accountId) throw noGuest()
  const side = isHost ? 'giver' : 'holder'
  return read(context, asker, { kind: 'guest', id, companyId: guest.company.id, side })
}

async function read(context: ApiContext, asker: Asker, book: Book): Promise<LedgerView> {
  const { db } = context
  const { accountId } = asker
  // What this process has counted and not stored yet belongs to it.
  await context.uses.flush()
  const uses = await listUses(db, book.id)
  const found = await listEventsIn(db, partsFor(book, accountId), {}, MOST_EVENTS)
  const events = found.map(eventView)
  const told = namesIn(events)
  const maySee = (deviceId: string) => book.side === 'giver' || holds(asker.rights, book, deviceId)
  const nameOf = ({ deviceId, deviceName }: StoredUse) =>
    (maySee(deviceId) ? deviceName : null) ?? told.get(deviceId) ?? ''
  const isOwner = book.side === 'giver' && (await findMembership(db, accountId))?.role === 'owner'
  return {
    uses: uses.map((use) => useView(use, nameOf(use))),
    events: isOwner ? events : events.map((event) => asRead(event, accountId, book)),
  }
}

function asRead(event: EventView, accountId: string, { side }: Book): EventView {
  return withoutPlace(side === 'giver' ? event : withoutDetails(event), accountId)
}

/** A device that the holder sees no more is called as it was when they last heard of it. */
function holds({ byDevice }: Rights, { kind, id }: Book, deviceId: string): boolean {
  return byDevice.get(deviceId)?.some(({ via }) => via === `${kind}:${id}`) ?? false
}

/**
 * The giver reads what stands in its company's log. The holder reads what was done there as well, but what they did
 * themselves from their own log, where it stands with the address; what was refused to others is not theirs to know.
 */
function partsFor({ kind, id, companyId, side }: Book, readerId: string): Part[] {
  const named = [{ [kind]: { id } }]
  if (side === 'giver') return [{ companyId, named }]
  return [
    { companyId, named, outcome: 'done', notBy: readerId },
    { by: readerId, named },
  ]
}

/** The newest name of each device that these events tell. */
function namesIn(events: readonly EventView[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { subject } of events.toReversed()) for (const { id, name } of devicesIn(subject)) names.set(id, name)
  return names
}

function devicesIn({ devices }: EventView['subject']): { id: string; name: string }[] {
  if (!Array.isArray(devices)) return []
  return devices.flatMap((device: unknown) => {
    const { id, name } = Object(device) as { id?: unknown; name?: unknown }
    return typeof id === 'string' && typeof name === 'string' ? [{ id, name }] : []
  })
}

function useView({ deviceId, uses, firstAt, lastAt }: StoredUse, name: string): LedgerView['uses'][number] {
  return { device: { id: deviceId, name }, uses, firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString() }
}
