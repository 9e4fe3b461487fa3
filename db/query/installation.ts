// The installation as a whole.
import type { Db } from '../schema.ts'

/** Registered devices that are not read by this agent: with the demonstration's agent, the real ones. */
export async function countDevicesOfOthers(db: Db, agentId: string | undefined): Promise<number> {
  const { count } = await db
    .selectFrom('device')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .$if(agentId !== undefined, (query) => query.where('agent_id', '!=', agentId ?? ''))
    .executeTakeFirstOrThrow()
  return count
}
