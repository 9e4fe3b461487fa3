// What agents would have reported, written as the broker writes it.
import { createHash, randomUUID } from 'node:crypto'
import type { Db } from '@ridethrough/db/schema.ts'
import { normaliseCode } from '@ridethrough/protocol/code.ts'
import type { TestAgent } from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'

export async function report(
  db: Db,
  deviceId: string,
  seq: number,
  variables: Record<string, number | string>,
  options: { at?: Date; status?: string } = {},
): Promise<void> {
  const at = options.at ?? new Date()
  const status = options.status ?? 'OL'
  const values = JSON.stringify(variables)
  await db.transaction().execute(async (tx) => {
    await tx
      .insertInto('sample')
      .values({ device_id: deviceId, seq, at, received_at: new Date(), status, variables: values, problem: null })
      .execute()
    const state = {
      seq,
      at,
      received_at: new Date(),
      status,
      variables: values,
      problem: null,
      problem_since: null,
      problem_detail: null,
    }
    await tx
      .insertInto('device_state')
      .values({ device_id: deviceId, ...state })
      .onConflict((conflict) => conflict.column('device_id').doUpdateSet(state))
      .execute()
    await sql`select pg_notify('device_state', ${deviceId})`.execute(tx)
  })
}

export async function setAgentOnline(db: Db, agent: TestAgent, online: boolean): Promise<void> {
  await db.updateTable('agent').set({ online, seen_at: new Date() }).where('id', '=', agent.agentId).execute()
  await sql`select pg_notify('agent_state', ${agent.agentId})`.execute(db)
}

/** A device that waits to be claimed; its id. */
export async function offerDevice(db: Db, agent: TestAgent, code: string, expiresAt: Date): Promise<string> {
  const id = randomUUID()
  await db
    .insertInto('agent_device')
    .values({
      device_id: id,
      agent_id: agent.agentId,
      name: 'rack-4',
      driver: 'ups-mib',
      mfr: 'Test',
      model: 'T1',
      serial: id.slice(0, 8),
      firmware: '1',
      commands: [],
      settings: [],
      claim_hash: createHash('sha256').update(normaliseCode(code)).digest(),
      claim_expires_at: expiresAt,
    })
    .execute()
  return id
}
