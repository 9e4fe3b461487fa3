// Agents: what they found, whether they are there, whose devices they read. By what they are known: agent-identity.ts.
import type { InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Presence = { readonly online: boolean; readonly version: string | null; readonly intervalS: number | null }

/** `null` leaves what the agent said last. Tells `agent_state` listeners its id. */
export async function updatePresence(db: Db, agentId: string, presence: Presence, at: Date): Promise<void> {
  await sql`
    with changed as (
      update agent set online = ${presence.online}, seen_at = ${at},
        version = coalesce(${presence.version}, version), interval_s = coalesce(${presence.intervalS}::double precision, interval_s)
      where id = ${agentId}
      returning id
    )
    select pg_notify('agent_state', id::text) from changed`.execute(db)
}

/** Agents whose broker died with them connected: nobody else would ever say that they are gone. */
export async function markAllAgentsOffline(db: Db): Promise<number> {
  const { rows } = await sql`
    with changed as (update agent set online = false where online returning id)
    select pg_notify('agent_state', id::text) from changed`.execute(db)
  return rows.length
}

/**
 * Replaces what an agent has found. Devices of other agents are left alone and returned; those that it does not name
 * any more are forgotten unless somebody has claimed them.
 */
export function replaceInventory(
  db: Db,
  agentId: string,
  devices: readonly InventoryDevice[],
  foundAt: Date,
): Promise<{ readonly refused: readonly string[] }> {
  return db.transaction().execute(async (tx) => {
    // the same order everywhere, so that two agents naming each other's devices cannot wait for each other
    const unique = [...new Map(devices.map((device) => [device.deviceId, device])).values()]
    const sorted = unique.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
    const ids = sorted.map((device) => device.deviceId)
    await sql`
      delete from agent_device where agent_id = ${agentId} and device_id <> all(${ids}::uuid[])
        and not exists (select from device where device.id = agent_device.device_id)`.execute(tx)
    const { rows } = await sql<{ deviceId: string }>`
      insert into agent_device (device_id, agent_id, name, driver, mfr, model, serial, firmware, commands, settings, claim_hash, claim_expires_at, found_at)
      select device_id, ${agentId}, name, driver, mfr, model, serial, firmware,
        array(select jsonb_array_elements_text(commands)), array(select jsonb_array_elements_text(settings)),
        decode(claim_hash, 'hex'), claim_expires_at, ${foundAt}
      from jsonb_to_recordset(${JSON.stringify(sorted.map(toRow))}::jsonb) as found(
        device_id uuid, name text, driver text, mfr text, model text, serial text, firmware text, commands jsonb, settings jsonb,
        claim_hash text, claim_expires_at timestamptz)
      on conflict (device_id) do update set
        name = excluded.name, driver = excluded.driver, mfr = excluded.mfr, model = excluded.model, serial = excluded.serial,
        firmware = excluded.firmware, commands = excluded.commands, settings = excluded.settings, found_at = excluded.found_at,
        claim_hash = excluded.claim_hash, claim_expires_at = excluded.claim_expires_at
      where agent_device.agent_id = excluded.agent_id
      returning device_id as "deviceId"`.execute(tx)
    const taken = new Set(rows.map((row) => row.deviceId))
    return { refused: ids.filter((id) => !taken.has(id)) }
  })
}

/** Registered devices of an agent with the highest sequence stored. */
export async function listRegistered(
  db: Db,
  agentId: string,
): Promise<readonly { readonly deviceId: string; readonly seq: number }[]> {
  const rows = await db
    .selectFrom('device')
    .leftJoin('device_state', 'device_state.device_id', 'device.id')
    .select(['device.id', 'device_state.seq'])
    .where('device.agent_id', '=', agentId)
    .orderBy('device.id')
    .execute()
  return rows.map((row) => ({ deviceId: row.id, seq: row.seq ?? 0 }))
}

export type CompanyAgent = {
  readonly id: string
  readonly version: string
  readonly online: boolean
  readonly seenAt: Date
  readonly certificateExpiresAt: Date | null
  readonly revokedAt: Date | null
  /** Those of its registered devices that belong to the company. */
  readonly devices: readonly { readonly id: string; readonly name: string }[]
}

/** Agents that read at least one device of the company, the longest known first. */
export async function listCompanyAgents(db: Db, companyId: string): Promise<CompanyAgent[]> {
  const rows = await db
    .selectFrom('agent')
    .innerJoin('device', 'device.agent_id', 'agent.id')
    .select([
      ...(['agent.id', 'agent.version', 'agent.online', 'agent.seen_at', 'agent.certificate_expires_at'] as const),
      ...(['agent.revoked_at', 'device.id as device_id', 'device.name as device_name'] as const),
    ])
    .where('device.company_id', '=', companyId)
    .orderBy('agent.created_at')
    .orderBy('agent.id')
    .orderBy('device.name')
    .execute()
  return [...Map.groupBy(rows, (row) => row.id).values()].map((ofOne) => {
    // groupBy makes no empty group
    const row = ofOne[0] as (typeof rows)[number]
    return {
      id: row.id,
      version: row.version,
      online: row.online,
      seenAt: row.seen_at,
      certificateExpiresAt: row.certificate_expires_at,
      revokedAt: row.revoked_at,
      devices: ofOne.map((one) => ({ id: one.device_id, name: one.device_name })),
    }
  })
}

/** Locks the agent until the commit, against claims of its devices too; `undefined` when there is none. */
export async function lockAgent(
  tx: Db,
  agentId: string,
): Promise<{ readonly isRevoked: boolean; readonly deviceIds: readonly string[] } | undefined> {
  const agent = await tx
    .selectFrom('agent')
    .select('revoked_at')
    .where('id', '=', agentId)
    .forUpdate()
    .executeTakeFirst()
  if (!agent) return undefined
  const devices = await tx.selectFrom('device').select('id').where('agent_id', '=', agentId).execute()
  return { isRevoked: agent.revoked_at !== null, deviceIds: devices.map(({ id }) => id) }
}

/** It never signs in again, and what it found cannot be claimed any more. Registered devices stay, with their history. */
export async function revokeAgent(tx: Db, agentId: string, at: Date): Promise<void> {
  await tx.updateTable('agent').set({ revoked_at: at }).where('id', '=', agentId).execute()
  await tx
    .updateTable('agent_device')
    .set({ claim_hash: null, claim_expires_at: null })
    .where('agent_id', '=', agentId)
    .execute()
}

function toRow(device: InventoryDevice) {
  const text = (value: string) => value.replaceAll('\0', '\ufffd').toWellFormed()
  return {
    device_id: device.deviceId,
    name: text(device.name),
    driver: text(device.driver),
    mfr: text(device.mfr),
    model: text(device.model),
    serial: text(device.serial),
    firmware: text(device.firmware),
    commands: device.commands.map(text),
    settings: device.settings.map(text),
    claim_hash: device.claim?.hash ?? null,
    claim_expires_at: device.claim ? new Date(device.claim.expiresAt).toISOString() : null,
  }
}
