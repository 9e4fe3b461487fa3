// A company may ask for a second factor of everybody in it.
import type { LockedAccount } from '@ridethrough/db/query/account-change.ts'
import { findCompany } from '@ridethrough/db/query/company.ts'
import { hasSecondFactor, type SecondFactors } from '@ridethrough/db/query/second-factor.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'

/** Throws when the company asks for a second factor and `left` holds none. */
export async function checkOneStays(tx: Db, { companyId }: LockedAccount, left: SecondFactors): Promise<void> {
  if (hasSecondFactor(left)) return
  const company = await findCompany(tx, companyId)
  if (!company?.requiresSecondFactor) return
  throw new Fault(
    'second-factor-required',
    'Your company asks for a second factor: add another one before you remove this',
  )
}
