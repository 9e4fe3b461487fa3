// From where an account has signed in before.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type Place = {
  /** `203.0.113.0/24`. */
  readonly network: string
  /** "Firefox". */
  readonly browser: string
}

/** `new` is news only to an account that has signed in from somewhere else before: the first place of all is `first`. */
export async function seePlace(tx: Db, accountId: string, place: Place, at: Date): Promise<'known' | 'new' | 'first'> {
  const { rows } = await sql<{ seen: boolean; others: boolean }>`
    with others as (select exists (select from known_place where account_id = ${accountId}) as others),
    seen as (
      insert into known_place (account_id, place, first_seen_at, last_seen_at) values (${accountId}, ${keyOf(place)}, ${at}, ${at})
      on conflict (account_id, place) do update set last_seen_at = excluded.last_seen_at
      returning xmax <> 0 as seen
    )
    select seen, others from seen, others`.execute(tx)
  const row = rows[0]
  if (row?.seen) return 'known'
  return row?.others ? 'new' : 'first'
}

/** Whether the account with this id, or this address, has signed in from this network. The same work for unknown ones. */
export async function isKnownNetwork(
  db: Db,
  whose: { readonly folded: string } | { readonly accountId: string },
  network: string,
): Promise<boolean> {
  const account = 'folded' in whose ? sql`a.email_folded = ${whose.folded}` : sql`a.id = ${whose.accountId}`
  const { rows } = await sql<{ known: boolean }>`
    select exists (
      select from known_place p join account a on a.id = p.account_id
      where ${account} and split_part(p.place, ' ', 1) = ${network}
    ) as known`.execute(db)
  return rows[0]?.known ?? false
}

function keyOf({ network, browser }: Place): string {
  return `${network} ${browser}`
}
