import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeAt } from '../second-factor/totp.ts'
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '../support/harness.ts'
import {
  addAuthenticator,
  eventsOf,
  forgetSteps,
  join,
  newAddress,
  PASSWORD,
  type Somebody,
  signIn,
  somebody,
} from '../support/person.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const NEW = 'another long pass phrase'
const anybody: ReturnType<typeof clientOf> = (...call) => clientOf(harness.api)(...call)

async function resetCode(email: string): Promise<string> {
  expect((await anybody('POST', '/password-resets', { email })).status).toBe(202)
  return codeIn((await mailTo(harness.api, email)).text)
}

const complete = (email: string, code: string, password = NEW) =>
  anybody('POST', '/password-resets/complete', { email, code, password })

async function makeToken({ call }: Somebody): Promise<string> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  return (await call('POST', '/tokens', { name: 'script', privileges: ['monitor'], expiresAt })).body.token
}

const isLive = async (token: string) => (await clientOf(harness.api, token)('GET', '/devices')).status === 200

describe('a forgotten password', () => {
  test('is set anew with a mailed code; all sessions and API tokens end with it [ASVS 6.4.1]', async () => {
    const person = await join(harness)
    const token = await makeToken(person)
    expect([await isLive(person.token), await isLive(token)]).toEqual([true, true])
    const code = await resetCode(person.email)
    expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/)
    const done = await complete(person.email, code)
    expect([done.status, done.headers.get('set-cookie')]).toEqual([204, null])
    expect([await isLive(person.token), await isLive(token)]).toEqual([false, false])
    expect((await signIn(harness, person.email)).status).toBe(401)
    expect((await signIn(harness, person.email, NEW)).status).toBe(201)
    expect((await mailTo(harness.api, person.email)).subject).toBe('Your password was reset')
    const events = await eventsOf(harness, person.accountId)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'password.reset', outcome: 'done' }))
  })

  test('goes around no second factor: the mailbox alone opens nothing [ASVS 6.4.3]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    expect((await complete(person.email, await resetCode(person.email))).status).toBe(204)
    const { status, body } = await signIn(harness, person.email, NEW)
    expect([status, body.methods]).toEqual([202, ['totp', 'recovery']])
    await forgetSteps(harness, person)
    const proof = { pending: body.pending, method: 'totp', code: codeAt(secret, Date.now()) }
    expect((await anybody('POST', '/sessions/second-factor', proof)).status).toBe(201)
  })

  test('the code works once, for half an hour, and the newest only [ASVS 6.5.1 6.5.5]', async () => {
    const { email } = await join(harness)
    const first = await resetCode(email)
    const second = await resetCode(email)
    expect((await complete(email, first)).body.code).toBe('code-wrong')
    expect((await complete(email, second)).status).toBe(204)
    expect((await complete(email, second, 'yet another long phrase')).body.code).toBe('code-used')
    const third = await resetCode(email)
    const { db } = harness.database
    const row = await db
      .selectFrom('email_code')
      .selectAll()
      .where('purpose', '=', 'reset-password')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow()
    expect(row.expires_at.getTime() - Date.now()).toBeLessThanOrEqual(30 * 60_000)
    expect(JSON.stringify(row)).not.toContain(third)
    await db.updateTable('email_code').set({ expires_at: new Date() }).execute()
    expect((await complete(email, third)).body.code).toBe('code-expired')
  })

  test('guessing the code ends after five tries, and a new one begins anew [ASVS 6.6.3]', async () => {
    const { email } = await join(harness)
    const code = await resetCode(email)
    const codes: string[] = []
    for (let n = 0; n < 6; n++) codes.push((await complete(email, '0000-0000')).body.code)
    expect(codes).toEqual([...Array(5).fill('code-wrong'), 'too-many-tries'])
    expect((await complete(email, code)).body.code).toBe('too-many-tries')
    expect((await complete(email, await resetCode(email))).status).toBe(204)
  })

  test('one code sets one of two passwords that come with it at the same moment', async () => {
    const { email } = await join(harness)
    const code = await resetCode(email)
    const answers = await Promise.all([complete(email, code, `${NEW} one`), complete(email, code, `${NEW} two`)])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
  })

  test('the answer is the same whether or not there is an account; the mail tells [ASVS 6.3.8]', async () => {
    const [known, unknown] = [(await join(harness)).email, newAddress('nobody')]
    const answers = []
    for (const email of [known, unknown]) {
      const { status, body, headers } = await anybody('POST', '/password-resets', { email })
      answers.push([status, { ...body, email: '' }, [...headers.keys()]])
    }
    expect(answers[0]).toEqual(answers[1])
    expect((await mailTo(harness.api, unknown)).subject).toBe('No account with this address')
    for (const email of [known, unknown]) expect((await complete(email, '0000-0000')).body.code).toBe('code-wrong')
  })

  test('nobody’s mailbox is filled: five an hour', async () => {
    const email = newAddress('flooded')
    const answers = []
    for (let n = 0; n < 6; n++) answers.push((await anybody('POST', '/password-resets', { email })).status)
    expect(answers).toEqual([202, 202, 202, 202, 202, 429])
  })

  test('whoever can read the owner’s mail is no longer held up by what others tried', async () => {
    const { email } = await join(harness)
    const { db } = harness.database
    await db.deleteFrom('known_place').execute()
    await complete(email, await resetCode(email))
    expect(await db.selectFrom('known_place').selectAll().execute()).toHaveLength(1)
  })
})

