import { randomUUID } from 'node:crypto'
import {
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
  type TestAgent,
} from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, clientOf, codeIn, type Harness, mailTo, startHarness } from '../support/harness.ts'

let harness: Harness
let agent: TestAgent
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let device: string

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  device = await makeDevice(db, ann, agent, 'Rack 4')
})

/** Ann offers; the share's id and the code that was mailed. */
async function offer(email: string, more: Record<string, unknown> = {}): Promise<{ id: string; code: string }> {
  const { status, body } = await asAnn('POST', '/shares', { email, deviceIds: [device], ...more })
  expect([status, body.code]).toEqual([201, undefined])
  return { id: body.share.id, code: codeIn((await mailTo(harness.api, email)).text) }
}

async function seenBy(client: Client, scope = ''): Promise<string[]> {
  const { body } = await client('GET', `/devices${scope}`)
  return body.items.map((item: { id: string }) => item.id)
}

test('offered, accepted, seen, revoked, gone; every answer says that this process had applied it [R10 R12 R13 R14 R71]', async () => {
  const { id, code } = await offer(bob.email, { role: 'operator' })
  expect(await seenBy(asBob)).toEqual([])
  expect((await asBob('GET', '/shares?direction=received')).body.items).toMatchObject([{ id, state: 'pending' }])
  const mail = await mailTo(harness.api, bob.email)
  expect(mail.text).toContain(`${harness.api.httpUrl}/sharing/invitations/${id}#code=${code}`)
  expect(mail.text).toContain('Rack 4 (Test T1, ')

  const accepted = await asBob('POST', `/shares/${id}/accept`, { code: code.toLowerCase().replace('-', ' ') })
  expect(accepted).toMatchObject({ status: 200, body: { share: { state: 'accepted' } } })
  expect(accepted.body.access.edges).toMatchObject([{ kind: 'api', outcome: 'applied' }])
  expect(await seenBy(asBob, '?scope=shared')).toEqual([device])
  expect(await seenBy(asBob, '?scope=mine')).toEqual([])
  const view = (await asBob('GET', `/devices/${device}`)).body
  expect(view).toMatchObject({ via: 'share', sharedBy: { name: 'Ann', email: ann.email }, until: null })
  expect(view.privileges).toEqual(['monitor', 'notify', 'history', 'report', 'diagnose', 'reboot', 'shed'])
  expect((await mailTo(harness.api, ann.email)).subject).toMatch(/accepted/)

  const revoked = await asAnn('DELETE', `/shares/${id}`)
  expect(revoked).toMatchObject({ status: 200, body: { share: { state: 'revoked' } } })
  expect(await seenBy(asBob)).toEqual([])
  expect((await asBob('GET', `/devices/${device}/state`)).body.code).toBe('not-found')
  expect(await seenBy(asAnn)).toEqual([device])
  expect((await mailTo(harness.api, bob.email)).subject).toMatch(/ended/)
  expect((await asAnn('DELETE', `/shares/${id}`)).body.code).toBe('share-ended')

  const again = await offer(bob.email)
  await asBob('POST', `/shares/${again.id}/accept`, { code: again.code })
  expect(await seenBy(asBob)).toEqual([device])
})

