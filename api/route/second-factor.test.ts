import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeAt, STEP_MS } from '../second-factor/totp.ts'
import { clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import {
  addAuthenticator,
  eventsOf,
  forgetSteps,
  join,
  letRecentPass,
  PASSWORD,
  signIn,
  somebody,
} from '../support/person.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const now = (steps = 0) => Date.now() + steps * STEP_MS
const secondStep = (pending: string, code: string, method = 'totp') =>
  clientOf(harness.api)('POST', '/sessions/second-factor', { pending, method, code })

describe('an authenticator', () => {
  test('with one, the password alone opens nothing; with its code it does [ASVS 6.3.3]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    await forgetSteps(harness, person)
    const asked = await signIn(harness, person.email)
    expect(asked.status).toBe(202)
    expect(asked.body).toMatchObject({ methods: ['totp', 'recovery'], passkey: null })
    expect(asked.headers.get('set-cookie')).toBeNull()
    expect((await clientOf(harness.api, asked.body.pending)('GET', '/account')).status).toBe(401)
    const { status, body, headers } = await secondStep(asked.body.pending, codeAt(secret, now()))
    expect([status, body.account.email]).toEqual([201, person.email])
    expect(headers.get('set-cookie')).toMatch(/^rt=rt_/)
    const { body: sessions } = await clientOf(harness.api, body.token)('GET', '/sessions')
    expect(sessions.items.find((one: { isCurrent: boolean }) => one.isCurrent).factors).toEqual(['password', 'totp'])
  })

  test('a used TOTP code is refused, that which confirmed it included [ASVS 6.5.1]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    const pending = async () => (await signIn(harness, person.email)).body.pending
    await forgetSteps(harness, person)
    const code = codeAt(secret, now())
    expect((await secondStep(await pending(), code)).status).toBe(201)
    for (const again of [code, codeAt(secret, now(-1))]) {
      const refused = await secondStep(await pending(), again)
      expect([refused.status, refused.body.code]).toEqual([401, 'second-factor-wrong'])
    }
    expect((await secondStep(await pending(), codeAt(secret, now(1)))).status).toBe(201)
  })

  test('one TOTP code signs in one of many who come with it at the same moment [ASVS 6.5.1]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    await forgetSteps(harness, person)
    const pendings = await Promise.all(
      Array.from({ length: 4 }, async () => (await signIn(harness, person.email)).body.pending),
    )
    const code = codeAt(secret, now())
    const answers = await Promise.all(pendings.map((pending) => secondStep(pending, code)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401])
  })

  test('what is pending after the password works once, for one account, and not for long [ASVS 6.6.2]', async () => {
    const ann = await addAuthenticator(harness, await join(harness))
    const bob = await addAuthenticator(harness, await join(harness, 'Bob'))
    await forgetSteps(harness, ann.person)
    await forgetSteps(harness, bob.person)
    const { pending } = (await signIn(harness, ann.person.email)).body
    expect((await secondStep(pending, codeAt(bob.secret, now()))).body.code).toBe('second-factor-wrong')
    expect((await secondStep(pending, codeAt(ann.secret, now()))).status).toBe(201)
    expect((await secondStep(pending, codeAt(ann.secret, now(1)))).body.code).toBe('code-expired')
    const late = (await signIn(harness, ann.person.email)).body.pending
    await harness.database.db.updateTable('challenge').set({ expires_at: new Date() }).execute()
    expect((await secondStep(late, codeAt(ann.secret, now(1)))).body.code).toBe('code-expired')
    expect((await secondStep(`rt_${'A'.repeat(43)}`, '000000')).body.code).toBe('code-expired')
  })

  test('guessing its codes comes to an end, also by signing in anew each time [ASVS 6.6.3]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    await forgetSteps(harness, person)
    const codes: string[] = []
    for (let round = 0; round < 3; round++) {
      const { pending } = (await signIn(harness, person.email)).body
      for (let n = 0; n < 6; n++) codes.push((await secondStep(pending, '000000')).body.code)
    }
    expect(codes.slice(0, 6)).toEqual([...Array(5).fill('second-factor-wrong'), 'too-many-tries'])
    expect(codes.filter((code) => code === 'second-factor-wrong').length).toBeLessThanOrEqual(10)
    const { pending } = (await signIn(harness, person.email)).body
    const right = await secondStep(pending, codeAt(secret, now()))
    expect([right.status, right.body.code]).toEqual([429, 'too-many-tries'])
  })

  test('a password that was reset meanwhile ends what was begun with the old one', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness))
    await forgetSteps(harness, person)
    const { pending } = (await signIn(harness, person.email)).body
    await person.call('POST', '/account/password', { current: PASSWORD, password: 'another long pass phrase' })
    expect((await secondStep(pending, codeAt(secret, now()))).body.code).toBe('code-expired')
  })

  test('an offer counts for nothing until a first code confirmed it, and is kept sealed', async () => {
    const person = await join(harness)
    const { status, body } = await person.call('POST', '/account/totp')
    expect(status).toBe(201)
    expect((await signIn(harness, person.email)).status).toBe(201)
    const row = await harness.database.db
      .selectFrom('totp')
      .selectAll()
      .where('account_id', '=', person.accountId)
      .executeTakeFirstOrThrow()
    expect(row.secret.includes(body.secret)).toBe(false)
    expect((await person.call('POST', '/account/totp/confirm', { code: '000000' })).body.code).toBe(
      'second-factor-wrong',
    )
    expect((await person.call('GET', '/account/security')).body.totp).toBeNull()
    expect((await person.call('POST', '/account/totp')).body.secret).not.toBe(body.secret)
  })

  test('it can be removed, and is told of by mail and in the log, as is adding it [ASVS 6.5.6 6.3.7]', async () => {
    const { person } = await addAuthenticator(harness, await join(harness))
    expect((await mailTo(harness.api, person.email)).subject).toBe('An authenticator was added')
    expect((await person.call('POST', '/account/totp')).body.code).toBe('authenticator-known')
    expect((await person.call('DELETE', '/account/totp')).status).toBe(204)
    expect((await mailTo(harness.api, person.email)).subject).toBe('The authenticator was removed')
    expect((await person.call('GET', '/account/security')).body).toMatchObject({ totp: null, recoveryCodesLeft: 0 })
    expect((await signIn(harness, person.email)).status).toBe(201)
    const kinds = (await eventsOf(harness, person.accountId)).map(({ kind, outcome }) => `${kind} ${outcome}`)
    expect(kinds).toEqual(expect.arrayContaining(['second-factor.added done', 'second-factor.removed done']))
  })
})

