// Shares from person to person: offered, accepted, ended.
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { ShareState } from '@ridethrough/protocol/policy.ts'
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { Db, Schema } from '../schema.ts'

export type ShareDevice = {
  readonly id: string
  readonly name: string
  readonly mfr: string
  readonly model: string
  readonly serial: string
  readonly timeZone: string
}

export type Share = {
  readonly id: string
  readonly state: ShareState
  /** The sharer's, at the time. */
  readonly companyId: string
  readonly email: string
  readonly folded: string
  /** The recipient; `null` until the address has an account. */
  readonly accountId: string | null
  readonly sharedBy: { readonly id: string; readonly name: string; readonly email: string }
  readonly privileges: PrivilegeMask
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  /** Where it names a role of the company; `privileges` are the role's then. */
  readonly role: { readonly id: string; readonly name: string } | null
  readonly windows: readonly WeeklyWindow[]
  readonly suspendedAt: Date | null
  /** The name of the account that it is bound to. */
  readonly recipientName: string | null
  readonly createdAt: Date
  readonly acceptedAt: Date | null
  readonly endedAt: Date | null
  readonly codeExpiresAt: Date | null
  readonly codeTries: number
  readonly codeHash: Buffer | null
  /** Neither unticked by the owner nor removed by the recipient. */
  readonly devices: readonly ShareDevice[]
  readonly removedDevices: readonly { readonly id: string; readonly name: string; readonly by: 'owner' | 'recipient' }[]
  /** All that it was ever made of and that still exist: who may manage the share follows from these. */
  readonly everDeviceIds: readonly string[]
}

export type NewShareRow = {
  readonly companyId: string
  readonly createdBy: string
  readonly email: string
  readonly folded: string
  readonly accountId: string | null
  readonly privileges: PrivilegeMask
  readonly startsAt: Date
  readonly endsAt: Date | null
  readonly codeHash: Buffer
  readonly codeExpiresAt: Date
  readonly deviceIds: readonly string[]
}

