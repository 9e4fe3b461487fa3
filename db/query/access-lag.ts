// How far is an edge behind the changes of access?
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/** `seconds`: age of the oldest change after `version`, by the database's clock; 0 when there is none. */
export async function findAccessLag(db: Db, version: number): Promise<{ changes: number; seconds: number }> {
  const { rows } = await sql<{ changes: number; seconds: number }>`
    select count(*)::int as changes,
      coalesce(greatest(extract(epoch from clock_timestamp() - min(at)), 0), 0)::float8 as seconds
    from access_change where version > ${version}`.execute(db)
  const [lag] = rows
  if (!lag) throw new Error('an aggregate has one row')
  return lag
}
