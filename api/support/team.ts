// People in one company, made directly so that a test begins where it wants; and how tests read invitation mails.
import { moveAccount } from '@ridethrough/db/query/member.ts'
import { insertSession } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { makePerson, type Person } from '@ridethrough/test/support/world.ts'
import type { RunningApi } from '../main.ts'
import { mailTo } from './harness.ts'

/** A verified account in the company of `owner`, signed in for an hour. */
export async function makeColleague(
  db: Db,
  owner: Person,
  name: string,
  role: 'owner' | 'member' = 'member',
): Promise<Person> {
  const person = await makePerson(db, name)
  await moveAccount(db, person.accountId, { companyId: owner.companyId, role }, new Date())
  await db.deleteFrom('company').where('id', '=', person.companyId).execute()
  return { ...person, companyId: owner.companyId }
}

/** Another session of somebody: its token. */
export async function signInAgain(db: Db, accountId: string): Promise<string> {
  const expiresAt = new Date(Date.now() + 3_600_000)
  const { token } = await insertSession(db, { accountId, expiresAt, address: '127.0.0.1', userAgent: 'test' })
  return token
}

/** The code in the link of the newest mail to this address. */
export async function linkCode(api: RunningApi, email: string, id: string): Promise<string> {
  const { text } = await mailTo(api, email)
  const code = new RegExp(`/companies/invitations/${id}#code=([0-9A-Z-]+)`).exec(text)?.[1]
  if (code === undefined) throw new Error(`the newest mail to ${email} has no link to the invitation ${id}`)
  return code
}

export async function ownersOf(db: Db, companyId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('account')
    .select('id')
    .where('company_id', '=', companyId)
    .where('role', '=', 'owner')
    .where('active', '=', true)
    .execute()
  return rows.map((row) => row.id)
}
