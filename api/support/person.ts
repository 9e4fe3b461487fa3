// People who use the API as anybody does: they sign up, read their mail, sign in, set up an authenticator.
import { codeAt } from '../second-factor/totp.ts'
import { type Answer, type Client, clientOf, codeIn, type Harness, mailTo } from './harness.ts'

export const PASSWORD = 'correct horse battery staple'

export type Somebody = {
  readonly email: string
  readonly accountId: string
  readonly token: string
  readonly call: Client
}

let count = 0

export const newAddress = (name = 'person') => `${name}${++count}@example.org`

export async function join(harness: Harness, name = 'Ann', email = newAddress(name.toLowerCase())): Promise<Somebody> {
  const anybody = clientOf(harness.api)
  await anybody('POST', '/accounts', { email, password: PASSWORD, name })
  const code = codeIn((await mailTo(harness.api, email)).text)
  const { body } = await anybody('POST', '/accounts/verify', { email, code })
  return somebody(harness, email, body)
}

export function somebody(harness: Harness, email: string, answer: Answer['body']): Somebody {
  return { email, accountId: answer.account.id, token: answer.token, call: clientOf(harness.api, answer.token) }
}

export function signIn(harness: Harness, email: string, password = PASSWORD, headers = {}): Promise<Answer> {
  return clientOf(harness.api)('POST', '/sessions', { email, password }, headers)
}

export type Authenticator = { readonly secret: string; readonly codes: readonly string[]; readonly person: Somebody }

/** Sets up an authenticator; the person goes on under the token that it brings. */
export async function addAuthenticator(harness: Harness, person: Somebody): Promise<Authenticator> {
  const { body: offer } = await person.call('POST', '/account/totp')
  const { body } = await person.call('POST', '/account/totp/confirm', { code: codeAt(offer.secret, Date.now()) })
  return { secret: offer.secret, codes: body.codes, person: somebody(harness, person.email, body.session) }
}

/** As if the last code had been long ago: a test does not wait for the next half minute. */
export async function forgetSteps(harness: Harness, { accountId }: Somebody): Promise<void> {
  await harness.database.db.updateTable('totp').set({ last_step: 0 }).where('account_id', '=', accountId).execute()
}

/** As if it had been shown longer ago than ten minutes who this is. */
export async function letRecentPass(harness: Harness, { accountId }: Somebody): Promise<void> {
  const at = new Date(Date.now() - 11 * 60_000)
  await harness.database.db
    .updateTable('session')
    .set({ authenticated_at: at })
    .where('account_id', '=', accountId)
    .execute()
}

export type Logged = { readonly kind: string; readonly outcome: string; readonly subject: Record<string, unknown> }

/** What the event log holds about an account, or what nobody who was signed in did, the newest last. */
export async function eventsOf(harness: Harness, accountId: string | null): Promise<Logged[]> {
  return harness.database.db
    .selectFrom('event')
    .select(['kind', 'outcome', 'subject'])
    .where('account_id', accountId === null ? 'is' : '=', accountId)
    .orderBy('seq')
    .execute() as Promise<Logged[]>
}

/** Both are owners of the first one's company from here on. */
export async function joinForces(harness: Harness, first: Somebody, second: Somebody): Promise<string> {
  const { db } = harness.database
  const { company_id } = await db
    .selectFrom('account')
    .select('company_id')
    .where('id', '=', first.accountId)
    .executeTakeFirstOrThrow()
  await db.updateTable('account').set({ company_id }).where('id', '=', second.accountId).execute()
  return company_id
}