describe('changing the password', () => {
  test('takes the old one; all other sessions end, the own one goes on under a new token [ASVS 6.2.2 6.2.3 7.4.3]', async () => {
    const person = await join(harness)
    const token = await makeToken(person)
    const other = somebody(harness, person.email, (await signIn(harness, person.email)).body)
    const change = (current: string, password = NEW) => person.call('POST', '/account/password', { current, password })
    expect((await change('not this one, surely')).body.code).toBe('credentials-wrong')
    expect((await other.call('GET', '/account')).status).toBe(200)
    const { status, body, headers } = await change(PASSWORD)
    expect(status).toBe(200)
    expect(headers.get('set-cookie')).toMatch(/^rt=rt_/)
    expect([
      await isLive(other.token),
      await isLive(person.token),
      await isLive(body.token),
      await isLive(token),
    ]).toEqual([...[false, false, true, true]])
    expect((await signIn(harness, person.email)).status).toBe(401)
    expect((await signIn(harness, person.email, NEW)).status).toBe(201)
    expect((await mailTo(harness.api, person.email)).subject).toBe('Your password was changed')
    const events = await eventsOf(harness, person.accountId)
    const kinds = events.map(({ kind, outcome }) => `${kind} ${outcome}`)
    expect(kinds).toEqual(expect.arrayContaining(['password.changed refused', 'password.changed done']))
  })

  test('a sign-in with the old password that is under way meanwhile begins nothing', async () => {
    const person = await join(harness)
    const attempts = Array.from({ length: 4 }, () => signIn(harness, person.email))
    const [changed, ...answers] = await Promise.all([
      person.call('POST', '/account/password', { current: PASSWORD, password: NEW }),
      ...attempts,
    ])
    expect(changed.status).toBe(200)
    for (const { status, body } of answers) expect(status === 201 ? await isLive(body.token) : false).toBe(false)
  })
})

describe('a new password', () => {
  const sent = async (password: string) => {
    const person = await join(harness)
    return person.call('POST', '/account/password', { current: PASSWORD, password })
  }

  test.each([
    ['fewer than ten characters are refused, and the field is named [ASVS 6.2.1]', 'Zx7!kqw9', 'input-invalid'],
    ['one of the most guessed is refused, and the field is named [ASVS 6.2.4]', 'password1234', 'password-common'],
    ['the name of the product is refused, and the field is named [ASVS 6.2.11]', 'Ridethrough2026!', 'password-common'],
    ['their own name is refused, and the field is named [ASVS 6.2.11]', 'AnnAnnAnn123', 'password-common'],
  ])('%s', async (_what, password, code) => {
    const { status, body } = await sent(password)
    expect([status, body.code]).toEqual([422, code])
    expect(body.fields[0].path).toBe('password')
  })

  test.each([
    [
      '64 characters and more are taken [ASVS 6.2.9]',
      'long enough to be a whole sentence, with commas, and then some more of it 64+',
    ],
    ['letters only, of any script, are taken [ASVS 6.2.5]', 'рыбы не поют по ночам'],
  ])('%s', async (_what, password) => {
    expect((await sent(password)).status).toBe(200)
  })

  test('it is compared as typed: no case folded, nothing cut off, no space trimmed [ASVS 6.2.8]', async () => {
    const person = await join(harness)
    const password = ` Long And Mixed ${'x'.repeat(80)} end `
    await person.call('POST', '/account/password', { current: PASSWORD, password })
    const tries = [password, password.toLowerCase(), password.trim(), password.slice(0, 72), `${password}!`]
    const answers = []
    for (const one of tries) answers.push((await signIn(harness, person.email, one)).status)
    expect(answers).toEqual([201, 401, 401, 401, 401])
  })

  test('also at signing up, and at a reset', async () => {
    const email = newAddress()
    const refused = await anybody('POST', '/accounts', { email, password: 'password1234', name: 'Ann' })
    expect(refused.body.code).toBe('password-common')
    const person = await join(harness)
    const answer = await complete(person.email, await resetCode(person.email), 'password1234')
    expect(answer.body.code).toBe('password-common')
  })
})
