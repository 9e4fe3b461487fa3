// What agents measured: stored by day, and the newest of each device kept aside.
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { type SampleRow, toRow } from './sample-row.ts'

export type DeviceSample = { readonly deviceId: string; readonly sample: Sample }

/** A device whose newest state is now this sequence; `isFirst` when it had none before. */
export type Advance = { readonly deviceId: string; readonly seq: number; readonly isFirst: boolean }

/** What is known of a device, as the sample that an agent would send for it. */
export type NewestSample = DeviceSample

/** PostgreSQL refuses payloads of 8000 bytes; an id and its comma take 37. */
export const IDS_PER_NOTIFICATION = 200

/**
 * Stores the samples in their order and moves each device's state forward, never back. Repeats and samples of devices
 * that are not registered (any more) vanish. Tells `device_state` listeners the ids that moved (joined by commas), with the commit.
 */
export function storeSamples(db: Db, samples: readonly DeviceSample[], receivedAt: Date): Promise<Advance[]> {
  return db.transaction().execute(async (tx) => {
    const { advances } = await storeRows(
      tx,
      samples.map(({ deviceId, sample }) => toRow(deviceId, sample)),
      receivedAt,
    )
    await tellDeviceStates(tx, advances)
    return advances
  })
}

/** To be called in the transaction that moved them. */
export async function tellDeviceStates(tx: Db, advances: readonly Advance[]): Promise<void> {
  for (let at = 0; at < advances.length; at += IDS_PER_NOTIFICATION) {
    const ids = advances.slice(at, at + IDS_PER_NOTIFICATION).map(({ deviceId }) => deviceId)
    await sql`select pg_notify('device_state', ${ids.join(',')})`.execute(tx)
  }
}

export type Stored = {
  readonly advances: Advance[]
  /** How many rows of each device were not there before; a device that got none is missing. */
  readonly fresh: ReadonlyMap<string, number>
}

/** One statement that is right for all rows: repeats, strangers, problems that begin and end within them. Needs a transaction. */
export async function storeRows(tx: Db, rows: readonly SampleRow[], receivedAt: Date): Promise<Stored> {
  const { rows: answers } = await sql<Answer>`
      with incoming as (
        select * from unnest(
          ${column(rows, 'deviceId')}::uuid[], ${column(rows, 'seq')}::bigint[],
          ${sql.val(rows.map(({ at }) => new Date(at)))}::timestamptz[], ${column(rows, 'status')}::text[],
          ${column(rows, 'variables')}::jsonb[], ${column(rows, 'problem')}::text[], ${column(rows, 'detail')}::text[]
        ) as t(device_id, seq, at, status, variables, problem, detail)
      ),
      registered as (select incoming.* from incoming join device on device.id = incoming.device_id),
      stored as (
        insert into sample (device_id, seq, at, received_at, status, variables, problem)
        select device_id, seq, at, ${receivedAt}, status, variables, problem from registered
        on conflict do nothing
        returning device_id
      ),
      known as (
        select device_id, seq from device_state where device_id in (select device_id from registered) order by device_id for update
      ),
      newer as (
        select registered.* from registered left join known using (device_id) where registered.seq > coalesce(known.seq, 0)
      ),
      -- the newest of all, the newest with values, and since when the newest one's problem holds within these samples
      newest as (select distinct on (device_id) * from newer order by device_id, seq desc),
      measured as (select distinct on (device_id) * from newer where variables is not null order by device_id, seq desc),
      before_run as (
        select newest.device_id, max(newer.seq) as seq from newest join newer using (device_id)
        where newer.problem is distinct from newest.problem group by newest.device_id
      ),
      run as (
        select newest.device_id, before_run.seq is not null as starts_here, min(newer.at) as since
        from newest join newer using (device_id) left join before_run using (device_id)
        where newest.problem is not null and newer.seq > coalesce(before_run.seq, 0)
        group by newest.device_id, before_run.seq
      ),
      final as (
        select newest.device_id, newest.seq, newest.problem, newest.detail, measured.at, measured.status, measured.variables, run.since, run.starts_here
        from newest left join measured using (device_id) left join run using (device_id)
      ),
      moved as (
        update device_state as state set
          seq = final.seq, received_at = ${receivedAt},
          at = coalesce(final.at, state.at), status = coalesce(final.status, state.status), variables = coalesce(final.variables, state.variables),
          problem = final.problem, problem_detail = final.detail,
          problem_since = case
            when final.problem is null then null
            when final.problem = state.problem and not final.starts_here then state.problem_since
            else final.since end
        from final where final.device_id = state.device_id
        returning state.device_id, state.seq
      ),
      made as (
        insert into device_state (device_id, seq, at, received_at, status, variables, problem, problem_since, problem_detail)
        select device_id, seq, at, ${receivedAt}, status, coalesce(variables, '{}'), problem, since, detail
        from final where device_id not in (select device_id from known)
        on conflict do nothing
        returning device_id, seq
      )
      select device_id as "deviceId", seq, false as "isFirst", null::bigint as fresh from moved
      union all select device_id, seq, true, null::bigint from made
      union all select device_id, null::bigint, null::boolean, count(*) from stored group by device_id`.execute(tx)
  const advances: Advance[] = []
  const fresh = new Map<string, number>()
  for (const answer of answers) {
    if (answer.fresh !== null) fresh.set(answer.deviceId, answer.fresh)
    else advances.push({ deviceId: answer.deviceId, seq: answer.seq, isFirst: answer.isFirst })
  }
  return { advances, fresh }
}