/** Throws `share-limit` or `share-exists` as the database says, so that two at once cannot both be the fifth. */
export async function insertShare(tx: Db, share: NewShareRow): Promise<string> {
  const { id } = await tx
    .insertInto('share')
    .values({
      company_id: share.companyId,
      created_by: share.createdBy,
      email: share.email,
      email_folded: share.folded,
      account_id: share.accountId,
      state: 'pending',
      privileges: share.privileges,
      starts_at: share.startsAt,
      ends_at: share.endsAt,
      code_hash: share.codeHash,
      code_expires_at: share.codeExpiresAt,
      accepted_at: null,
      ended_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  // In one order, because the trigger locks each device.
  const rows = share.deviceIds.toSorted().map((deviceId) => ({
    share_id: id,
    device_id: deviceId,
    removed_by: null,
    removed_at: null,
  }))
  await refusals(() => tx.insertInto('share_device').values(rows).execute())
  return id
}

/** Locked until the transaction's end, so that accepting and revoking cannot both win. */
export async function lockShare(tx: Db, id: string): Promise<Share | undefined> {
  await tx.selectFrom('share').select('id').where('id', '=', id).forUpdate().execute()
  return findShare(tx, id)
}

export async function findShare(db: Db, id: string): Promise<Share | undefined> {
  return (await list(db, (eb) => eb('share.id', '=', id)))[0]
}

/** Shares that somebody received and that are not over, the newest first. */
export function listReceivedShares(db: Db, accountId: string): Promise<Share[]> {
  return list(db, (eb) => eb.and([eb('share.account_id', '=', accountId), isOpen(eb)]))
}

/**
 * Shares of these devices, and those that the account itself made for the company that it is in, that are not over, the
 * newest first. Who has left a company sees nothing more of what they shared there.
 */
export function listGrantedShares(db: Db, accountId: string, deviceIds: readonly string[]): Promise<Share[]> {
  const ofDevices = sql<SqlBool>`exists (select from share_device sd where sd.share_id = share.id and sd.device_id = any(${[...deviceIds]}::uuid[]))`
  const ownCompany = sql<string>`(select company_id from account where id = ${accountId})`
  return list(db, (eb) => {
    const isMaker = eb.and([eb('share.created_by', '=', accountId), eb('share.company_id', '=', ownCompany)])
    return eb.and([eb.or([isMaker, ofDevices]), isOpen(eb)])
  })
}

/** Open shares that name this device. */
export function listSharesOfDevice(db: Db, deviceId: string): Promise<Share[]> {
  const named = sql<SqlBool>`exists (select from share_device sd where sd.share_id = share.id and sd.device_id = ${deviceId} and sd.removed_by is null)`
  return list(db, (eb) => eb.and([named, isOpen(eb)]))
}

export async function acceptShare(tx: Db, id: string, accountId: string, at: Date): Promise<void> {
  await tx
    .updateTable('share')
    .set({ state: 'accepted', account_id: accountId, accepted_at: at, code_hash: null, code_expires_at: null })
    .where('id', '=', id)
    .execute()
}

export async function endShare(
  tx: Db,
  id: string,
  state: Exclude<ShareState, 'pending' | 'accepted'>,
  at: Date,
): Promise<void> {
  await tx
    .updateTable('share')
    .set({ state, ended_at: at, code_hash: null, code_expires_at: null })
    .where('id', '=', id)
    .execute()
}

export async function countWrongShareCode(tx: Db, id: string): Promise<void> {
  await tx.updateTable('share').set({ code_tries: sql`code_tries + 1` }).where('id', '=', id).execute()
}

/**
 * A new code in place of the old one. An invitation that had run out had lost its place among the five: naming
 * `removed_by` makes the database look again, which throws `share-limit` or `share-exists`.
 */
export async function renewShareCode(tx: Db, id: string, codeHash: Buffer, expiresAt: Date): Promise<void> {
  await tx
    .updateTable('share')
    .set({ code_hash: codeHash, code_expires_at: expiresAt, code_tries: 0 })
    .where('id', '=', id)
    .execute()
  await refusals(() =>
    tx
      .updateTable('share_device')
      .set({ removed_by: null })
      .where('share_id', '=', id)
      .where('removed_by', 'is', null)
      .execute(),
  )
}

export async function removeShareDevice(
  tx: Db,
  shareId: string,
  deviceId: string,
  by: 'owner' | 'recipient',
  at: Date,
): Promise<void> {
  await tx
    .updateTable('share_device')
    .set({ removed_by: by, removed_at: at })
    .where('share_id', '=', shareId)
    .where('device_id', '=', deviceId)
    .execute()
}

/** R11: what was shared to an address belongs to the account that proves it. The devices of what was bound. */
export async function bindWaitingShares(tx: Db, folded: string, accountId: string): Promise<string[]> {
  const bound = await tx
    .updateTable('share')
    .set({ account_id: accountId })
    .where('email_folded', '=', folded)
    .where('account_id', 'is', null)
    .where('state', '=', 'pending')
    .returning('id')
    .execute()
  if (bound.length === 0) return []
  const rows = await tx
    .selectFrom('share_device')
    .select('device_id')
    .distinct()
    .where(
      'share_id',
      'in',
      bound.map((share) => share.id),
    )
    .execute()
  return rows.map((row) => row.device_id)
}

/** Who made each of these shares. */
export async function findSharers(
  db: Db,
  shareIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly name: string; readonly email: string }>> {
  if (shareIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('share')
    .innerJoin('account', 'account.id', 'share.created_by')
    .select(['share.id', 'account.name', 'account.email'])
    .where('share.id', 'in', [...shareIds])
    .execute()
  return new Map(rows.map((row) => [row.id, { name: row.name, email: row.email }]))
}

type ShareExpressions = ExpressionBuilder<Schema & { sharer: Schema['account'] }, 'share' | 'sharer'>

function isOpen(eb: ShareExpressions): Expression<SqlBool> {
  return eb('share.state', 'in', ['pending', 'accepted'])
}

async function list(db: Db, where: (eb: ShareExpressions) => Expression<SqlBool>): Promise<Share[]> {
  const rows = await db
    .selectFrom('share')
    .innerJoin('account as sharer', 'sharer.id', 'share.created_by')
    .leftJoin('account as recipient', 'recipient.id', 'share.account_id')
    .leftJoin('role', 'role.id', 'share.role_id')
    .selectAll('share')
    .select(['sharer.name as sharer_name', 'sharer.email as sharer_email', 'recipient.name as recipient_name'])
    .select(['role.name as role_name', 'role.privileges as role_privileges'])
    .where(where)
    .orderBy('share.id', 'desc')
    .execute()
  if (rows.length === 0) return []
  const devices = await db
    .selectFrom('share_device')
    .innerJoin('device', 'device.id', 'share_device.device_id')
    .innerJoin('agent_device', 'agent_device.device_id', 'device.id')
    .select(['share_id', 'removed_by', 'device.id', 'device.name', 'mfr', 'model', 'serial', 'time_zone'])
    .where(
      'share_id',
      'in',
      rows.map((row) => row.id),
    )
    .orderBy('device.name')
    .orderBy('device.id')
    .execute()
  return rows.map((row) => {
    const own = devices.filter((device) => device.share_id === row.id)
    return {
      id: row.id,
      state: row.state,
      companyId: row.company_id,
      email: row.email,
      folded: row.email_folded,
      accountId: row.account_id,
      sharedBy: { id: row.created_by, name: row.sharer_name, email: row.sharer_email },
      privileges: row.role_privileges ?? row.privileges,
      role: row.role_id === null ? null : { id: row.role_id, name: row.role_name ?? '' },
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      windows: row.windows,
      suspendedAt: row.suspended_at,
      recipientName: row.recipient_name,
      createdAt: row.created_at,
      acceptedAt: row.accepted_at,
      endedAt: row.ended_at,
      codeExpiresAt: row.code_expires_at,
      codeTries: row.code_tries,
      codeHash: row.code_hash,
      devices: own
        .filter((device) => device.removed_by === null)
        .map(({ id, name, mfr, model, serial, time_zone }) => ({ id, name, mfr, model, serial, timeZone: time_zone })),
      removedDevices: own.flatMap(({ id, name, removed_by: by }) => (by === null ? [] : [{ id, name, by }])),
      everDeviceIds: own.map((device) => device.id),
    }
  })
}

/** What the trigger share_limit refuses, by the codes that it raises. */
async function refusals<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'RT001') {
      throw new Fault('share-limit', 'A device is shared with five people already: end one of its shares first', {
        cause: error,
      })
    }
    if (code === 'RT002') {
      throw new Fault('share-exists', 'A device is shared with this address already: change that share instead', {
        cause: error,
      })
    }
    throw error
  }
}
