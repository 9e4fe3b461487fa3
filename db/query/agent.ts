// Agents: what they found, whether they are there, whose devices they read. By what they are known: agent-identity.ts.
import type { InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Presence = { readonly online: boolean; readonly version: string | null; readonly intervalS: number | null }

/** `null` leaves what the agent said last. One of each agent at most. */
export type PresenceOf = Presence & { readonly agentId: string; readonly at: Date }

/** In one statement, however many there are. Tells `agent_state` listeners each id. */
export async function updatePresences(db: Db, all: readonly PresenceOf[]): Promise<void> {
  const rows = all.map(({ agentId, online, version, intervalS, at }) => ({
    ...{ id: agentId, online, version: version === null ? null : storable(version), interval_s: intervalS },
    seen_at: at.toISOString(),
  }))
  await sql`
    with changed as (
      update agent set online = said.online, seen_at = said.seen_at,
        version = coalesce(said.version, agent.version), interval_s = coalesce(said.interval_s, agent.interval_s)
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as said(id uuid, online boolean, version text, interval_s double precision, seen_at timestamptz)
      where agent.id = said.id
      returning agent.id
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

export type Found = { readonly agentId: string; readonly devices: readonly InventoryDevice[]; readonly foundAt: Date }

/**
 * Replaces what agents have found, each at most once here. Devices of other agents are left alone and returned, by agent;
 * those that an agent does not name any more are forgotten unless somebody has claimed them. A device that two of them
 * name goes to the one that has it, or else to the first.
 */
export function replaceInventories(db: Db, found: readonly Found[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = found.flatMap(({ agentId, devices, foundAt }) =>
    [...new Map(devices.map((device) => [device.deviceId, device])).values()].map((one) =>
      toRow(agentId, one, foundAt),
    ),
  )
  const named = sql`jsonb_to_recordset(${JSON.stringify(rows.map((row, place) => ({ ...row, place })))}::jsonb) as named(
    agent_id uuid, device_id uuid, name text, driver text, mfr text, model text, serial text, firmware text, commands jsonb,
    settings jsonb, claim_hash text, claim_expires_at timestamptz, found_at timestamptz, place int)`
  return db.transaction().execute(async (tx) => {
    await sql`
      delete from agent_device where agent_id = any(${sql.val(found.map(({ agentId }) => agentId))}::uuid[])
        and (agent_id, device_id) not in (select agent_id, device_id from ${named})
        and not exists (select from device where device.id = agent_device.device_id)`.execute(tx)
    // the same order everywhere, so that two agents naming each other's devices cannot wait for each other
    const { rows: taken } = await sql<{ agentId: string; deviceId: string }>`
      insert into agent_device (device_id, agent_id, name, driver, mfr, model, serial, firmware, commands, settings, claim_hash, claim_expires_at, found_at)
      select distinct on (device_id) device_id, agent_id, name, driver, mfr, model, serial, firmware,
        array(select jsonb_array_elements_text(commands)), array(select jsonb_array_elements_text(settings)),
        decode(claim_hash, 'hex'), claim_expires_at, found_at
      from ${named}
      order by device_id,
        exists (select from agent_device had where had.device_id = named.device_id and had.agent_id = named.agent_id) desc, place
      on conflict (device_id) do update set
        name = excluded.name, driver = excluded.driver, mfr = excluded.mfr, model = excluded.model, serial = excluded.serial,
        firmware = excluded.firmware, commands = excluded.commands, settings = excluded.settings, found_at = excluded.found_at,
        claim_hash = excluded.claim_hash, claim_expires_at = excluded.claim_expires_at
      where agent_device.agent_id = excluded.agent_id
      returning agent_id as "agentId", device_id as "deviceId"`.execute(tx)
    const has = new Set(taken.map(({ agentId, deviceId }) => `${agentId} ${deviceId}`))
    const refused = new Map<string, string[]>()
    for (const { agent_id, device_id } of rows) {
      if (!has.has(`${agent_id} ${device_id}`)) refused.set(agent_id, [...(refused.get(agent_id) ?? []), device_id])
    }
    return refused
  })
}

export type Registered = { readonly deviceId: string; readonly seq: number }

/** Registered devices with the highest sequence stored, by agent; one without any is left out. */
export async function listRegistered(
  db: Db,
  agentIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Registered[]>> {
  const rows = await db
    .selectFrom('device')
    .leftJoin('device_state', 'device_state.device_id', 'device.id')
    .select(['device.agent_id', 'device.id', 'device_state.seq'])
    .where('device.agent_id', '=', sql<string>`any(${sql.val([...agentIds])}::uuid[])`)
    .orderBy('device.id')
    .execute()
  const byAgent = new Map<string, Registered[]>()
  for (const { agent_id, id, seq } of rows) {
    const one = { deviceId: id, seq: seq ?? 0 }
    const before = byAgent.get(agent_id)
    if (before) before.push(one)
    else byAgent.set(agent_id, [one])
  }
  return byAgent
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

function toRow(agentId: string, device: InventoryDevice, foundAt: Date) {
  return {
    agent_id: agentId,
    device_id: device.deviceId,
    name: storable(device.name),
    driver: storable(device.driver),
    mfr: storable(device.mfr),
    model: storable(device.model),
    serial: storable(device.serial),
    firmware: storable(device.firmware),
    commands: device.commands.map(storable),
    settings: device.settings.map(storable),
    claim_hash: device.claim?.hash ?? null,
    claim_expires_at: device.claim ? new Date(device.claim.expiresAt).toISOString() : null,
    found_at: foundAt.toISOString(),
  }
}

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}
