// Tries, counted for all servers together: how often somebody may be wrong before having to wait.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Waits = {
  /** Tries that cost nothing. */
  readonly free: number
  /** The wait after the first try beyond them; each further one doubles it. */
  readonly firstWaitMs: number
  readonly longestWaitMs: number
  /** After so long without a try all is forgotten. */
  readonly forgetMs: number
}

/**
 * Counts a try before its outcome is known, so that many at once cannot slip through. When it is still too early, until
 * when; then nothing is counted, so that asking again does not lengthen the wait.
 */
export async function takeTry(db: Db, key: string, waits: Waits, now: Date): Promise<Date | undefined> {
  const forgotten = new Date(now.getTime() - waits.forgetMs)
  const tries = sql`case when t.last_at <= ${forgotten} then 1 else t.failures + 1 end`
  const until = (count: ReturnType<typeof sql>) => sql`
    case when ${count} >= ${waits.free}::int then ${now}::timestamptz + interval '1 millisecond' *
      least(${waits.firstWaitMs}::float8 * power(2, least(${count} - ${waits.free}::int, 30)), ${waits.longestWaitMs}::float8) end`
  const { rows } = await sql<{ failures: number }>`
    insert into throttle as t (key, failures, last_at, blocked_until) values (${key}, 1, ${now}, ${until(sql`1`)})
    on conflict (key) do update set failures = ${tries}, last_at = excluded.last_at, blocked_until = ${until(tries)}
    where t.blocked_until is null or t.blocked_until <= ${now} or t.last_at <= ${forgotten}
    returning failures`.execute(db)
  if (rows.length > 0) return undefined
  const row = await db.selectFrom('throttle').select('blocked_until').where('key', '=', key).executeTakeFirst()
  // Gone in between: somebody was right, or it was tidied up. The next try will do.
  return row?.blocked_until ?? now
}

/** The latest instant until which one of the keys has to wait. Reads only: whoever is refused locks nothing. */
export async function findWait(db: Db, keys: readonly string[], now: Date): Promise<Date | undefined> {
  const row = await db
    .selectFrom('throttle')
    .select('blocked_until')
    .where('key', 'in', [...keys])
    .where('blocked_until', '>', now)
    .orderBy('blocked_until', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.blocked_until ?? undefined
}

/** The try was right: the key starts anew. */
export async function forgetTries(db: Db, key: string): Promise<void> {
  await db.deleteFrom('throttle').where('key', '=', key).execute()
}

/** The try was right, but others were wrong under this key: it is as if this one had not been. */
export async function giveBackTry(db: Db, key: string): Promise<void> {
  await db
    .updateTable('throttle')
    .set({ failures: sql`greatest(failures - 1, 0)`, blocked_until: null })
    .where('key', '=', key)
    .execute()
}

/** What nobody has tried for a day; a part of it at a time. */
export async function deleteOldTries(db: Db, now: Date): Promise<void> {
  const before = new Date(now.getTime() - 24 * 3_600_000)
  await sql`delete from throttle where key in (select key from throttle where last_at < ${before} limit 1000 for update skip locked)`.execute(
    db,
  )
}
