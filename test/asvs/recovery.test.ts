// Passwords that are changed or forgotten, factors that are lost, and what the codes for them are worth.
import { ADDRESS_CODE, mintCode, OPERATOR_CODE, RECOVERY_CODE } from '@ridethrough/api/code.ts'
import { codeAt, STEP_MS } from '@ridethrough/api/second-factor/totp.ts'
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '@ridethrough/api/support/harness.ts'
import { addAuthenticator, forgetSteps, join, PASSWORD, signIn } from '@ridethrough/api/support/person.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'

const NEW_PASSWORD = 'vexing quartz jumble'

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const post = (path: string, body: unknown) => clientOf(harness.api)('POST', path, body)

async function reset(email: string): Promise<number> {
  await post('/password-resets', { email })
  const code = codeIn((await mailTo(harness.api, email)).text)
  return (await post('/password-resets/complete', { email, code, password: NEW_PASSWORD })).status
}

test('a password is changed with the old one and a new one, not without either [ASVS 6.2.2 6.2.3]', async () => {
  const { email, call } = await join(harness)
  const change = async (body: unknown) => (await call('POST', '/account/password', body)).status
  expect(await change({ password: NEW_PASSWORD })).toBe(422)
  expect(await change({ current: PASSWORD })).toBe(422)
  expect(await change({ current: 'not the old one', password: NEW_PASSWORD })).toBe(401)
  expect((await signIn(harness, email, PASSWORD)).status).toBe(201)
  expect(await change({ current: PASSWORD, password: NEW_PASSWORD })).toBe(200)
  expect((await signIn(harness, email, PASSWORD)).status).toBe(401)
  expect((await signIn(harness, email, NEW_PASSWORD)).status).toBe(201)
})

test('a forgotten password is reset by mail; the second factor is asked for as before [ASVS 6.4.3]', async () => {
  const { secret, person } = await addAuthenticator(harness, await join(harness))
  expect(await reset(person.email)).toBe(204)
  expect((await person.call('GET', '/account')).status).toBe(401)
  expect((await signIn(harness, person.email, PASSWORD)).status).toBe(401)
  const asked = await signIn(harness, person.email, NEW_PASSWORD)
  expect([asked.status, asked.body.token]).toEqual([202, undefined])
  await forgetSteps(harness, person)
  const proof = { pending: asked.body.pending, method: 'totp', code: codeAt(secret, Date.now()) }
  expect((await post('/sessions/second-factor', proof)).status).toBe(201)
})

test('who lost the authenticator gets in by a recovery code; a mailbox and a password alone replace it for nobody [ASVS 6.4.4]', async () => {
  const { person, codes } = await addAuthenticator(harness, await join(harness))
  await reset(person.email)
  const { body: asked } = await signIn(harness, person.email, NEW_PASSWORD)
  expect(asked.methods).toEqual(['totp', 'recovery'])
  for (const [method, path] of [
    ['POST', '/account/totp'],
    ['DELETE', '/account/totp'],
    ['POST', '/account/recovery-codes'],
  ] as const) {
    expect((await clientOf(harness.api, asked.pending)(method, path)).status).toBe(401)
  }
  const proof = { pending: asked.pending, method: 'recovery', code: codes[0] ?? '' }
  const { status, body } = await post('/sessions/second-factor', proof)
  expect(status).toBe(201)
  expect((await clientOf(harness.api, body.token)('DELETE', '/account/totp')).status).toBeLessThan(300)
  expect((await signIn(harness, person.email, NEW_PASSWORD)).status).toBe(201)
})

test('codes hold forty bits and more, each of them drawn [ASVS 6.5.4 6.5.3]', () => {
  for (const kind of [ADDRESS_CODE, RECOVERY_CODE, OPERATOR_CODE]) {
    expect(kind.characters * 5).toBeGreaterThanOrEqual(40)
    const texts = Array.from({ length: 2000 }, () => mintCode(kind).text.replaceAll('-', ''))
    expect(new Set(texts).size).toBe(2000)
    for (let place = 0; place < kind.characters; place += 1) {
      // 32 characters, each about 62 times: six standard deviations at most.
      const counts = new Map<string, number>()
      for (const text of texts) counts.set(text[place] ?? '', (counts.get(text[place] ?? '') ?? 0) + 1)
      expect(counts.size).toBe(32)
      for (const count of counts.values()) expect(Math.abs(count - 62.5)).toBeLessThan(47)
    }
  }
})

test('the time of a TOTP code is the server’s, whatever the request says of it [ASVS 6.5.8]', async () => {
  const { secret, person } = await addAuthenticator(harness, await join(harness))
  await forgetSteps(harness, person)
  const hourAgo = new Date(Date.now() - 120 * STEP_MS)
  const code = codeAt(secret, hourAgo.getTime())
  const { body: asked } = await signIn(harness, person.email)
  const proof = { pending: asked.pending, method: 'totp', code }
  const claims = {
    date: hourAgo.toUTCString(),
    'x-date': hourAgo.toISOString(),
    'x-timestamp': String(hourAgo.getTime()),
  }
  const answer = await clientOf(harness.api)('POST', '/sessions/second-factor', proof, claims)
  expect([answer.status, answer.body.code]).toEqual([401, 'second-factor-wrong'])
  for (const name of ['time', 'at', 'now', 'timestamp']) {
    expect((await post('/sessions/second-factor', { ...proof, [name]: hourAgo.toISOString() })).status).toBe(422)
  }
})
