// What being in a company gives somebody there.
import type { MembershipFact } from '@ridethrough/protocol/policy.ts'
import type { ExpressionBuilder } from 'kysely'
import type { Db, Schema } from '../schema.ts'

/** The fact alone, for questions that nothing but a membership answers. */
export async function findMembership(db: Db, accountId: string): Promise<MembershipFact | undefined> {
  const row = await db
    .selectFrom('account')
    .innerJoin('company', 'company.id', 'account.company_id')
    .select(['account.id', 'account.company_id', 'account.role', 'account.active', 'company.member_privileges'])
    .where('account.id', '=', accountId)
    .executeTakeFirst()
  return (
    row && {
      accountId: row.id,
      companyId: row.company_id,
      role: row.role,
      active: row.active,
      privileges: row.member_privileges,
    }
  )
}

/**
 * Until the end of the transaction nobody changes what this account is in its company, nor what members have there: for
 * whoever gives something on because of it. Companies and accounts are locked before anything else.
 */
export async function holdPlace(tx: Db, accountId: string): Promise<void> {
  const ofAccount = (eb: ExpressionBuilder<Schema, 'company'>) =>
    eb.selectFrom('account').select('account.company_id').where('account.id', '=', accountId)
  await tx
    .selectFrom('company')
    .select('id')
    .where((eb) => eb('company.id', '=', ofAccount(eb)))
    .forShare()
    .execute()
  await tx.selectFrom('account').select('id').where('id', '=', accountId).forShare().execute()
}
