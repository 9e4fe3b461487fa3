// What a password may be, and how it is compared.
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '@ridethrough/api/support/harness.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const post = (path: string, body: unknown) => clientOf(harness.api)('POST', path, body)

const signUp = (email: string, password: string) => post('/accounts', { email, password, name: 'Some Body' })
const signIn = async (email: string, password: string) => (await post('/sessions', { email, password })).status

async function makeAccount(email: string, password: string): Promise<void> {
  expect((await signUp(email, password)).status).toBe(202)
  const code = codeIn((await mailTo(harness.api, email)).text)
  expect((await post('/accounts/verify', { email, code })).status).toBe(201)
}

test('nine characters are too few for a password, ten will do [ASVS 6.2.1]', async () => {
  expect((await signUp('short@example.org', 'xk7vqw2mz')).status).toBe(422)
  expect((await signUp('enough@example.org', 'xk7vqw2mzp')).status).toBe(202)
})

test.each([
  ['only lower case letters', 'vexingquartzjumble'],
  ['only digits', '839174620558317'],
  ['only signs', '&%{]~#|<>;:_"§'],
  ['blanks between', 'seven old goats sing'],
  ['letters of other scripts', 'сім старих козенят'],
  ['signs beyond the basic plane', '🦊🌋🎻🧊🛶🪁🧭🪵🦔🍋'],
])('%s make a password [ASVS 6.2.5]', async (_what, password) => {
  expect((await signUp(`any${Math.random()}@example.org`, password)).status).toBe(202)
})

test('a password counts as it was typed: all of it, in its case, with its blanks [ASVS 6.2.8 6.2.9]', async () => {
  const password = `  Vexing quartz ${'jumble '.repeat(25)}end `
  expect(password.length).toBeGreaterThan(128)
  await makeAccount('exact@example.org', password)
  for (const other of [password.trim(), password.slice(0, -1), password.toLowerCase(), `${password} `]) {
    expect(await signIn('exact@example.org', other)).toBe(401)
  }
  expect(await signIn('exact@example.org', password)).toBe(201)
})

test('a password of years ago still opens [ASVS 6.2.10]', async () => {
  const password = 'vexing quartz jumble'
  await makeAccount('old@example.org', password)
  const longAgo = new Date('2001-01-01T00:00:00Z')
  await harness.database.db
    .updateTable('account')
    .set({ password_changed_at: longAgo, verified_at: longAgo })
    .where('email', '=', 'old@example.org')
    .execute()
  expect(await signIn('old@example.org', password)).toBe(201)
})
