// Work that is done to be undone.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/**
 * Does the work and takes it back, so that the time tells nobody whether it was needed. Inside a transaction, and never
 * two of them inside one another.
 */
export async function asIf(tx: Db, work: () => Promise<unknown>): Promise<void> {
  await sql`savepoint as_if`.execute(tx)
  await work()
  await sql`rollback to savepoint as_if`.execute(tx)
  await sql`release savepoint as_if`.execute(tx)
}
