// Devices: found by an agent, claimed by a person, shown with their latest state.

import type { Plan } from '@ridethrough/protocol/plan.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/** The latest known of a device, with what tells fresh from stale. Instants in milliseconds since 1970. */
export type DeviceStatus = {
  readonly seq: number | null
  readonly at: number | null
  readonly receivedAt: number | null
  readonly status: string | null
  readonly variables: Readonly<Record<string, number | string>>
  readonly problem: 'no-answer' | 'nonsense' | null
  readonly problemSince: number | null
  readonly problemDetail: string | null
  readonly agent: { readonly online: boolean; readonly intervalS: number; readonly seenAt: number }
  readonly claimedAt: number
}

export type Device = {
  readonly id: string
  readonly companyId: string
  readonly companyName: string
  readonly agentId: string
  readonly name: string
  readonly mfr: string
  readonly model: string
  readonly serial: string
  readonly plan: Plan
  readonly timeZone: string
  readonly status: DeviceStatus
}

export type DeviceCursor = { readonly name: string; readonly id: string }

export type DeviceFilter = {
  readonly companyId?: string | undefined
  /** A group of the device's own company. */
  readonly groupId?: string | undefined
  readonly after?: DeviceCursor | undefined
  readonly limit?: number
}

/** Those of `ids` that exist, by name; `after` and `limit` cut a page out. */
export async function listDevices(db: Db, ids: readonly string[], filter: DeviceFilter = {}): Promise<Device[]> {
  if (ids.length === 0) return []
  let query = devices(db).where('device.id', '=', sql<string>`any(${[...ids]}::uuid[])`)
  const { companyId, groupId, after, limit } = filter
  if (companyId !== undefined) query = query.where('device.company_id', '=', companyId)
  if (groupId !== undefined) {
    query = query.where((eb) =>
      eb.exists(
        eb
          .selectFrom('device_group_member')
          .select('device_group_member.device_id')
          .whereRef('device_group_member.device_id', '=', 'device.id')
          .where('device_group_member.group_id', '=', groupId),
      ),
    )
  }
  if (after) query = query.where(sql<boolean>`(device.name, device.id) > (${after.name}, ${after.id}::uuid)`)
  if (limit !== undefined) query = query.limit(limit)
  const rows = await query.orderBy('device.name').orderBy('device.id').execute()
  return rows.map(toDevice)
}

export async function findDevice(db: Db, id: string): Promise<Device | undefined> {
  return (await listDevices(db, [id]))[0]
}

/** Ids of registered devices behind an agent. */
export async function listDeviceIdsOfAgent(db: Db, agentId: string): Promise<string[]> {
  const rows = await db.selectFrom('device').select('id').where('agent_id', '=', agentId).execute()
  return rows.map((row) => row.id)
}

/** Locks them (in one order, so that two transactions cannot wait for each other) until the transaction's end. */
export async function lockDevices(tx: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .selectFrom('device')
    .select('id')
    .where('id', 'in', [...ids])
    .orderBy('id')
    .forUpdate()
    .execute()
}

export type ClaimableDevice = {
  readonly deviceId: string
  readonly agentId: string
  readonly name: string
  readonly expiresAt: Date | null
  readonly isRegistered: boolean
}

/** The device that shows this claim code, locked: of two that type the same code only one finds it. */
export async function findClaimable(tx: Db, claimHash: Buffer): Promise<ClaimableDevice | undefined> {
  const row = await tx
    .selectFrom('agent_device')
    .select(['device_id', 'agent_id', 'name', 'claim_expires_at'])
    .where('claim_hash', '=', claimHash)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return undefined
  const device = await tx.selectFrom('device').select('id').where('id', '=', row.device_id).executeTakeFirst()
  return {
    deviceId: row.device_id,
    agentId: row.agent_id,
    name: row.name,
    expiresAt: row.claim_expires_at,
    isRegistered: device !== undefined,
  }
}

export type NewDevice = {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly name: string
  readonly plan: Plan
  readonly timeZone: string
  readonly claimedBy: string
}

/** Registers it and spends its claim code. */
export async function insertDevice(tx: Db, device: NewDevice): Promise<void> {
  await tx
    .insertInto('device')
    .values({
      id: device.id,
      company_id: device.companyId,
      agent_id: device.agentId,
      name: device.name,
      plan: device.plan,
      time_zone: device.timeZone,
      claimed_by: device.claimedBy,
    })
    .execute()
  await tx
    .updateTable('agent_device')
    .set({ claim_hash: null, claim_expires_at: null })
    .where('device_id', '=', device.id)
    .execute()
}

export async function updateDevice(
  db: Db,
  id: string,
  change: { readonly name?: string | undefined; readonly timeZone?: string | undefined },
): Promise<void> {
  const set = {
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.timeZone === undefined ? {} : { time_zone: change.timeZone }),
  }
  if (Object.keys(set).length === 0) return
  await db.updateTable('device').set(set).where('id', '=', id).execute()
  await sql`select pg_notify('device_state', ${id})`.execute(db)
}

/** Its state and its places in shares go with it. */
export async function deleteDevice(tx: Db, id: string): Promise<void> {
  await tx.deleteFrom('device').where('id', '=', id).execute()
}

/** Throws when the database does not answer. */
export async function ping(db: Db): Promise<void> {
  await sql`select 1`.execute(db)
}

function devices(db: Db) {
  return db
    .selectFrom('device')
    .innerJoin('agent_device', 'agent_device.device_id', 'device.id')
    .innerJoin('agent', 'agent.id', 'device.agent_id')
    .innerJoin('company', 'company.id', 'device.company_id')
    .leftJoin('device_state as state', 'state.device_id', 'device.id')
    .select([
      'device.id',
      'device.company_id',
      'company.name as company_name',
      'device.agent_id',
      'device.name',
      'device.plan',
      'device.time_zone',
      'device.created_at',
      'agent_device.mfr',
      'agent_device.model',
      'agent_device.serial',
      'agent.online',
      'agent.interval_s',
      'agent.seen_at',
      'state.seq',
      'state.at',
      'state.received_at',
      'state.status',
      'state.variables',
      'state.problem',
      'state.problem_since',
      'state.problem_detail',
    ])
}

type DeviceRow = Awaited<ReturnType<ReturnType<typeof devices>['executeTakeFirstOrThrow']>>

function toDevice(row: DeviceRow): Device {
  return {
    id: row.id,
    companyId: row.company_id,
    companyName: row.company_name,
    agentId: row.agent_id,
    name: row.name,
    mfr: row.mfr,
    model: row.model,
    serial: row.serial,
    plan: row.plan,
    timeZone: row.time_zone,
    status: {
      seq: row.seq,
      at: row.at?.getTime() ?? null,
      receivedAt: row.received_at?.getTime() ?? null,
      status: row.status,
      variables: row.variables ?? {},
      problem: row.problem,
      problemSince: row.problem_since?.getTime() ?? null,
      problemDetail: row.problem_detail,
      agent: { online: row.online, intervalS: row.interval_s, seenAt: row.seen_at.getTime() },
      claimedAt: row.created_at.getTime(),
    },
  }
}
