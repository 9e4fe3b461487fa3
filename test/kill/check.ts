// What was acknowledged, held against what is in the database.
import { isDeepStrictEqual } from 'node:util'
import type { Db } from '@ridethrough/db/schema.ts'
import { type KillAgent, sampleOf } from './agent.ts'

export type Finding = {
  readonly acknowledged: number
  readonly stored: number
  /** Acknowledged and not there. */
  readonly lost: number
  /** There more than once. */
  readonly twice: number
  /** There, and not what was sent. */
  readonly wrong: number
}

export async function check(db: Db, agents: readonly KillAgent[], since: number): Promise<Finding> {
  const found = { acknowledged: 0, stored: 0, lost: 0, twice: 0, wrong: 0 }
  for (const { id, acknowledged } of agents.flatMap(({ devices }) => devices)) {
    const rows = await db
      .selectFrom('sample')
      .select(['seq', 'at', 'status', 'variables', 'problem'])
      .where('device_id', '=', id)
      .execute()
    const seen = new Set<number>()
    for (const { seq, at, ...row } of rows) {
      if (seen.has(seq)) found.twice += 1
      seen.add(seq)
      if (at.getTime() !== since + seq || !isDeepStrictEqual(row, rowOf(id, seq, since))) found.wrong += 1
    }
    found.stored += rows.length
    found.acknowledged += acknowledged.size
    for (const seq of acknowledged) if (!seen.has(seq)) found.lost += 1
  }
  return found
}

function rowOf(deviceId: string, seq: number, since: number) {
  const sample = sampleOf(deviceId, seq, since)
  if (sample.kind === 'problem') return { status: null, variables: null, problem: sample.problem }
  return { status: sample.status, variables: sample.variables, problem: null }
}
