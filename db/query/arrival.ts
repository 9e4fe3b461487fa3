// What a broker tells the others: whom it has let in. By notification only; what is lost is said again by whoever listens anew.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

/** A client that has signed in at a broker; `serial` tells its connections there apart. */
export type Arrival = { readonly key: string; readonly serial: number }

/** PostgreSQL takes less than 8000 bytes at once; a key has some 150. */
const MOST_AT_ONCE = 40

/** All brokers, the one that says it too, hear of all arrivals in one order: that of the commits. */
export async function tellArrivals(db: Db, brokerId: string, arrivals: readonly Arrival[]): Promise<void> {
  const parts: string[] = []
  for (let from = 0; from < arrivals.length; from += MOST_AT_ONCE) {
    const some = arrivals.slice(from, from + MOST_AT_ONCE)
    parts.push(JSON.stringify([brokerId, some.map(({ key, serial }) => [key, serial])]))
  }
  await sql`select pg_notify('client_arrived', part) from unnest(${sql.val(parts)}::text[]) as part`.execute(db)
}

/** What `tellArrivals` has said. */
export function readArrivals(payload: string): { readonly brokerId: string; readonly arrivals: readonly Arrival[] } {
  const [brokerId, arrivals] = JSON.parse(payload) as [string, [string, number][]]
  return { brokerId, arrivals: arrivals.map(([key, serial]) => ({ key, serial })) }
}
