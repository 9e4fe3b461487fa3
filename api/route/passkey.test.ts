import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { relyingPartyOf } from '../second-factor/passkey.ts'
import { SoftAuthenticator } from '../support/authenticator.ts'
import { type Answer, clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import { eventsOf, join, joinForces, letRecentPass, type Somebody, signIn, somebody } from '../support/person.ts'

let harness: Harness
let site: { origin: string; rpId: string }
beforeAll(async () => {
  harness = await startHarness()
  site = { origin: harness.api.httpUrl.replace('127.0.0.1', 'localhost'), rpId: 'localhost' }
})
afterAll(() => harness.stop())

type Lies = Parameters<SoftAuthenticator['authenticate']>[1]

async function register(person: Somebody, key = new SoftAuthenticator(site), lies: Lies = {}) {
  const { body } = await person.call('POST', '/account/passkeys/options')
  const response = key.register(body.options, lies)
  const answer = await person.call('POST', '/account/passkeys', { challenge: body.challenge, response, name: 'Key' })
  return { key, answer, challenge: body.challenge, response }
}

async function signInBy(key: SoftAuthenticator, lies: Lies = {}): Promise<Answer> {
  const { body } = await clientOf(harness.api)('POST', '/sessions/passkey/options')
  const response = key.authenticate(body.options, lies)
  return clientOf(harness.api)('POST', '/sessions/passkey', { challenge: body.challenge, response })
}

describe('registering a passkey', () => {
  test('it is listed, told of by mail, brings recovery codes, and renews the session', async () => {
    const person = await join(harness)
    const { answer } = await register(person)
    expect(answer.status).toBe(201)
    expect(answer.body.codes).toHaveLength(10)
    expect((await mailTo(harness.api, person.email)).subject).toBe('A passkey was added')
    expect((await person.call('GET', '/account')).status).toBe(401)
    const renewed = somebody(harness, person.email, answer.body.session)
    const { passkeys } = (await renewed.call('GET', '/account/security')).body
    expect(passkeys).toMatchObject([{ name: 'Key', lastUsedAt: null }])
    const second = await register(renewed)
    expect(second.answer.body.codes).toEqual([])
  })

  test.each<[what: string, lies: Lies]>([
    ['for another site', { origin: 'https://evil.example' }],
    ['for another name', { rpId: 'evil.example' }],
    ['without a PIN, a finger or a face', { isVerified: false }],
  ])('%s it is refused', async (_what, lies) => {
    const { answer } = await register(await join(harness), undefined, lies)
    expect([answer.status, answer.body.code]).toEqual([422, 'passkey-refused'])
  })

  test('a challenge works once, for the account that began, and not for long [ASVS 6.6.2]', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    const { body } = await ann.call('POST', '/account/passkeys/options')
    const response = new SoftAuthenticator(site).register(body.options)
    const sent = { challenge: body.challenge, response, name: 'Key' }
    expect((await bob.call('POST', '/account/passkeys', sent)).body.code).toBe('code-expired')
    const { answer, challenge, response: again } = await register(ann)
    const renewed = somebody(harness, ann.email, answer.body.session)
    expect(
      (await renewed.call('POST', '/account/passkeys', { challenge, response: again, name: 'Key' })).body.code,
    ).toBe('code-expired')
    await harness.database.db.updateTable('challenge').set({ expires_at: new Date() }).execute()
    expect((await renewed.call('POST', '/account/passkeys', sent)).body.code).toBe('code-expired')
  })

  test('a passkey belongs to one account: nobody else can register it or swap its key [ASVS 6.7.1]', async () => {
    const { key } = await register(await join(harness))
    const { answer } = await register(await join(harness, 'Bob'), key)
    expect([answer.status, answer.body.code]).toEqual([409, 'passkey-known'])
  })
})

