// Looking at shares: one of them, or a page of those that were granted or received (R16, R17).
import { findMembership } from '@ridethrough/db/query/membership.ts'
import { findShare } from '@ridethrough/db/query/share.ts'
import { listGrantedShares, listReceivedShares } from '@ridethrough/db/query/share-list.ts'
import type { ShareQuery } from '@ridethrough/protocol/http/share.ts'
import type { AccountSubject } from '@ridethrough/protocol/policy.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { managedBy } from '../sharing-rules.ts'
import { formatCursor, parseCursor } from '../team/cursor.ts'
import { shareIdsOf } from '../view.ts'
import { type SeenShare, sideOf } from './change.ts'

const Cursor = z.tuple([z.uuid()])

/** The share, for those on either side of it; for others it is not there. */
export async function getShare(context: ApiContext, asker: AccountSubject, id: string): Promise<SeenShare> {
  return sideOf(context.db, await findShare(context.db, id), asker, context.clock.now())
}

/** `isProgram`: it sees of what was received only what gives it something, since no more of it is its business. */
export async function listShares(
  { db, clock }: ApiContext,
  asker: AccountSubject & { readonly isProgram: boolean; readonly rights: Rights },
  query: z.infer<typeof ShareQuery>,
): Promise<{ readonly items: SeenShare[]; readonly next: string | null }> {
  const now = clock.now()
  const place = { after: parseCursor(Cursor, query.cursor)?.[0], limit: query.limit }
  const managed =
    query.direction === 'granted' ? managedBy(asker, await findMembership(db, asker.accountId), now) : undefined
  if (query.direction === 'granted' && !managed) return { items: [], next: null }
  const found = managed
    ? await listGrantedShares(db, managed, query, place, new Date(now))
    : await listReceivedShares(db, asker.accountId, query, place, new Date(now))
  const page = found.slice(0, query.limit)
  const last = found.length > query.limit ? page.at(-1) : undefined
  const side = managed ? 'owner' : 'recipient'
  const isHidden = asker.isProgram && side === 'recipient'
  const items = isHidden
    ? page.filter((share) => shareIdsOf(asker.rights, share.everDeviceIds).includes(share.id))
    : page
  return { items: items.map((share) => ({ share, side })), next: last ? formatCursor([last.id]) : null }
}