describe('what bad input gets [R74]', () => {
  const stranger = randomUUID()
  test.each<[what: string, body: () => unknown, status: number, code: string]>([
    ['no body', () => ({}), 422, 'input-invalid'],
    ['no address', () => ({ email: 'bob', deviceIds: [device] }), 422, 'input-invalid'],
    ['no device', () => ({ email: bob.email, deviceIds: [] }), 422, 'input-invalid'],
    ['an id that is none', () => ({ email: bob.email, deviceIds: ['1'] }), 422, 'input-invalid'],
    ['an unknown field', () => ({ email: bob.email, deviceIds: [device], admin: true }), 422, 'input-invalid'],
    [
      'role and privileges',
      () => ({ email: bob.email, deviceIds: [device], role: 'viewer', privileges: ['monitor'] }),
      422,
      'input-invalid',
    ],
    [
      'a right without sight',
      () => ({ email: bob.email, deviceIds: [device], privileges: ['reboot'] }),
      422,
      'input-invalid',
    ],
    [
      'an end that is past',
      () => ({ email: bob.email, deviceIds: [device], until: '2020-01-01T00:00:00Z' }),
      422,
      'input-invalid',
    ],
    [
      'an end before the start',
      () => ({ email: bob.email, deviceIds: [device], from: '2999-01-02T00:00:00.5Z', until: '2999-01-02T00:00:00Z' }),
      422,
      'input-invalid',
    ],
    ['oneself', () => ({ email: ann.email.toUpperCase(), deviceIds: [device] }), 409, 'share-self'],
    [
      'the right to share on',
      () => ({ email: bob.email, deviceIds: [device], privileges: ['monitor', 'share'] }),
      403,
      'right-missing',
    ],
    [
      'the right to register',
      () => ({ email: bob.email, deviceIds: [device], privileges: ['monitor', 'register'] }),
      403,
      'right-missing',
    ],
    ['a device that is not there', () => ({ email: bob.email, deviceIds: [stranger] }), 404, 'not-found'],
    ['malformed JSON', () => '{"email":', 400, 'body-malformed'],
  ])('%s', async (_what, body, status, code) => {
    const answer = await asAnn('POST', '/shares', body())
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.headers.get('content-type')).toMatch('application/problem+json')
    expect(answer.body.detail).not.toBe('')
  })

  test('a device of somebody else is as if it were not there, whatever is tried [R70]', async () => {
    const tries: [string, string, unknown?][] = [
      ['GET', ''],
      ['GET', '/state'],
      ['GET', '/history?variables=battery.charge'],
      ['GET', '/access'],
      ['PATCH', '', { name: 'mine' }],
      ['DELETE', ''],
    ]
    for (const [method, path, body] of tries) {
      const foreign = await asBob(method, `/devices/${device}${path}`, body)
      const absent = await asBob(method, `/devices/${randomUUID()}${path}`, body)
      expect([method, path, foreign.status]).toEqual([method, path, 404])
      expect(foreign.body).toEqual(absent.body)
    }
    const foreign = await asBob('POST', '/shares', { email: 'x@example.org', deviceIds: [device] })
    const absent = await asBob('POST', '/shares', { email: 'x@example.org', deviceIds: [randomUUID()] })
    expect(foreign.status).toBe(404)
    expect(foreign.body).toEqual(absent.body)
    const { id } = await offer('somebody@example.org')
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/decline'],
      ['POST', '/resend'],
    ] as const) {
      expect((await asBob(method, `/shares/${id}${path}`)).body.code).toBe('not-found')
    }
  })

  test('a recipient neither shares on, nor renames, nor gives up the device, nor asks who has access [R19]', async () => {
    await makeShare(harness.database.db, ann, bob, [device], { privileges: 0xffff })
    expect((await asBob('POST', '/shares', { email: 'x@example.org', deviceIds: [device] })).body.code).toBe(
      'not-found',
    )
    const answer = async (method: string, path: string, body?: unknown) => (await asBob(method, path, body)).body.code
    // The API has not been asked to make this share, so its edge may take a moment to know it.
    await expect.poll(() => seenBy(asBob)).toEqual([device])
    expect(await answer('PATCH', `/devices/${device}`, { name: 'mine' })).toBe('right-missing')
    expect(await answer('DELETE', `/devices/${device}`)).toBe('right-missing')
    expect(await answer('GET', `/devices/${device}/access`)).toBe('right-missing')
  })

  test('a device on Basic is not shared, but what is shared can be ended [R21]', async () => {
    const { id } = await offer(bob.email)
    await harness.database.db.updateTable('device').set({ plan: 'basic' }).where('id', '=', device).execute()
    const refused = await asAnn('POST', '/shares', { email: 'x@example.org', deviceIds: [device] })
    expect([refused.status, refused.body.code]).toEqual([409, 'plan-too-low'])
    expect((await asAnn('DELETE', `/shares/${id}`)).body.share.state).toBe('withdrawn')
  })
})

