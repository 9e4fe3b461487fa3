import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi } from '../main.ts'
import { type Client, clientOf, codeIn, configFor, type Harness, mailTo, startHarness } from '../support/harness.ts'

let harness: Harness
let anybody: Client
let logged = ''
let count = 0

const PASSWORD = 'correct horse battery staple'

beforeAll(async () => {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk)
      done()
    },
  })
  harness = await startHarness({}, pino({ level: 'trace' }, stream))
  anybody = clientOf(harness.api)
})
afterAll(() => harness.stop())

const newAddress = () => `person${++count}@example.org`

async function signUp(email: string, password = PASSWORD): Promise<string> {
  expect((await anybody('POST', '/accounts', { email, password, name: 'Ann' })).status).toBe(202)
  return codeIn((await mailTo(harness.api, email)).text)
}

async function signedUp(): Promise<{ email: string; token: string; code: string }> {
  const email = newAddress()
  const code = await signUp(email)
  const { status, body } = await anybody('POST', '/accounts/verify', { email, code })
  expect(status).toBe(201)
  return { email, token: body.token, code }
}

describe('signing up', () => {
  test('an address with an account gets the same answer, and a mail that says so', async () => {
    const { email } = await signedUp()
    const known = await anybody('POST', '/accounts', { email, password: PASSWORD, name: 'X' })
    const unknown = await anybody('POST', '/accounts', { email: newAddress(), password: PASSWORD, name: 'X' })
    expect(known.status).toBe(unknown.status)
    expect({ ...known.body, email: '' }).toEqual({ ...unknown.body, email: '' })
    expect([...known.headers.keys()]).toEqual([...unknown.headers.keys()])
    expect((await mailTo(harness.api, email)).subject).toBe('You already have an account')
  })

  test('one who signs up with a stranger’s address neither replaces nor inherits what the stranger chose', async () => {
    const email = newAddress()
    await signUp(email, 'the attacker was here first')
    const code = await signUp(email)
    const later = await signUp(email, 'the attacker comes again')
    expect((await anybody('POST', '/accounts/verify', { email, code })).status).toBe(201)
    expect((await anybody('POST', '/accounts/verify', { email, code: later })).body.code).toBe('code-wrong')
    const signIn = async (password: string) => (await anybody('POST', '/sessions', { email, password })).status
    expect(await signIn(PASSWORD)).toBe(201)
    expect(await signIn('the attacker was here first')).toBe(401)
    expect(await signIn('the attacker comes again')).toBe(401)
  })

  test.each([
    ['short password', { email: 'a@example.org', password: 'short', name: 'A' }, 'password'],
    ['no address', { email: 'a@', password: PASSWORD, name: 'A' }, 'email'],
    ['no name', { email: 'a@example.org', password: PASSWORD, name: ' ' }, 'name'],
  ])('%s: the field is named', async (_what, body, field) => {
    const answer = await anybody('POST', '/accounts', body)
    expect([answer.status, answer.body.code]).toEqual([422, 'input-invalid'])
    expect(answer.body.fields.map((one: { path: string }) => one.path)).toEqual([field])
  })
})

describe('proving an address', () => {
  test('wrong codes: the fifth is the last, for known and unknown addresses alike', async () => {
    const known = newAddress()
    const code = await signUp(known)
    const unknown = newAddress()
    for (const email of [known, unknown]) {
      const answers: string[] = []
      for (let n = 0; n < 6; n++) {
        const { body } = await anybody('POST', '/accounts/verify', { email, code: '0000-0000' })
        answers.push(body.code)
      }
      expect(answers).toEqual([...Array(5).fill('code-wrong'), 'too-many-tries'])
    }
    expect((await anybody('POST', '/accounts/verify', { email: known, code })).body.code).toBe('too-many-tries')
    await anybody('POST', '/accounts/verify/resend', { email: known })
    expect((await anybody('POST', '/accounts/verify', { email: known, code })).body.code).toBe('code-wrong')
    const fresh = codeIn((await mailTo(harness.api, known)).text)
    expect((await anybody('POST', '/accounts/verify', { email: known, code: fresh })).status).toBe(201)
  })

  test('tries are counted for all servers together', async () => {
    const email = newAddress()
    const code = await signUp(email)
    const other = await startApi(configFor(harness.database.url), pino({ level: 'silent' }))
    for (let n = 0; n < 5; n++) await anybody('POST', '/accounts/verify', { email, code: '0000-0000' })
    const answer = await clientOf(other)('POST', '/accounts/verify', { email, code })
    expect(answer.body.code).toBe('too-many-tries')
    await other.stop()
  })

  test('a used code says so, to whoever has it', async () => {
    const { email, code } = await signedUp()
    const used = await anybody('POST', '/accounts/verify', { email, code })
    expect([used.status, used.body.code]).toEqual([409, 'code-used'])
  })

  test('an expired code says so, to whoever has it', async () => {
    const email = newAddress()
    const code = await signUp(email)
    await harness.database.db
      .updateTable('email_code')
      .set({ expires_at: new Date(0) })
      .execute()
    const expired = await anybody('POST', '/accounts/verify', { email, code })
    expect([expired.status, expired.body.code]).toEqual([410, 'code-expired'])
    expect((await anybody('POST', '/accounts/verify', { email, code: '0000-0000' })).body.code).toBe('code-wrong')
  })
})

