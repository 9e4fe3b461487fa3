// Sessions: how they begin, what they are worth, and when they end.
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '@ridethrough/api/support/harness.ts'
import { IDLE_MS } from '@ridethrough/db/query/credential.ts'
import { mintToken } from '@ridethrough/db/token.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'

const PASSWORD = 'vexing quartz jumble'
const DAY_MS = 24 * 3_600_000

let harness: Harness
let email: string

beforeAll(async () => {
  harness = await startHarness()
  email = 'sam@example.org'
  await clientOf(harness.api)('POST', '/accounts', { email, password: PASSWORD, name: 'Sam' })
  const code = codeIn((await mailTo(harness.api, email)).text)
  await clientOf(harness.api)('POST', '/accounts/verify', { email, code })
})
afterAll(() => harness.stop())

async function signIn(headers: Record<string, string> = {}) {
  const {
    status,
    body,
    headers: answered,
  } = await clientOf(harness.api)('POST', '/sessions', { email, password: PASSWORD }, headers)
  expect(status).toBe(201)
  return { token: String(body.token), expiresAt: Date.parse(body.expiresAt), cookie: answered.get('set-cookie') ?? '' }
}

const statusWith = async (token: string) => (await clientOf(harness.api, token)('GET', '/account')).status

async function setSession(token: string, columns: Record<string, Date>): Promise<void> {
  const { items } = (await clientOf(harness.api, token)('GET', '/sessions')).body
  const { id } = items.find((one: { isCurrent: boolean }) => one.isCurrent)
  await harness.database.db.updateTable('session').set(columns).where('id', '=', id).execute()
}

test('a token that the server never made, or that was altered by a letter, opens nothing [ASVS 7.2.1]', async () => {
  const { token } = await signIn()
  const last = token.at(-1) === 'A' ? 'B' : 'A'
  for (const wrong of [mintToken().token, `${token.slice(0, -1)}${last}`, `${token}A`, '', 'null', 'rt_']) {
    expect(await statusWith(wrong)).toBe(401)
  }
  expect(await statusWith(token)).toBe(200)
})

test('each sign-in gives a token of its own [ASVS 7.2.2]', async () => {
  const tokens = [await signIn(), await signIn(), await signIn()].map(({ token }) => token)
  expect(new Set(tokens).size).toBe(3)
})

test('tokens hold 256 random bits, and the database keeps only their hash [ASVS 7.2.3]', async () => {
  const { token } = await signIn()
  expect(Buffer.from(token.replace(/^rt_/, ''), 'base64url')).toHaveLength(32)
  const many = Array.from({ length: 2000 }, () => Buffer.from(mintToken().token.slice(3), 'base64url'))
  expect(new Set(many.map((one) => one.toString('hex'))).size).toBe(2000)
  // Each of the 256 bits is set in about half of them: five standard deviations at most.
  for (let bit = 0; bit < 256; bit += 1) {
    const set = many.filter((one) => ((one[bit >> 3] ?? 0) >> (bit & 7)) & 1).length
    expect(Math.abs(set - 1000)).toBeLessThan(112)
  }
  const rows = await harness.database.db.selectFrom('session').selectAll().execute()
  expect(JSON.stringify(rows)).not.toContain(token.slice(3))
})

test('a session that was not used for a week is over, and one that was used goes on [ASVS 7.3.1]', async () => {
  const [idle, used] = [await signIn(), await signIn()]
  await setSession(idle.token, { last_used_at: new Date(Date.now() - IDLE_MS - 1000) })
  await setSession(used.token, { last_used_at: new Date(Date.now() - IDLE_MS + 60_000) })
  expect(IDLE_MS).toBe(7 * DAY_MS)
  expect(await statusWith(idle.token)).toBe(401)
  expect(await statusWith(used.token)).toBe(200)
})

test('a session ends after thirty days, however much it is used [ASVS 7.3.2]', async () => {
  const { token, expiresAt } = await signIn()
  expect(Math.abs(expiresAt - Date.now() - 30 * DAY_MS)).toBeLessThan(60_000)
  await setSession(token, { expires_at: new Date(Date.now() - 1000), last_used_at: new Date() })
  expect(await statusWith(token)).toBe(401)
})

test('signing out ends the session on the server, not only in the browser [ASVS 7.4.1]', async () => {
  const { token } = await signIn()
  const other = await signIn()
  expect((await clientOf(harness.api, token)('DELETE', '/sessions/current')).status).toBe(204)
  expect(await statusWith(token)).toBe(401)
  expect(await statusWith(other.token)).toBe(200)
})

test('the cookie of a session cannot be read by scripts, nor sent along by other sites', async () => {
  const { cookie } = await signIn()
  expect(cookie).toMatch(/^rt=rt_[\w-]{43};/)
  expect(cookie).toMatch(/; HttpOnly/)
  expect(cookie).toMatch(/; SameSite=Lax/)
})

test('no other site and no link begins a session: it takes a request of our own pages [ASVS 7.6.2]', async () => {
  const foreign = await clientOf(harness.api)(
    'POST',
    '/sessions',
    { email, password: PASSWORD },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  )
  expect([foreign.status, foreign.body.code]).toEqual([403, 'origin-refused'])
  expect(foreign.headers.get('set-cookie')).toBeNull()
  const { body: api } = await clientOf(harness.api)('GET', '//api/openapi.json')
  for (const [path, methods] of Object.entries<Record<string, unknown>>(api.paths)) {
    if (!methods.get) continue
    const concrete = path.replace('/api/v1', '').replace(/\{\w+\}/g, '00000000-0000-7000-8000-000000000000')
    const answer = await clientOf(harness.api)('GET', path.startsWith('/api/v1') ? concrete : `/${path}`)
    expect([path, answer.headers.get('set-cookie')]).toEqual([path, null])
  }
})
