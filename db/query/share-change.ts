// What becomes of a share while it lasts: its devices, its terms, its code, whether it is suspended.
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { takingPlaces } from './share.ts'

export type ShareTerms = {
  readonly privileges: PrivilegeMask
  readonly roleId: string | null
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
}

/** Both sides are told again that it ends within a day: it is another day. */
export async function updateShareTerms(tx: Db, id: string, terms: ShareTerms): Promise<void> {
  await tx
    .updateTable('share')
    .set({
      privileges: terms.privileges,
      role_id: terms.roleId,
      starts_at: terms.startsAt,
      ends_at: terms.endsAt,
      windows: JSON.stringify(terms.windows),
      ending_noticed_at: sql<Date | null>`case when ends_at is distinct from ${terms.endsAt} then null else ending_noticed_at end`,
    })
    .where('id', '=', id)
    .execute()
}

/** A share that had run out goes on, as it had been accepted. Its places are another matter: `retakePlaces`. */
export async function reopenShare(tx: Db, id: string): Promise<void> {
  await tx.updateTable('share').set({ state: 'accepted', ended_at: null }).where('id', '=', id).execute()
}

/** Throws `share-limit` or `share-exists`. The devices must be locked. */
export async function addShareDevices(tx: Db, id: string, deviceIds: readonly string[]): Promise<void> {
  if (deviceIds.length === 0) return
  const rows = deviceIds.toSorted().map((deviceId) => ({
    share_id: id,
    device_id: deviceId,
    removed_by: null,
    removed_at: null,
  }))
  await takingPlaces(() =>
    tx
      .insertInto('share_device')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['share_id', 'device_id']).doUpdateSet({ removed_by: null, removed_at: null }),
      )
      .execute(),
  )
}

export async function removeShareDevices(
  tx: Db,
  id: string,
  deviceIds: readonly string[],
  by: 'owner' | 'recipient',
  at: Date,
): Promise<void> {
  if (deviceIds.length === 0) return
  await tx
    .updateTable('share_device')
    .set({ removed_by: by, removed_at: at })
    .where('share_id', '=', id)
    .where('device_id', 'in', [...deviceIds])
    .execute()
}

/**
 * What had run out had lost its places among the five: naming `removed_by` makes the database look again, which throws
 * `share-limit` or `share-exists`.
 */
export async function retakePlaces(tx: Db, id: string): Promise<void> {
  await takingPlaces(() =>
    tx
      .updateTable('share_device')
      .set({ removed_by: null })
      .where('share_id', '=', id)
      .where('removed_by', 'is', null)
      .execute(),
  )
}

/** A new code in place of the old one, for an invitation that may have run out; throws as `retakePlaces` does. */
export async function renewShareCode(
  tx: Db,
  id: string,
  { codeHash, expiresAt, accountId }: { codeHash: Buffer; expiresAt: Date; accountId: string | null },
): Promise<void> {
  await tx
    .updateTable('share')
    .set({
      ...{ state: 'pending', ended_at: null, account_id: accountId },
      ...{ code_hash: codeHash, code_expires_at: expiresAt, code_tries: 0 },
    })
    .where('id', '=', id)
    .execute()
  await retakePlaces(tx, id)
}

/** `null`: it is resumed. */
export async function setSuspended(tx: Db, id: string, at: Date | null): Promise<void> {
  await tx.updateTable('share').set({ suspended_at: at }).where('id', '=', id).execute()
}

/** H: whether this account takes shares of that sharer without being asked again. */
export async function takesWithoutAsking(db: Db, recipientId: string, sharerId: string): Promise<boolean> {
  const row = await db
    .selectFrom('account')
    .select('id')
    .where('id', '=', recipientId)
    .where('accepts_known', '=', true)
    .where('active', '=', true)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('share')
          .select('share.id')
          .where('share.account_id', '=', recipientId)
          .where('share.created_by', '=', sharerId)
          .where('share.accepted_at', 'is not', null),
      ),
    )
    .executeTakeFirst()
  return row !== undefined
}
