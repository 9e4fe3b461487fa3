// Shares by link: made by somebody, opened by whoever has it (R22).

import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { Db, Schema } from '../schema.ts'
import { hashToken, mintToken } from '../token.ts'

export type LinkDevice = {
  readonly id: string
  readonly name: string
  readonly model: string
  readonly timeZone: string
}

/** What its makers can set. */
export type LinkTerms = {
  readonly name: string
  readonly privileges: PrivilegeMask
  /** `null`: all. */
  readonly variables: readonly string[] | null
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
  /** `null`: any number of times. */
  readonly maxUses: number | null
  readonly pinHash: string | null
}

export type Link = LinkTerms & {
  readonly id: string
  readonly companyId: string
  readonly createdBy: { readonly id: string; readonly name: string }
  readonly tokenSealed: Buffer
  readonly uses: number
  readonly suspendedAt: Date | null
  readonly endedAt: Date | null
  readonly createdAt: Date
  readonly lastUsedAt: Date | null
  readonly devices: readonly LinkDevice[]
}

export type NewLinkRow = LinkTerms & {
  readonly companyId: string
  readonly createdBy: string
  readonly deviceIds: readonly string[]
  readonly at: Date
  readonly tokenHash: Buffer
  /** The token is kept sealed for its own row: in another's it does not open. */
  readonly seal: (id: string) => Buffer
}

export async function insertLink(tx: Db, link: NewLinkRow): Promise<string> {
  const { rows } = await sql<{ id: string }>`select uuidv7() as id`.execute(tx)
  const id = rows[0]?.id
  if (id === undefined) throw new Error('the database made no id')
  await tx
    .insertInto('link')
    .values({
      id,
      company_id: link.companyId,
      created_by: link.createdBy,
      token_hash: link.tokenHash,
      token_sealed: link.seal(id),
      created_at: link.at,
      ...columnsOf(link),
    })
    .execute()
  await insertDevices(tx, id, link.deviceIds)
  return id
}

export async function findLink(db: Db, id: string): Promise<Link | undefined> {
  return (await list(db, (eb) => eb('link.id', '=', id)))[0]
}

/** Locked until the transaction's end. */
export async function lockLink(tx: Db, id: string): Promise<Link | undefined> {
  await tx.selectFrom('link').select('id').where('id', '=', id).forUpdate().execute()
  return findLink(tx, id)
}

/** The same work for whatever is sent: nobody learns from the time whether there is such a link. */
export async function findLinkByToken(db: Db, token: string): Promise<Link | undefined> {
  const hash = hashToken(token)
  return (await list(db, (eb) => eb('link.token_hash', '=', hash)))[0]
}

export type LinkListing = {
  readonly companyId: string
  /** The asker, whose own links are listed too; `null`: nobody's own. */
  readonly makerId: string | null
  /** Links all of whose devices are among these. */
  readonly deviceIds: readonly string[]
  readonly state: 'open' | 'ended' | 'all'
  /** The last one of the page before. */
  readonly before?: string | undefined
  readonly limit: number
  readonly now: Date
}

/** The newest first. */
export function listLinks(db: Db, listing: LinkListing): Promise<Link[]> {
  const { companyId, makerId, state, before, limit, now } = listing
  const within = sql<SqlBool>`(select count(*) > 0 and bool_and(ld.device_id = any(${[...listing.deviceIds]}::uuid[]))
    from link_device ld where ld.link_id = link.id)`
  const isOver = sql<SqlBool>`(link.ended_at is not null or link.ends_at <= ${now})`
  return list(
    db,
    (eb) =>
      eb.and([
        eb('link.company_id', '=', companyId),
        makerId === null ? within : eb.or([eb('link.created_by', '=', makerId), within]),
        ...(before === undefined ? [] : [eb('link.id', '<', before)]),
        // Without an end the second part is null, which is not true.
        ...(state === 'open' ? [sql<SqlBool>`${isOver} is not true`] : state === 'ended' ? [isOver] : []),
      ]),
    limit,
  )
}

