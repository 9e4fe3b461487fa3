// A company that its last person leaves: whoever was invited by it, or had something from it, is told that it is over.
import { abandonCompany } from '@ridethrough/db/query/company.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { ApiContext } from '../context.ts'
import type { Actor } from '../event.ts'
import { endAllGuests } from '../guest/ending.ts'

/** Under its lock, when nobody is in it any more. The accounts that were its guests. */
export async function abandon(context: ApiContext, tx: Db, actor: Actor, companyId: string): Promise<string[]> {
  const guests = await endAllGuests(context, tx, actor, companyId)
  await abandonCompany(tx, companyId, new Date(actor.now))
  return guests
}
