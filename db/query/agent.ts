// Agents: who they are, what they found, whether they are there.
import type { InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type AgentCredential = { readonly tokenHash: Buffer; readonly isRevoked: boolean }

export async function findAgentCredential(db: Db, agentId: string): Promise<AgentCredential | undefined> {
  const row = await db
    .selectFrom('agent')
    .select(['token_hash', 'revoked_at'])
    .where('id', '=', agentId)
    .executeTakeFirst()
  return row && { tokenHash: row.token_hash, isRevoked: row.revoked_at !== null }
}

/** An agent that nobody has claimed a device of and that stayed away this long gives its place to another. */
const UNCLAIMED_KEPT = sql`interval '1 day'`

/**
 * Writes down an agent that nobody knew, with the hash of the token that it came with. False when `limit` agents
 * without a claimed device are there already. Somebody else may have been faster: read the credential again.
 */
export function enrolAgent(db: Db, agentId: string, tokenHash: Buffer, limit: number): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // one at a time, so that many at once cannot pass the limit together
    await sql`select pg_advisory_xact_lock(hashtext('enrol_agent'))`.execute(tx)
    if ((await countUnclaimed(tx)) >= limit) {
      await deleteAbandoned(tx)
      if ((await countUnclaimed(tx)) >= limit) return false
    }
    await tx
      .insertInto('agent')
      .values({ id: agentId, token_hash: tokenHash, version: '', interval_s: 60 })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return true
  })
}

async function countUnclaimed(tx: Db): Promise<number> {
  const { count } = await unclaimed(tx)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

async function deleteAbandoned(tx: Db): Promise<void> {
  await tx
    .deleteFrom('agent')
    .where(
      'id',
      'in',
      unclaimed(tx)
        .select('agent.id')
        .where('agent.online', '=', false)
        .where('agent.seen_at', '<', sql<Date>`now() - ${UNCLAIMED_KEPT}`),
    )
    .execute()
}

function unclaimed(tx: Db) {
  return tx
    .selectFrom('agent')
    .where('agent.revoked_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('device').select('device.id').whereRef('device.agent_id', '=', 'agent.id'))),
    )
}

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