describe('signing in', () => {
  test('a wrong password, an unknown and an unproved address are one answer', async () => {
    const { email } = await signedUp()
    const unproved = newAddress()
    await signUp(unproved)
    const bodies = [
      { email, password: 'not this one, surely' },
      { email: newAddress(), password: PASSWORD },
      { email: unproved, password: PASSWORD },
    ]
    const answers = await Promise.all(bodies.map((body) => anybody('POST', '/sessions', body)))
    for (const answer of answers) {
      expect([answer.status, answer.body]).toEqual([401, answers[0]?.body])
      expect(answer.body.code).toBe('credentials-wrong')
    }
  })

  test('guessing has to wait longer each time, many at once included; the right password then still works', async () => {
    const { email } = await signedUp()
    const wrong = { email, password: 'not this one, surely' }
    const answers = await Promise.all(Array.from({ length: 9 }, () => anybody('POST', '/sessions', wrong)))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.body.code).toBe('too-many-tries')
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    await expect
      .poll(async () => (await anybody('POST', '/sessions', { email, password: PASSWORD })).status, {
        interval: 200,
        timeout: 5000,
      })
      .toBe(201)
  })

  test('the cookie signs in, but changes nothing for a page of another site', async () => {
    const { email } = await signedUp()
    const { headers, body } = await anybody('POST', '/sessions', { email, password: PASSWORD })
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(headers.get('set-cookie')).toMatch(/^rt=rt_.*HttpOnly; SameSite=Lax/)
    const own = new URL(harness.api.httpUrl).origin
    const end = (extra: Record<string, string>) =>
      anybody('DELETE', '/sessions/current', undefined, { cookie, ...extra })
    expect((await anybody('GET', '/account', undefined, { cookie })).body.email).toBe(email)
    expect((await end({})).body.code).toBe('origin-refused')
    expect((await end({ origin: 'https://evil.example' })).body.code).toBe('origin-refused')
    expect((await end({ origin: 'null' })).body.code).toBe('origin-refused')
    expect((await end({ 'sec-fetch-site': 'cross-site' })).body.code).toBe('origin-refused')
    expect((await end({ origin: own })).status).toBe(204)
    expect((await clientOf(harness.api, body.token)('GET', '/account')).body.code).toBe('session-missing')
  })

  test('nobody is signed in by a page of another site', async () => {
    const { email } = await signedUp()
    const answer = await anybody('POST', '/sessions', { email, password: PASSWORD }, { origin: 'https://evil.example' })
    expect(answer.body.code).toBe('origin-refused')
  })
})

test.each<
  [
    what: string,
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    status: number,
    code: string,
  ]
>([
  ['malformed JSON', 'POST', '/sessions', `{"password": ${PASSWORD}`, {}, 400, 'body-malformed'],
  ['a prototype in JSON', 'POST', '/sessions', '{"__proto__": {"a": 1}}', {}, 400, 'body-malformed'],
  ['no body', 'POST', '/sessions', undefined, {}, 422, 'input-invalid'],
  ['an empty body', 'POST', '/sessions', '', {}, 422, 'input-invalid'],
  [
    'another media type',
    'POST',
    '/sessions',
    'a=b',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'media-type-unknown',
  ],
  ['much too long', 'POST', '/sessions', JSON.stringify('x'.repeat(70_000)), {}, 413, 'body-too-large'],
  ['another method', 'PUT', '/sessions', {}, {}, 405, 'method-unknown'],
  ['an unknown address', 'GET', '/nothing', undefined, {}, 404, 'not-found'],
  ['an address that cannot be decoded', 'GET', '/devices/%E0%A4%A', undefined, {}, 400, 'body-malformed'],
  ['no session', 'GET', '/account', undefined, {}, 401, 'session-missing'],
  [
    'a token of nobody',
    'GET',
    '/account',
    undefined,
    { authorization: `Bearer rt_${'A'.repeat(43)}` },
    401,
    'session-missing',
  ],
  ['no token at all', 'GET', '/account', undefined, { authorization: 'Bearer \u00ff' }, 401, 'session-missing'],
])('%s: a problem with a code', async (_what, method, path, body, headers, status, code) => {
  const answer = await anybody(method, path, body, headers)
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.headers.get('content-type')).toMatch('application/problem+json')
})

test('no secret reaches the log, refusals do', async () => {
  const { email, token, code } = await signedUp()
  await anybody('POST', '/sessions', { email, password: 'wrong but still secret' })
  await anybody('POST', '/sessions', `{"password": "malformed secret`)
  await clientOf(harness.api, token)('GET', '/account', undefined, { cookie: 'rt=rt_cookie-secret' })
  await clientOf(harness.api, token)('POST', '/devices/claim', { code: 'CLAIM-SECRET' })
  expect(logged).toMatch(/"code":"credentials-wrong"/)
  for (const secret of [
    PASSWORD,
    'still secret',
    'malformed secret',
    token,
    'cookie-secret',
    code,
    'CLAIM-SECRET',
    'rt_',
  ]) {
    expect(logged.includes(secret), `the log holds ${secret}`).toBe(false)
  }
})
