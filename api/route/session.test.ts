import { once } from 'node:events'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import { eventsOf, join, PASSWORD, type Somebody, signIn, somebody } from '../support/person.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
})
afterAll(() => harness.stop())

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const from = (address: string, userAgent = FIREFOX) => ({ 'x-forwarded-for': address, 'user-agent': userAgent })

async function another(person: Somebody, headers = {}): Promise<Somebody> {
  return somebody(harness, person.email, (await signIn(harness, person.email, PASSWORD, headers)).body)
}

async function watch({ token }: Somebody): Promise<WebSocket> {
  const url = `${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
  await once(socket, 'open')
  // Answered once the viewer is served.
  socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
  await once(socket, 'message')
  return socket
}

describe('the sessions of an account', () => {
  test('are listed with where and with what they began, the own one marked [ASVS 7.5.2]', async () => {
    const person = await join(harness)
    const origin = new URL(harness.api.httpUrl).origin
    await signIn(harness, person.email, PASSWORD, { ...from('203.0.113.7'), origin })
    const { items } = (await person.call('GET', '/sessions')).body
    expect(items).toHaveLength(2)
    const other = items.find((one: { isCurrent: boolean }) => !one.isCurrent)
    expect(other).toMatchObject({
      kind: 'browser',
      address: '203.0.113.7',
      device: 'Firefox on Linux',
      factors: ['password'],
    })
    const own = items.find((one: { isCurrent: boolean }) => one.isCurrent)
    expect(own).toMatchObject({ kind: 'program', factors: ['address'] })
    expect(JSON.stringify(items)).not.toContain('rt_')
  })

  test('any of them can be ended; its live connection ends with it [ASVS 7.5.2 7.4.1]', async () => {
    const person = await join(harness)
    const other = await another(person)
    const socket = await watch(other)
    const { items } = (await person.call('GET', '/sessions')).body
    const { id } = items.find((one: { isCurrent: boolean }) => !one.isCurrent)
    const closed = once(socket, 'close')
    expect((await person.call('DELETE', `/sessions/${id}`)).status).toBe(204)
    expect((await closed)[0]).toBe(LIVE_CLOSE.signedOut)
    expect((await other.call('GET', '/account')).status).toBe(401)
    expect((await person.call('GET', '/account')).status).toBe(200)
    expect((await person.call('DELETE', `/sessions/${id}`)).status).toBe(404)
  })

  test('the others can be ended at once, or all [ASVS 7.4.3 7.5.2]', async () => {
    const person = await join(harness)
    const others = [await another(person), await another(person)]
    expect((await person.call('DELETE', '/sessions')).status).toBe(204)
    for (const other of others) expect((await other.call('GET', '/account')).status).toBe(401)
    expect((await person.call('GET', '/sessions')).body.items).toHaveLength(1)
    const last = await another(person)
    expect((await person.call('DELETE', '/sessions?scope=all')).status).toBe(204)
    for (const one of [person, last]) expect((await one.call('GET', '/account')).status).toBe(401)
  })

  test('nobody ends, or sees, those of somebody else [ASVS 8.2.2]', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    const { id } = (await ann.call('GET', '/sessions')).body.items[0]
    expect((await bob.call('DELETE', `/sessions/${id}`)).status).toBe(404)
    expect((await bob.call('GET', '/sessions')).body.items).toHaveLength(1)
    expect((await ann.call('GET', '/account')).status).toBe(200)
  })

  test('each sign-in makes a token of its own, of 256 random bits, of which only a hash is kept [ASVS 7.2.2 7.2.3]', async () => {
    const person = await join(harness)
    const tokens = [person.token, (await another(person)).token, (await another(person)).token]
    expect(new Set(tokens).size).toBe(3)
    for (const token of tokens) expect(token).toMatch(/^rt_[\w-]{43}$/)
    const rows = await harness.database.db
      .selectFrom('session')
      .selectAll()
      .where('account_id', '=', person.accountId)
      .execute()
    expect(JSON.stringify(rows)).not.toContain(tokens[0]?.slice(3))
  })

  test('a session unused for seven days is over, and so is one of thirty days [ASVS 7.3.1 7.3.2]', async () => {
    const person = await join(harness)
    const set = (column: 'last_used_at' | 'expires_at', ms: number) =>
      harness.database.db
        .updateTable('session')
        .set({ [column]: new Date(Date.now() + ms) })
        .where('account_id', '=', person.accountId)
        .execute()
    const DAY = 24 * 3_600_000
    await set('last_used_at', -7 * DAY + 60_000)
    expect((await person.call('GET', '/account')).status).toBe(200)
    await set('last_used_at', -7 * DAY)
    expect((await person.call('GET', '/account')).status).toBe(401)
    await set('last_used_at', 0)
    await set('expires_at', 0)
    expect((await person.call('GET', '/account')).status).toBe(401)
    const { body } = await signIn(harness, person.email)
    const days = (Date.parse(body.expiresAt) - Date.now()) / DAY
    expect(Math.round(days)).toBe(30)
  })

  test('signing out ends the session on the server, not only the cookie [ASVS 7.4.1]', async () => {
    const person = await join(harness)
    const answer = await person.call('DELETE', '/sessions/current')
    expect(answer.status).toBe(204)
    expect(answer.headers.get('set-cookie')).toMatch(/^rt=;/)
    expect((await person.call('GET', '/account')).status).toBe(401)
    const kinds = (await eventsOf(harness, person.accountId)).map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['account.created', 'session.started', 'session.ended']))
  })
})

describe('a sign-in from somewhere new', () => {
  const NEW = 'A sign-in from somewhere new'
  const notices = async (email: string) => {
    const { body } = await clientOf(harness.api)('GET', '//dev/mailbox.json')
    return body.items.filter(
      (one: { recipient: string; subject: string }) => one.recipient === email && one.subject === NEW,
    ).length
  }

  test('is told by mail: another network, another browser; not the first, not a neighbour [ASVS 6.3.5]', async () => {
    const { email } = await join(harness)
    const steps: [headers: Record<string, string>, mails: number][] = [
      [from('198.51.100.7'), 1],
      [from('198.51.100.99'), 1],
      [from('198.51.100.7', 'curl/8.16.0'), 2],
      [from('198.51.101.7'), 3],
      [from('2001:db8:12:34::1'), 4],
      [from('2001:db8:12:99::1'), 4],
      [from('198.51.100.7'), 4],
    ]
    for (const [headers, mails] of steps) {
      await signIn(harness, email, PASSWORD, headers)
      expect(await notices(email)).toBe(mails)
    }
    const { text } = await mailTo(harness.api, email)
    expect(text).toContain('2001:db8:12:34::1 (Firefox on Linux)')
  })

  test('a wrong password tells nobody of anything', async () => {
    const { email } = await join(harness)
    await signIn(harness, email, 'not this one, surely', from('198.51.102.7'))
    expect(await notices(email)).toBe(0)
  })
})

test('an e-mail address alone signs nobody in who has an account: codes for one purpose serve no other [ASVS 6.3.6]', async () => {
  const person = await join(harness)
  await clientOf(harness.api)('POST', '/password-resets', { email: person.email })
  const code = /^ {4}(\S+)$/m.exec((await mailTo(harness.api, person.email)).text)?.[1]
  const answer = await clientOf(harness.api)('POST', '/accounts/verify', { email: person.email, code })
  expect([answer.status, answer.body.code]).toEqual([422, 'code-wrong'])
})

test('what was refused and done at signing in stands in the log, without a secret', async () => {
  const person = await join(harness)
  await signIn(harness, person.email, 'not this one, surely')
  await signIn(harness, person.email)
  const own = await eventsOf(harness, person.accountId)
  expect(own.filter(({ kind }) => kind === 'session.started')).toHaveLength(2)
  const nobody = await eventsOf(harness, null)
  expect(nobody).toContainEqual({
    ...{ kind: 'session.started', outcome: 'refused' },
    subject: { email: person.email, code: 'credentials-wrong' },
  })
  for (const secret of [PASSWORD, 'not this one, surely', person.token])
    expect(JSON.stringify([own, nobody])).not.toContain(secret)
})
