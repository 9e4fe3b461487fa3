// How often, and when last, a share, a guest entry or a link was made use of on each device.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type UseKind = 'share' | 'guest' | 'link'

export type CountedUse = {
  readonly kind: UseKind
  readonly grantId: string
  readonly deviceId: string
  /** More of them than are stored; 0 when one that is counted already went on. */
  readonly uses: number
  /** Milliseconds since 1970. */
  readonly firstAt: number
  readonly lastAt: number
}

/** Adds them to what is stored, in one statement. */
export async function addUses(db: Db, uses: readonly CountedUse[]): Promise<void> {
  if (uses.length === 0) return
  const at = (instants: readonly number[]) => sql`${instants.map((instant) => new Date(instant))}::timestamptz[]`
  // In one order, so that two processes do not wait for each other's rows.
  await sql`
    insert into grant_use (kind, grant_id, device_id, uses, first_at, last_at)
    select * from unnest(${uses.map((use) => use.kind)}::text[], ${uses.map((use) => use.grantId)}::uuid[],
      ${uses.map((use) => use.deviceId)}::uuid[], ${uses.map((use) => use.uses)}::bigint[],
      ${at(uses.map((use) => use.firstAt))}, ${at(uses.map((use) => use.lastAt))})
    order by 2, 3
    on conflict (grant_id, device_id) do update set uses = grant_use.uses + excluded.uses,
      first_at = least(grant_use.first_at, excluded.first_at), last_at = greatest(grant_use.last_at, excluded.last_at)`.execute(
    db,
  )
}

export type StoredUse = {
  readonly deviceId: string
  /** As it is called today; `null` when the device is gone. */
  readonly deviceName: string | null
  readonly uses: number
  readonly firstAt: Date
  readonly lastAt: Date
}

/** Of one share, guest entry or link, the newest first. */
export async function listUses(db: Db, grantId: string): Promise<StoredUse[]> {
  const rows = await db
    .selectFrom('grant_use')
    .leftJoin('device', 'device.id', 'grant_use.device_id')
    .select(['device_id', 'device.name', 'uses', 'first_at', 'last_at'])
    .where('grant_id', '=', grantId)
    .orderBy('last_at', 'desc')
    .orderBy('device_id')
    .execute()
  return rows.map((row) => ({
    deviceId: row.device_id,
    deviceName: row.name,
    uses: row.uses,
    firstAt: row.first_at,
    lastAt: row.last_at,
  }))
}