type Answer = { readonly deviceId: string } & (
  | { readonly fresh: null; readonly seq: number; readonly isFirst: boolean }
  | { readonly fresh: number }
)

/** Makes the table of a day (UTC, `YYYY-MM-DD`) if it is not there. */
export async function ensureSampleDay(db: Db, day: string): Promise<void> {
  await sql`select ensure_sample_day(${day}::date)`.execute(db)
}

/** Up to `limit` devices after `afterId` (`undefined`: from the first), by id: to walk through all of them. */
export function listNewestSamples(db: Db, afterId: string | undefined, limit: number): Promise<NewestSample[]> {
  let query = newestSamples(db).orderBy('device_id').limit(limit)
  if (afterId !== undefined) query = query.where('device_id', '>', afterId)
  return query.execute().then((rows) => rows.map(toNewestSample))
}

/** Those of the devices that have a state; one that was deleted has none. */
export async function findNewestSamples(db: Db, deviceIds: readonly string[]): Promise<NewestSample[]> {
  const rows = await newestSamples(db)
    .where('device_id', '=', sql<string>`any(${[...deviceIds]}::uuid[])`)
    .execute()
  return rows.map(toNewestSample)
}

/** The present version of access, and the devices that changes after `version` concern. */
export async function devicesChangedSince(
  db: Db,
  version: number,
): Promise<{ readonly version: number; readonly deviceIds: readonly string[] }> {
  const { rows } = await sql<{ version: number; deviceIds: string[] }>`
    select version, array(select distinct unnest(devices) from access_change where access_change.version > ${version} and not confined) as "deviceIds"
    from access_clock`.execute(db)
  return rows[0] ?? { version, deviceIds: [] }
}

function newestSamples(db: Db) {
  return db
    .selectFrom('device_state')
    .select([
      'device_id',
      'seq',
      'at',
      'status',
      'variables',
      'problem',
      'problem_since',
      'problem_detail',
      'received_at',
    ])
}

type NewestRow = Awaited<ReturnType<ReturnType<typeof newestSamples>['executeTakeFirstOrThrow']>>

function toNewestSample(row: NewestRow): NewestSample {
  const seq = row.seq
  if (row.problem !== null || row.at === null || row.status === null) {
    const at = (row.problem_since ?? row.received_at).getTime()
    const problem = row.problem ?? 'no-answer'
    return { deviceId: row.device_id, sample: { kind: 'problem', seq, at, problem, detail: row.problem_detail ?? '' } }
  }
  return {
    deviceId: row.device_id,
    sample: { kind: 'values', seq, at: row.at.getTime(), status: row.status, variables: row.variables },
  }
}

function column(rows: readonly SampleRow[], name: keyof SampleRow) {
  return sql.val(rows.map((row) => row[name]))
}
