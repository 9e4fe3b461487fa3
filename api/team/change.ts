// A change of a company's people: made with the company locked, so that what was looked at is still so when it is written.
import type { AccessChange } from '@ridethrough/db/access.ts'
import { lockCompanies } from '@ridethrough/db/query/company.ts'
import { findPlace, listActiveOwners, lockPlace, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { changeAccess } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { faultOf } from '../problem.ts'

/** How often somebody may change company between our look and our lock before we give up. */
const ROUNDS = 5

/** The asker was moved to another company before ours was locked: what was read is void. */
class Moved extends Error {}

/** As `changeAccess`: answered once every edge has applied it. */
export function changeTeam<T>(
  context: ApiContext,
  make: (tx: Db) => Promise<{ readonly result: T; readonly change: AccessChange } | Fault>,
): Promise<{ readonly result: T; readonly access: EdgeReport }> {
  return again(() => changeAccess(context, make))
}

/** For what changes nobody's rights. A Fault that is returned lets what was written stand, such as a counted try. */
export function writeTeam<T>({ db }: Pick<ApiContext, 'db'>, make: (tx: Db) => Promise<T | Fault>): Promise<T> {
  return again(async () => {
    const made = await db.transaction().execute(make)
    if (made instanceof Fault) throw made
    return made
  })
}

/** The asker's place, with its company locked, and `others` too, until the end of the transaction. */
export async function lockOwnPlace(tx: Db, accountId: string, ...others: readonly string[]): Promise<Place> {
  const before = await findPlace(tx, accountId)
  if (!before) throw signedOut()
  await lockCompanies(tx, [before.companyId, ...others])
  const place = await lockPlace(tx, accountId)
  if (!place?.active) throw signedOut()
  if (place.companyId !== before.companyId) throw new Moved()
  return place
}

/** R42: the same, for what only owners do. Asked under the lock, so somebody who was demoted a moment ago is none. */
export async function lockOwnCompany(tx: Db, accountId: string): Promise<Place> {
  const place = await lockOwnPlace(tx, accountId)
  if (place.role !== 'owner') throw ownerNeeded()
  return place
}

/** R45: throws when nobody but this person could decide for the company. */
export async function keepOwner(tx: Db, companyId: string, without: string): Promise<void> {
  const owners = await listActiveOwners(tx, companyId)
  if (!owners.some((owner) => owner.id !== without)) {
    throw new Fault('last-owner', 'This is the only active owner of the company: make somebody else an owner first')
  }
}

export function ownerNeeded(): Fault {
  return new Fault('owner-needed', 'Only an owner of the company may do this: ask one of them')
}

function signedOut(): Fault {
  return new Fault('session-missing', 'The account is no longer there: sign in again')
}

/** PostgreSQL ended one of two that waited for each other: nothing of it stands. */
function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40P01'
}

async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof Moved) && !isDeadlock(error)) throw faultOf(error)
      if (round === ROUNDS)
        throw new Fault('store-unavailable', 'Too much changes at once: try again', { cause: error })
    }
  }
}