describe('recovery codes', () => {
  test('there are ten, shown once and kept as hashes; each works once [ASVS 6.5.1 6.5.2]', async () => {
    const { person, codes } = await addAuthenticator(harness, await join(harness))
    expect(new Set(codes).size).toBe(10)
    for (const code of codes) expect(code).toMatch(/^([0-9A-Z]{6}-){3}[0-9A-Z]{6}$/)
    const pending = async () => (await signIn(harness, person.email)).body.pending
    const [first = ''] = codes
    expect((await secondStep(await pending(), first.toLowerCase(), 'recovery')).status).toBe(201)
    expect((await mailTo(harness.api, person.email)).subject).toBe('A recovery code was used')
    expect((await secondStep(await pending(), first, 'recovery')).body.code).toBe('second-factor-wrong')
    expect((await person.call('GET', '/account/security')).body.recoveryCodesLeft).toBe(9)
  })

  test('new ones make the old ones void', async () => {
    const { person, codes } = await addAuthenticator(harness, await join(harness))
    const { body } = await person.call('POST', '/account/recovery-codes')
    expect(body.codes).toHaveLength(10)
    const { pending } = (await signIn(harness, person.email)).body
    expect((await secondStep(pending, codes[0] ?? '', 'recovery')).body.code).toBe('second-factor-wrong')
    expect((await secondStep(pending, body.codes[0], 'recovery')).status).toBe(201)
  })

  test('one of them signs in one of many at the same moment [ASVS 6.5.1]', async () => {
    const { person, codes } = await addAuthenticator(harness, await join(harness))
    const pendings = await Promise.all([1, 2, 3].map(async () => (await signIn(harness, person.email)).body.pending))
    const answers = await Promise.all(pendings.map((pending) => secondStep(pending, codes[1] ?? '', 'recovery')))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401])
  })
})

const GUARDED: [method: string, path: string, body?: unknown][] = [
  ['POST', '/account/totp'],
  ['POST', '/account/totp/confirm', { code: '000000' }],
  ['DELETE', '/account/totp'],
  ['POST', '/account/recovery-codes'],
  ['POST', '/account/passkeys/options'],
  ['POST', '/account/passkeys', { challenge: 'x', response: {}, name: 'key' }],
  ['DELETE', `/account/passkeys/${crypto.randomUUID()}`],
  ['POST', '/account/password', { current: PASSWORD, password: 'another long pass phrase' }],
  ['POST', '/account/email', { email: 'new@example.org' }],
  ['POST', '/account/email/confirm', { oldCode: 'x', newCode: 'y' }],
  ['DELETE', '/account', { password: PASSWORD }],
  ['POST', '/tokens', { name: 'x', privileges: ['monitor'], expiresAt: new Date(Date.now() + 1e6).toISOString() }],
]

