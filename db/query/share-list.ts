// Shares in pages, the newest first: those that a company granted, those that an account received.
import { type Expression, type SqlBool, sql } from 'kysely'
import type { Db } from '../schema.ts'
import { type Share, type ShareExpressions, selectShares } from './share.ts'

export type ShareFilter = {
  /** `open`: neither answered with no, nor ended, nor run out. */
  readonly state: 'open' | 'ended' | 'all'
  /** Part of the name or address of the other side, or of a device's name. */
  readonly search?: string | undefined
  readonly deviceId?: string | undefined
}

export type SharePlace = {
  /** The last of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** `deviceIds`: only shares that were ever of one of these. One more than `limit`, so that the caller sees whether there are more. */
export function listGrantedShares(
  db: Db,
  granted: { readonly companyId: string; readonly deviceIds: readonly string[] | null },
  filter: ShareFilter,
  place: SharePlace,
  now: Date,
): Promise<Share[]> {
  const { companyId, deviceIds } = granted
  const ofDevices =
    deviceIds &&
    sql<SqlBool>`exists (select from share_device sd where sd.share_id = share.id and sd.device_id = any(${[...deviceIds]}::uuid[]))`
  return page(db, filter, place, now, (eb, pattern) => [
    eb('share.company_id', '=', companyId),
    ...(ofDevices ? [ofDevices] : []),
    ...(pattern === undefined
      ? []
      : [
          eb.or([
            eb('share.email', 'ilike', pattern),
            // The name is nobody's business before the share was accepted.
            eb.and([eb('share.accepted_at', 'is not', null), eb('recipient.name', 'ilike', pattern)]),
            hasDeviceNamed(pattern),
          ]),
        ]),
  ])
}

export function listReceivedShares(
  db: Db,
  accountId: string,
  filter: ShareFilter,
  place: SharePlace,
  now: Date,
): Promise<Share[]> {
  return page(db, filter, place, now, (eb, pattern) => [
    eb('share.account_id', '=', accountId),
    ...(pattern === undefined
      ? []
      : [eb.or([eb('sharer.name', 'ilike', pattern), eb('sharer.email', 'ilike', pattern), hasDeviceNamed(pattern)])]),
  ])
}

function page(
  db: Db,
  { state, search, deviceId }: ShareFilter,
  { after, limit }: SharePlace,
  now: Date,
  which: (eb: ShareExpressions, pattern: string | undefined) => Expression<SqlBool>[],
): Promise<Share[]> {
  const pattern = search === undefined ? undefined : `%${search.replace(/[\\%_]/g, '\\$&')}%`
  const named = sql<SqlBool>`exists (select from share_device sd where sd.share_id = share.id and sd.device_id = ${deviceId} and sd.removed_by is null)`
  return selectShares(
    db,
    (eb) =>
      eb.and([
        ...which(eb, pattern),
        ...(state === 'all' ? [] : [isOpen(now, state === 'open')]),
        ...(deviceId === undefined ? [] : [named]),
        ...(after === undefined ? [] : [eb('share.id', '<', after)]),
      ]),
    limit + 1,
  )
}

/** Time runs out without anybody writing it down. */
function isOpen(now: Date, wanted: boolean): Expression<SqlBool> {
  const lasts = sql`(share.ends_at is null or share.ends_at > ${now})`
  const waits = sql`share.state = 'pending' and (share.code_expires_at is null or share.code_expires_at > ${now})`
  return sql<SqlBool>`((share.state = 'accepted' or (${waits})) and ${lasts}) = ${wanted}`
}

function hasDeviceNamed(pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`exists (
    select from share_device sd join device d on d.id = sd.device_id where sd.share_id = share.id and d.name ilike ${pattern})`
}
