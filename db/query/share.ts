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
  /** A role of the company, whose privileges `privileges` are then. */
  readonly roleId: string | null
  readonly startsAt: Date
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
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
      role_id: share.roleId,
      starts_at: share.startsAt,
      ends_at: share.endsAt,
      windows: JSON.stringify(share.windows),
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
  await takingPlaces(() => tx.insertInto('share_device').values(rows).execute())
  return id
}

/** Locked until the transaction's end, so that accepting and revoking cannot both win. */
export async function lockShare(tx: Db, id: string): Promise<Share | undefined> {
  await tx.selectFrom('share').select('id').where('id', '=', id).forUpdate().execute()
  return findShare(tx, id)
}

export async function findShare(db: Db, id: string): Promise<Share | undefined> {
  return (await selectShares(db, (eb) => eb('share.id', '=', id)))[0]
}

/** Open shares that name this device. */
export function listSharesOfDevice(db: Db, deviceId: string): Promise<Share[]> {
  const named = sql<SqlBool>`exists (select from share_device sd where sd.share_id = share.id and sd.device_id = ${deviceId} and sd.removed_by is null)`
  return selectShares(db, (eb) => eb.and([named, eb('share.state', 'in', ['pending', 'accepted'])]))
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

/** R11: what was shared to an address belongs to the account that proves it. The ids of what was bound, the oldest first. */
export async function bindWaitingShares(tx: Db, folded: string, accountId: string): Promise<string[]> {
  const bound = await tx
    .updateTable('share')
    .set({ account_id: accountId })
    .where('email_folded', '=', folded)
    .where('account_id', 'is', null)
    .where('state', '=', 'pending')
    .returning('id')
    .execute()
  return bound.map((share) => share.id).sort()
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

export type ShareExpressions = ExpressionBuilder<
  Schema & { sharer: Schema['account']; recipient: Schema['account'] },
  'share' | 'sharer' | 'recipient'
>

/** The newest first, `limit` of them. */
export async function selectShares(
  db: Db,
  where: (eb: ShareExpressions) => Expression<SqlBool>,
  limit?: number,
): Promise<Share[]> {
  const rows = await db
    .selectFrom('share')
    .innerJoin('account as sharer', 'sharer.id', 'share.created_by')
    .leftJoin('account as recipient', 'recipient.id', 'share.account_id')
    .leftJoin('role', 'role.id', 'share.role_id')
    .selectAll('share')
    .select(['sharer.name as sharer_name', 'sharer.email as sharer_email', 'recipient.name as recipient_name'])
    .select(['role.name as role_name', 'role.privileges as role_privileges'])
    .where((eb) => where(eb as unknown as ShareExpressions))
    .orderBy('share.id', 'desc')
    .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
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
export async function takingPlaces<T>(run: () => Promise<T>): Promise<T> {
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