describe('step-up', () => {
  test.each(GUARDED)('%s %s asks for a recent sign-in [ASVS 7.5.1]', async (method, path, body) => {
    const person = await join(harness)
    await letRecentPass(harness, person)
    const refused = await person.call(method, path, body)
    expect([refused.status, refused.body.code]).toEqual([403, 'step-up-needed'])
  })

  test('showing again who one is makes a new token, and ends the old one [ASVS 7.2.4]', async () => {
    const person = await join(harness)
    await letRecentPass(harness, person)
    expect((await person.call('GET', '/account/security')).body.recentUntil).toBeNull()
    const wrong = await person.call('POST', '/sessions/current/step-up', { password: 'not this one, surely' })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'credentials-wrong'])
    const { status, body } = await person.call('POST', '/sessions/current/step-up', { password: PASSWORD })
    expect(status).toBe(200)
    expect(body.token).not.toBe(person.token)
    expect((await person.call('GET', '/account')).status).toBe(401)
    const renewed = somebody(harness, person.email, body)
    expect(Date.parse((await renewed.call('GET', '/account/security')).body.recentUntil)).toBeGreaterThan(Date.now())
    expect((await renewed.call('POST', '/account/totp')).status).toBe(201)
    const kinds = (await eventsOf(harness, person.accountId)).map(({ kind, outcome }) => `${kind} ${outcome}`)
    expect(kinds).toEqual(expect.arrayContaining(['session.stepped-up refused', 'session.stepped-up done']))
  })

  test('with a second factor it takes that too', async () => {
    const { person, secret, codes } = await addAuthenticator(harness, await join(harness))
    await forgetSteps(harness, person)
    const show = (code?: string) => person.call('POST', '/sessions/current/step-up', { password: PASSWORD, code })
    expect((await show()).body).toMatchObject({ code: 'second-factor-wrong', fields: [{ path: 'code' }] })
    expect((await show('000000')).body.code).toBe('second-factor-wrong')
    const { body } = await show(codeAt(secret, now()))
    const renewed = somebody(harness, person.email, body)
    const used = { password: PASSWORD, code: codeAt(secret, now()) }
    expect((await renewed.call('POST', '/sessions/current/step-up', used)).body.code).toBe('second-factor-wrong')
    const byRecovery = { password: PASSWORD, code: codes[0] }
    expect((await renewed.call('POST', '/sessions/current/step-up', byRecovery)).status).toBe(200)
  })
})

describe('a company that asks for a second factor', () => {
  const require = (companyId: string) =>
    harness.database.db
      .updateTable('company')
      .set({ requires_second_factor: true })
      .where('id', '=', companyId)
      .execute()

  test('an account without one may only set one up, and then everything [ASVS 6.3.3]', async () => {
    const person = await join(harness)
    await require((await person.call('GET', '/account')).body.company.id)
    const { status, body } = await signIn(harness, person.email)
    expect(status).toBe(201)
    const owing = somebody(harness, person.email, body)
    for (const [method, path, sent] of [
      ['GET', '/devices'],
      ['GET', '/shares?direction=granted'],
      ['PATCH', '/account', { name: 'X' }],
      ['GET', '/tokens'],
      ['POST', '/devices/claim', { code: 'x' }],
      ['GET', '/company'],
    ] as const) {
      const refused = await owing.call(method, path, sent)
      expect([path, refused.status, refused.body.code]).toEqual([path, 403, 'second-factor-required'])
    }
    expect((await owing.call('GET', '/account/security')).body.companyRequiresSecondFactor).toBe(true)
    const { person: free } = await addAuthenticator(harness, owing)
    expect((await free.call('GET', '/devices')).status).toBe(200)
    const kept = await free.call('DELETE', '/account/totp')
    expect([kept.status, kept.body.code]).toEqual([403, 'second-factor-required'])
  })

  test('a session from before sees nothing more, live included', async () => {
    const person = await join(harness)
    await require((await person.call('GET', '/account')).body.company.id)
    expect((await person.call('GET', '/live')).body.code).toBe('second-factor-required')
  })
})

test('a company may ask for a recent sign-in wherever access is changed; an API token has none [ASVS 7.5.3]', async () => {
  const person = await join(harness)
  const { company } = (await person.call('GET', '/account')).body
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const { body } = await person.call('POST', '/tokens', { name: 'x', privileges: ['monitor', 'share'], expiresAt })
  const offer = { email: 'bob@example.org', deviceIds: [crypto.randomUUID()] }
  const askAll = async () => {
    const codes: string[] = []
    for (const call of [person.call, clientOf(harness.api, body.token)]) {
      codes.push((await call('POST', '/shares', offer)).body.code)
      codes.push((await call('DELETE', `/shares/${crypto.randomUUID()}`)).body.code)
      codes.push((await call('DELETE', `/devices/${crypto.randomUUID()}`)).body.code)
    }
    return codes
  }
  await letRecentPass(harness, person)
  expect(await askAll()).toEqual(Array(6).fill('not-found'))
  await harness.database.db
    .updateTable('company')
    .set({ requires_step_up: true })
    .where('id', '=', company.id)
    .execute()
  expect(await askAll()).toEqual(Array(6).fill('step-up-needed'))
})