describe('codes', () => {
  test('mistyped, for another address, used [R13 H1]', async () => {
    const cid = await makePerson(harness.database.db, 'Cid')
    const asCid = clientOf(harness.api, cid.token)
    const { id, code } = await offer(bob.email)
    expect((await asBob('POST', `/shares/${id}/accept`, { code: '00000-00000' })).body.code).toBe('code-wrong')
    const other = await asCid('POST', `/shares/${id}/accept`, { code })
    expect([other.status, other.body.code]).toEqual([403, 'address-other'])
    expect((await asCid('POST', `/shares/${id}/accept`, { code: '00000-00000' })).body.code).toBe('not-found')
    expect((await asBob('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
    const used = await asBob('POST', `/shares/${id}/accept`, { code })
    expect([used.status, used.body.code]).toEqual([409, 'code-used'])
  })

  test('five wrong ones close it, and a new mail opens it with a new code [R13]', async () => {
    const { id, code } = await offer(bob.email)
    for (let n = 0; n < 5; n++) await asBob('POST', `/shares/${id}/accept`, { code: '00000-00000' })
    const closed = await asBob('POST', `/shares/${id}/accept`, { code })
    expect([closed.status, closed.body.code]).toEqual([429, 'too-many-tries'])
    expect((await asAnn('POST', `/shares/${id}/resend`)).status).toBe(200)
    expect((await asBob('POST', `/shares/${id}/accept`, { code })).body.code).toBe('code-wrong')
    const fresh = codeIn((await mailTo(harness.api, bob.email)).text)
    expect((await asBob('POST', `/shares/${id}/accept`, { code: fresh })).status).toBe(200)
  })

  test('expired, and then sent again [R13]', async () => {
    const { id, code } = await offer(bob.email)
    const past = new Date(Date.now() - 1000)
    await harness.database.db.updateTable('share').set({ code_expires_at: past }).where('id', '=', id).execute()
    const expired = await asBob('POST', `/shares/${id}/accept`, { code })
    expect([expired.status, expired.body.code]).toEqual([410, 'code-expired'])
    expect((await asBob('GET', `/shares/${id}`)).body.state).toBe('expired')
    expect((await asAnn('POST', `/shares/${id}/resend`)).body.share.state).toBe('pending')
  })

  test('declined, withdrawn and left shares are over [R13 R17]', async () => {
    const first = await offer(bob.email)
    expect((await asBob('POST', `/shares/${first.id}/decline`)).body.share.state).toBe('declined')
    expect((await asBob('POST', `/shares/${first.id}/accept`, { code: first.code })).body.code).toBe('share-ended')
    const second = await offer(bob.email)
    await asBob('POST', `/shares/${second.id}/accept`, { code: second.code })
    expect((await asBob('DELETE', `/shares/${second.id}`)).body.share.state).toBe('left')
    expect(await seenBy(asBob)).toEqual([])
  })
})

describe('five places', () => {
  test('two sixth shares at once: both are refused; a place that is given up is free [R18]', async () => {
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await offer(`p${n}.${device}@example.org`)).id)
    const post = (email: string) => asAnn('POST', '/shares', { email, deviceIds: [device] })
    const sixths = await Promise.all([post('six@example.org'), post('seven@example.org')])
    expect(sixths.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'share-limit'],
      [409, 'share-limit'],
    ])
    await asAnn('DELETE', `/shares/${ids[0]}`)
    const fifths = await Promise.all([post('six@example.org'), post('seven@example.org')])
    expect(fifths.map(({ status }) => status).sort()).toEqual([201, 409])
  })

  test('an invitation that ran out lost its place, and gets it back only while there is one [R18]', async () => {
    const { id } = await offer(bob.email)
    const past = new Date(Date.now() - 1000)
    await harness.database.db.updateTable('share').set({ code_expires_at: past }).where('id', '=', id).execute()
    for (let n = 0; n < 5; n++) await offer(`q${n}.${device}@example.org`)
    expect((await asAnn('POST', `/shares/${id}/resend`)).body.code).toBe('share-limit')
  })

  test('the same address twice is refused [R74]', async () => {
    await offer(bob.email)
    const twice = await asAnn('POST', '/shares', { email: bob.email.toUpperCase(), deviceIds: [device] })
    expect([twice.status, twice.body.code]).toEqual([409, 'share-exists'])
  })
})

test('of two devices one is unticked by the owner, the other taken out by the recipient, which ends the share [R16 R17]', async () => {
  const second = await makeDevice(harness.database.db, ann, agent, 'Rack 5')
  const made = await asAnn('POST', '/shares', { email: bob.email, deviceIds: [device, second] })
  const id = made.body.share.id
  await asBob('POST', `/shares/${id}/accept`, { code: codeIn((await mailTo(harness.api, bob.email)).text) })
  expect((await seenBy(asBob)).sort()).toEqual([device, second].sort())
  expect((await asAnn('DELETE', `/shares/${id}/devices/${device}`)).body.share.devices).toMatchObject([{ id: second }])
  expect(await seenBy(asBob)).toEqual([second])
  expect((await asBob('DELETE', `/shares/${id}/devices/${second}`)).body.share.state).toBe('left')
  expect(await seenBy(asBob)).toEqual([])
})

test('a share to an address without an account waits for whoever proves it [R11]', async () => {
  const email = `new.${device}@example.org`
  const { id, code } = await offer(email)
  const anybody = clientOf(harness.api)
  await anybody('POST', '/accounts', { email: email.toUpperCase(), password: 'a long enough one', name: 'New' })
  const proof = codeIn((await mailTo(harness.api, email.toUpperCase())).text)
  const { body } = await anybody('POST', '/accounts/verify', { email, code: proof })
  const asNew = clientOf(harness.api, body.token)
  expect((await asNew('GET', '/shares?direction=received')).body.items).toMatchObject([{ id, state: 'pending' }])
  const told = (await asNew('GET', '/notices')).body.items
  expect(told).toMatchObject([
    { kind: 'share.invited', subject: { id, by: { name: 'Ann' }, devices: [{ id: device }] } },
  ])
  expect((await asNew('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
  expect(await seenBy(asNew)).toEqual([device])
})

test('who may do what, and why, is answered for the owner [R73]', async () => {
  const until = new Date(Date.now() + 3_600_000)
  const { id, code } = await offer(bob.email, { until: until.toISOString() })
  await asBob('POST', `/shares/${id}/accept`, { code })
  const may = async (query: string) => {
    const { body } = await asAnn('GET', `/devices/${device}/access${query}`)
    const people = body.people as {
      account: { id: string }
      privileges: { privilege: string; via: string; why: string }[]
    }[]
    const his = people.find((one) => one.account.id === bob.accountId)?.privileges
    return ['monitor', 'reboot'].map((name) => {
      const row = his?.find((one) => one.privilege === name)
      return row?.via ?? row?.why
    })
  }
  expect(await may('')).toEqual([`share:${id}`, 'too-weak'])
  expect(await may(`?at=${until.toISOString()}`)).toEqual(['ended', 'ended'])
})