/** Those that are not over, of a company. */
export async function countOpenLinks(db: Db, companyId: string): Promise<number> {
  const { count } = await db
    .selectFrom('link')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('company_id', '=', companyId)
    .where('ended_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Not ended, and with this device; locked in one order until the transaction's end. */
export async function lockLinksOfDevice(tx: Db, deviceId: string): Promise<Link[]> {
  const rows = await tx
    .selectFrom('link')
    .select('id')
    .where('ended_at', 'is', null)
    .where('id', 'in', (eb) => eb.selectFrom('link_device').select('link_id').where('device_id', '=', deviceId))
    .orderBy('id')
    .forUpdate()
    .execute()
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  return list(tx, (eb) => eb('link.id', 'in', ids))
}

/** What is left out stays. A new end is announced anew. */
export async function updateLink(
  tx: Db,
  id: string,
  change: Partial<LinkTerms> & { readonly deviceIds?: readonly string[]; readonly suspendedAt?: Date | null },
): Promise<void> {
  const { deviceIds, suspendedAt, ...terms } = change
  const columns = {
    ...columnsOf(terms),
    ...(suspendedAt === undefined ? {} : { suspended_at: suspendedAt }),
    ...(terms.endsAt === undefined ? {} : { ending_noticed_at: null }),
  }
  if (Object.keys(columns).length > 0) await tx.updateTable('link').set(columns).where('id', '=', id).execute()
  if (deviceIds === undefined) return
  await tx.deleteFrom('link_device').where('link_id', '=', id).execute()
  await insertDevices(tx, id, deviceIds)
}

export async function markLinkEnded(tx: Db, id: string, at: Date): Promise<void> {
  await tx.updateTable('link').set({ ended_at: at }).where('id', '=', id).where('ended_at', 'is', null).execute()
}

/** Whoever has it open; the ids of the sessions that this ended. */
export async function endLinkSessions(tx: Db, linkId: string, at: Date): Promise<string[]> {
  const rows = await tx
    .updateTable('link_session')
    .set({ ended_at: at })
    .where('link_id', '=', linkId)
    .where('ended_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/** One use more. False when there is none left: of two at once for the last one, one gets it. */
export async function countLinkUse(tx: Db, id: string, at: Date): Promise<boolean> {
  const done = await tx
    .updateTable('link')
    .set((eb) => ({ uses: eb('uses', '+', 1), last_used_at: at }))
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .where((eb) => eb.or([eb('max_uses', 'is', null), eb('uses', '<', eb.ref('max_uses'))]))
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export type NewLinkSession = {
  readonly linkId: string
  readonly at: Date
  readonly expiresAt: Date
  readonly address: string
  readonly userAgent: string
}

/** The token is returned here once and can never be read again. */
export async function insertLinkSession(
  tx: Db,
  session: NewLinkSession,
): Promise<{ readonly token: string; readonly sessionId: string }> {
  const { token, hash } = mintToken()
  const { id } = await tx
    .insertInto('link_session')
    .values({
      link_id: session.linkId,
      token_hash: hash,
      created_at: session.at,
      last_used_at: session.at,
      expires_at: session.expiresAt,
      address: session.address,
      user_agent: session.userAgent.slice(0, 300),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { token, sessionId: id }
}

/** Which link a session was of, also one that is over; `undefined` for what never was one. */
export async function findLinkOfSession(db: Db, token: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('link_session')
    .select('link_id')
    .where('token_hash', '=', hashToken(token))
    .executeTakeFirst()
  return row?.link_id
}

async function insertDevices(tx: Db, linkId: string, deviceIds: readonly string[]): Promise<void> {
  const rows = [...new Set(deviceIds)].toSorted().map((deviceId) => ({ link_id: linkId, device_id: deviceId }))
  await tx.insertInto('link_device').values(rows).execute()
}

function columnsOf(terms: LinkTerms): Columns
function columnsOf(terms: Partial<LinkTerms>): Partial<Columns>
function columnsOf(terms: Partial<LinkTerms>): Partial<Columns> {
  return {
    ...(terms.name === undefined ? {} : { name: terms.name }),
    ...(terms.privileges === undefined ? {} : { privileges: terms.privileges }),
    ...(terms.variables === undefined ? {} : { variables: terms.variables && [...terms.variables] }),
    ...(terms.startsAt === undefined ? {} : { starts_at: terms.startsAt }),
    ...(terms.endsAt === undefined ? {} : { ends_at: terms.endsAt }),
    ...(terms.windows === undefined ? {} : { windows: JSON.stringify(terms.windows) }),
    ...(terms.maxUses === undefined ? {} : { max_uses: terms.maxUses }),
    ...(terms.pinHash === undefined ? {} : { pin_hash: terms.pinHash }),
  }
}

type Columns = {
  name: string
  privileges: number
  variables: string[] | null
  starts_at: Date | null
  ends_at: Date | null
  windows: string
  max_uses: number | null
  pin_hash: string | null
}

type LinkExpressions = ExpressionBuilder<Schema & { maker: Schema['account'] }, 'link' | 'maker'>

async function list(db: Db, where: (eb: LinkExpressions) => Expression<SqlBool>, limit?: number): Promise<Link[]> {
  let query = db
    .selectFrom('link')
    .innerJoin('account as maker', 'maker.id', 'link.created_by')
    .selectAll('link')
    .select('maker.name as maker_name')
    .where(where)
    .orderBy('link.id', 'desc')
  if (limit !== undefined) query = query.limit(limit)
  const rows = await query.execute()
  const devices = await devicesOf(
    db,
    rows.map((row) => row.id),
  )
  return rows.map((row) => ({
    id: row.id,
    companyId: row.company_id,
    createdBy: { id: row.created_by, name: row.maker_name },
    name: row.name,
    tokenSealed: row.token_sealed,
    privileges: row.privileges,
    variables: row.variables,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    windows: row.windows,
    maxUses: row.max_uses,
    uses: row.uses,
    pinHash: row.pin_hash,
    suspendedAt: row.suspended_at,
    endedAt: row.ended_at,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    devices: devices.get(row.id) ?? [],
  }))
}

async function devicesOf(db: Db, linkIds: readonly string[]): Promise<ReadonlyMap<string, LinkDevice[]>> {
  const map = new Map<string, LinkDevice[]>()
  // Asked also where there is no link, so that looking for one costs the same whether or not it is there.
  const rows = await db
    .selectFrom('link_device')
    .innerJoin('device', 'device.id', 'link_device.device_id')
    .innerJoin('agent_device', 'agent_device.device_id', 'device.id')
    .select(['link_id', 'device.id', 'device.name', 'agent_device.model', 'device.time_zone'])
    .where('link_id', '=', sql<string>`any(${[...linkIds]}::uuid[])`)
    .orderBy('device.name')
    .orderBy('device.id')
    .execute()
  for (const { link_id: linkId, id, name, model, time_zone: timeZone } of rows) {
    map.set(linkId, [...(map.get(linkId) ?? []), { id, name, model, timeZone }])
  }
  return map
}
