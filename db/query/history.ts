// The past of a device's numeric variables, averaged into as many buckets as are asked for.
import type { Span } from '@ridethrough/protocol/window-span.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type HistoryRange = Span & {
  readonly deviceId: string
  readonly variables: readonly string[]
  /** Only what was measured in these; ascending, apart from each other. */
  readonly within: readonly Span[]
  /** Width of a bucket in milliseconds. */
  readonly stepMs: number
}

/** Mean of a bucket at the mean of its samples' times, in whole milliseconds, and never where nothing may be shown. */
export type HistoryPoint = { readonly at: number; readonly value: number }

/**
 * Points of each variable, oldest first; buckets without a number are left out. What an earlier owner's registration
 * received is never read: a device starts anew with each claim.
 */
export async function readHistory(db: Db, range: HistoryRange): Promise<Map<string, HistoryPoint[]>> {
  const { rows } = await sql<{ name: string; at: number; value: number }>`
    select v.name, avg(extract(epoch from s.at))::float8 * 1000 as at, avg((s.variables ->> v.name)::float8) as value
    from sample s
    join device d on d.id = s.device_id and s.received_at >= d.created_at
    cross join unnest(${[...range.variables]}::text[]) as v(name)
    where s.device_id = ${range.deviceId}
      and s.at >= ${new Date(range.from)} and s.at < ${new Date(range.to)} and s.at <@ ${multirange(range.within)}::tstzmultirange
      and jsonb_typeof(s.variables -> v.name) = 'number'
    group by v.name, floor((extract(epoch from s.at) * 1000 - ${range.from}::float8) / ${range.stepMs}::float8)
    order by v.name, at`.execute(db)
  const series = new Map<string, HistoryPoint[]>(range.variables.map((name) => [name, []]))
  for (const { name, at, value } of rows) series.get(name)?.push({ at: placed(Math.round(at), range.within), value })
  return series
}

/**
 * The mean of two instants in different spans may lie between them: then the last instant of the span before it is taken,
 * which is still between the two.
 */
function placed(at: number, within: readonly Span[]): number {
  let [low, high] = [0, within.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((within[middle]?.from ?? 0) <= at) low = middle + 1
    else high = middle
  }
  const span = within[low - 1]
  return span && at >= span.to ? span.to - 1 : at
}

/** As PostgreSQL reads it. */
export function multirange(spans: readonly Span[]): string {
  return `{${spans.map(({ from, to }) => `[${new Date(from).toISOString()},${new Date(to).toISOString()})`).join(',')}}`
}

export const FORGET_SAMPLES = 'forget_samples'

/** What was received under an ended registration is deleted by a job: it may be years of samples. */
export async function enqueueForgetting(tx: Db, deviceId: string, before: Date): Promise<void> {
  await sql`select graphile_worker.add_job(${FORGET_SAMPLES}::text,
    json_build_object('deviceId', ${deviceId}::text, 'before', ${before.toISOString()}::text), queue_name => 'forget')`.execute(
    tx,
  )
}

/** Deletes at most `limit` samples and tells how many: call it until it is 0. */
export async function forgetSamples(db: Db, deviceId: string, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from sample using (
      select seq, at from sample where device_id = ${deviceId} and received_at < ${before} limit ${limit}
    ) old
    where sample.device_id = ${deviceId} and sample.seq = old.seq and sample.at = old.at`.execute(db)
  return Number(numAffectedRows ?? 0n)
}