describe('signing in with a passkey', () => {
  test('it signs in by itself, without a password [ASVS 6.3.3]', async () => {
    const person = await join(harness)
    const { key } = await register(person)
    const { status, body } = await signInBy(key)
    expect([status, body.account.email]).toEqual([201, person.email])
    const { items } = (await clientOf(harness.api, body.token)('GET', '/sessions')).body
    expect(items[0].factors).toEqual(['passkey'])
  })

  test('challenges are random, at least 64 bits of them, and none comes twice [ASVS 6.7.2]', async () => {
    const seen = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const { body } = await clientOf(harness.api)('POST', '/sessions/passkey/options')
      expect(Buffer.from(body.options.challenge, 'base64url').length).toBeGreaterThanOrEqual(8)
      seen.add(body.options.challenge)
    }
    expect(seen.size).toBe(20)
  })

  test.each<[what: string, lies: Lies]>([
    ['for another site', { origin: 'https://evil.example' }],
    ['for another name', { rpId: 'evil.example' }],
    ['without a PIN, a finger or a face', { isVerified: false }],
  ])('%s it is refused', async (_what, lies) => {
    const { key } = await register(await join(harness))
    const { status, body } = await signInBy(key, lies)
    expect([status, body.code]).toEqual([422, 'passkey-refused'])
  })

  test('one whose counter has not grown may have been copied, and is refused', async () => {
    const { key } = await register(await join(harness))
    expect((await signInBy(key, { counter: 5 })).status).toBe(201)
    expect((await signInBy(key, { counter: 5 })).body.code).toBe('passkey-refused')
    expect((await signInBy(key, { counter: 4 })).body.code).toBe('passkey-refused')
    expect((await signInBy(key, { counter: 6 })).status).toBe(201)
  })

  test('an answer signs in once, also when it comes twice at the same moment [ASVS 6.5.1]', async () => {
    const { key } = await register(await join(harness))
    const { body } = await clientOf(harness.api)('POST', '/sessions/passkey/options')
    const sent = { challenge: body.challenge, response: key.authenticate(body.options) }
    const send = () => clientOf(harness.api)('POST', '/sessions/passkey', sent)
    const answers = await Promise.all([send(), send(), send()])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 410, 410])
  })

  test('a key that nobody registered, and one of a deactivated account, are refused and written down [ASVS 6.5.7]', async () => {
    const person = await join(harness)
    const { key } = await register(person)
    const stranger = new SoftAuthenticator(site)
    expect((await signInBy(stranger)).body.code).toBe('passkey-refused')
    await joinForces(harness, person, await join(harness, 'Bob'))
    await harness.database.db.updateTable('account').set({ active: false }).where('id', '=', person.accountId).execute()
    expect((await signInBy(key)).body.code).toBe('passkey-refused')
    const refused = (await eventsOf(harness, null)).filter(({ outcome }) => outcome === 'refused')
    expect(refused).toContainEqual({
      kind: 'session.started',
      outcome: 'refused',
      subject: { method: 'passkey', code: 'passkey-refused' },
    })
  })

  test('what is no answer at all is refused, not an error of ours', async () => {
    const { body } = await clientOf(harness.api)('POST', '/sessions/passkey/options')
    for (const response of [
      {},
      { id: '🦆' },
      {
        id: 'a',
        rawId: 'a',
        type: 'public-key',
        response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' },
      },
    ]) {
      const answer = await clientOf(harness.api)('POST', '/sessions/passkey', { challenge: body.challenge, response })
      expect(answer.body.code).toBe('passkey-refused')
    }
  })
})

test('after the password it is the second step, bound to the account and the request [ASVS 6.6.2]', async () => {
  const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
  const [annKey, bobKey] = [(await register(ann)).key, (await register(bob)).key]
  const finish = (pending: string, response: unknown) =>
    clientOf(harness.api)('POST', '/sessions/second-factor', { pending, method: 'passkey', response })
  const { status, body } = await signIn(harness, ann.email)
  expect([status, body.methods]).toEqual([202, ['passkey', 'recovery']])
  expect((await finish(body.pending, bobKey.authenticate(body.passkey))).body.code).toBe('passkey-refused')
  const another = (await signIn(harness, ann.email)).body
  expect((await finish(another.pending, annKey.authenticate(body.passkey))).body.code).toBe('passkey-refused')
  expect((await finish(body.pending, annKey.authenticate(body.passkey))).status).toBe(201)
  expect((await finish(body.pending, annKey.authenticate(body.passkey))).body.code).toBe('code-expired')
})

test('it shows again who one is, its own account only', async () => {
  const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
  const { key, answer } = await register(ann)
  const bobKey = (await register(bob)).key
  const renewed = somebody(harness, ann.email, answer.body.session)
  await letRecentPass(harness, ann)
  const stepUp = async (by: SoftAuthenticator) => {
    const { body } = await clientOf(harness.api)('POST', '/sessions/passkey/options')
    return renewed.call('POST', '/sessions/current/step-up', {
      challenge: body.challenge,
      response: by.authenticate(body.options),
    })
  }
  expect((await stepUp(bobKey)).body.code).toBe('passkey-refused')
  expect((await stepUp(key)).status).toBe(200)
})

test('a removed passkey opens nothing [ASVS 6.5.6]', async () => {
  const ann = await join(harness)
  const { key, answer } = await register(ann)
  const renewed = somebody(harness, ann.email, answer.body.session)
  const [{ id }] = (await renewed.call('GET', '/account/security')).body.passkeys
  const bob = await join(harness, 'Bob')
  expect((await bob.call('DELETE', `/account/passkeys/${id}`)).status).toBe(404)
  expect((await renewed.call('DELETE', `/account/passkeys/${id}`)).status).toBe(204)
  expect((await signInBy(key)).body.code).toBe('passkey-refused')
  expect((await signIn(harness, ann.email)).status).toBe(201)
})

test.each<[publicUrl: string, id: string, origin: string]>([
  ['https://power.example', 'power.example', 'https://power.example'],
  ['https://power.example:8443', 'power.example', 'https://power.example:8443'],
  ['http://127.0.0.1:8080', 'localhost', 'http://localhost:8080'],
  ['http://[::1]:8080', 'localhost', 'http://localhost:8080'],
])('at %s passkeys belong to %s', (publicUrl, id, origin) => {
  expect(relyingPartyOf(publicUrl)).toEqual({ id, origins: [origin] })
})

test('by an address there are no passkeys, and that is said', () => {
  expect(() => relyingPartyOf('http://192.0.2.1:8080')).toThrow('PUBLIC_URL')
})
