// Credentials of shares over HTTP and WebSocket; test/system/share-credential.test.ts has MQTT.
import { deactivate, reactivate } from '@ridethrough/db/query/member.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { report } from '../support/device.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { asSide, letEndPass, offerTo, type Side, seenBy, shareWith } from '../support/share.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let lent: string
let share: string

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  lent = await makeDevice(db, ann, agent, 'lent')
  share = await shareWith(harness, ann, bob, [lent], { role: 'operator' })
})

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

async function mint(more: Record<string, unknown> = {}): Promise<{ id: string; token: string; call: Client }> {
  const { status, body } = await bob.call('POST', `/shares/${share}/credentials`, { name: 'script', ...more })
  expect([status, body.code]).toEqual([201, undefined])
  return { id: body.view.id, token: body.token, call: clientOf(harness.api, body.token) }
}

test('it reads the devices of its share and nothing else, whatever its account has besides [R24]', async () => {
  const { db } = harness.database
  const own = await makeDevice(db, bob, agent, 'own')
  const cid = await makePerson(db, 'Cid')
  const other = await makeDevice(db, cid, agent, 'other')
  await makeShare(db, cid, bob, [other], { privileges: 0xfff })
  await report(db, lent, 1, { 'battery.charge': 100 })
  await expect.poll(() => seenBy(bob)).toHaveLength(3)
  const { call } = await mint()
  expect(await seenBy({ call })).toEqual([lent])
  expect((await call('GET', `/devices/${lent}/state`)).body.variables).toEqual({ 'battery.charge': 100 })
  expect((await call('GET', `/devices/${lent}/history?variables=battery.charge`)).status).toBe(200)
  for (const id of [own, other]) {
    for (const path of ['', '/state', '/history?variables=battery.charge', '/access']) {
      expect([path, (await call('GET', `/devices/${id}${path}`)).body.code]).toEqual([path, 'not-found'])
    }
    expect((await call('PATCH', `/devices/${id}`, { name: 'x' })).status).toBe(404)
    expect((await call('DELETE', `/devices/${id}`)).status).toBe(404)
  }
  expect((await call('GET', `/devices?scope=mine`)).body.items).toEqual([])
  expect((await call('GET', '/shares?direction=granted')).body.items).toEqual([])
  expect((await call('GET', '/shares?direction=received')).body.items).toMatchObject([{ id: share }])
})

test('it answers for nobody: not the share, not the account, not another credential [R24 R19]', async () => {
  const { call, id } = await mint()
  const tries: [string, string, unknown?][] = [
    ['GET', '/account'],
    ['GET', '/tokens'],
    ['POST', '/tokens', { name: 'x', privileges: ['monitor'], expiresAt: inAnHour() }],
    ['POST', `/shares/${share}/credentials`, { name: 'x' }],
    ['POST', `/shares/${share}/devices/${lent}`],
    ['GET', '/notices'],
  ]
  for (const [method, path, body] of tries) {
    expect([path, (await call(method, path, body)).status]).toEqual([path, 403])
  }
  for (const [method, path] of [
    ['DELETE', `/shares/${share}`],
    ['DELETE', `/shares/${share}/devices/${lent}`],
    ['DELETE', `/shares/${share}/credentials/${id}`],
    ['GET', `/shares/${share}/credentials`],
    ['PATCH', `/shares/${share}`],
    ['POST', `/shares/${share}/suspend`],
    ['POST', `/shares/${share}/resend`],
  ] as const) {
    const body = method === 'PATCH' ? { until: null } : undefined
    expect([path, (await call(method, path, body)).body.code]).toEqual([path, 'not-found'])
  }
  const offer = { email: 'x@example.org', deviceIds: [lent] }
  expect((await call('POST', '/shares', offer)).status).toBe(404)
  expect(await seenBy(bob)).toEqual([lent])
})

describe('what it may do', () => {
  test('is never more than the share gives, also after the share was narrowed or widened [R24]', async () => {
    const beyond = await bob.call('POST', `/shares/${share}/credentials`, {
      ...{ name: 'x', privileges: ['monitor', 'firmware'] },
    })
    expect([beyond.status, beyond.body.code]).toEqual([403, 'right-missing'])
    const [all, little] = [await mint(), await mint({ privileges: ['monitor'] })]
    const given = async ({ call }: { call: Client }) => (await call('GET', `/devices/${lent}`)).body.privileges
    expect(await given(all)).toEqual(['monitor', 'notify', 'history', 'report', 'diagnose', 'reboot', 'shed'])
    expect(await given(little)).toEqual(['monitor'])
    await ann.call('PATCH', `/shares/${share}`, { privileges: ['monitor', 'history'] })
    expect(await given(all)).toEqual(['monitor', 'history'])
    await ann.call('PATCH', `/shares/${share}`, { role: 'maintainer' })
    expect(await given(all)).not.toContain('firmware')
    expect(await given(little)).toEqual(['monitor'])
  })

  test('nothing while the share is suspended, and a device that is taken out is gone [R24 R25]', async () => {
    const second = await makeDevice(harness.database.db, ann, agent, 'second')
    await ann.call('PATCH', `/shares/${share}`, { deviceIds: [lent, second] })
    const credential = await mint()
    expect(await seenBy(credential)).toEqual([lent, second].sort())
    await bob.call('DELETE', `/shares/${share}/devices/${lent}`)
    expect(await seenBy(credential)).toEqual([second])
    await ann.call('POST', `/shares/${share}/suspend`)
    expect(await seenBy(credential)).toEqual([])
    await ann.call('POST', `/shares/${share}/resume`)
    expect(await seenBy(credential)).toEqual([second])
  })
})

describe('its end', () => {
  const status = async ({ call }: { call: Client }) => (await call('GET', '/devices')).status

  test('comes with the share, by whichever side, for good [R24 R71]', async () => {
    const first = await mint()
    expect(await status(first)).toBe(200)
    await ann.call('DELETE', `/shares/${share}`)
    expect(await status(first)).toBe(401)
    share = await shareWith(harness, ann, bob, [lent])
    const second = await mint()
    await bob.call('DELETE', `/shares/${share}`)
    expect(await status(second)).toBe(401)
    expect((await bob.call('GET', `/shares/${share}/credentials`)).body.items).toEqual([])
    expect((await bob.call('POST', `/shares/${share}/credentials`, { name: 'x' })).body.code).toBe('share-ended')
  })

  test('comes when the share runs out, and an extension does not bring it back [R24 R15]', async () => {
    const { db } = harness.database
    const credential = await mint()
    await letEndPass(db, share)
    expect(await status(credential)).toBe(401)
    await ann.call('PATCH', `/shares/${share}`, { until: null })
    expect(await seenBy(bob)).toEqual([lent])
    expect(await status(credential)).toBe(401)
    expect((await ann.call('GET', `/shares/${share}/credentials`)).body.items).toEqual([])
  })

  test('may be earlier than the share’s, never later [R24]', async () => {
    await ann.call('PATCH', `/shares/${share}`, { until: inAnHour() })
    const { until } = (await bob.call('GET', `/shares/${share}`)).body
    const expiresAt = new Date(Date.now() + 60_000).toISOString()
    await mint({ name: 'early', expiresAt })
    await mint({ name: 'late', expiresAt: new Date(Date.now() + 7_200_000).toISOString() })
    const { items } = (await bob.call('GET', `/shares/${share}/credentials`)).body
    expect(items.map((one: { name: string; expiresAt: string }) => [one.name, one.expiresAt])).toEqual([
      ['late', until],
      ['early', expiresAt],
    ])
    const past = { name: 'x', expiresAt: '2020-01-01T00:00:00Z' }
    expect((await bob.call('POST', `/shares/${share}/credentials`, past)).body.code).toBe('input-invalid')
  })

  test('either side lists them and ends one; the token is nowhere to be read again [R24]', async () => {
    const [first, second] = [await mint({ name: 'first' }), await mint({ name: 'second' })]
    for (const who of [ann, bob]) {
      const { body } = await who.call('GET', `/shares/${share}/credentials`)
      expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['second', 'first'])
      expect(JSON.stringify(body)).not.toContain('rt_')
    }
    const ended = await ann.call('DELETE', `/shares/${share}/credentials/${first.id}`)
    expect(ended.body.access.edges).toMatchObject([{ outcome: 'applied' }])
    expect([await status(first), await status(second)]).toEqual([401, 200])
    expect((await bob.call('DELETE', `/shares/${share}/credentials/${second.id}`)).status).toBe(200)
    expect((await bob.call('DELETE', `/shares/${share}/credentials/${second.id}`)).body.code).toBe('not-found')
    const rows = await harness.database.db
      .selectFrom('event')
      .selectAll()
      .where('kind', 'like', 'credential.%')
      .execute()
    const kinds = rows
      .filter((row) => JSON.stringify(row.subject).includes(share))
      .map(({ kind, company_id }) => [kind, company_id])
    for (const kind of ['credential.made', 'credential.ended']) {
      for (const { companyId } of [ann, bob]) expect(kinds).toContainEqual([kind, companyId])
    }
  })

  test('comes with all tokens of the account, and with its deactivation, for good [R24 R43]', async () => {
    const { db } = harness.database
    bob = asSide(harness, await makeColleague(db, bob, 'Mia'))
    share = await shareWith(harness, ann, bob, [lent])
    const credential = await mint()
    await db.transaction().execute((tx) => deactivate(tx, bob.accountId, new Date()))
    expect(await status(credential)).toBe(401)
    await reactivate(db, bob.accountId)
    expect(await status(credential)).toBe(401)
  })
})

test('only the recipient of an accepted share makes one, and twenty at the most [R24 R74]', async () => {
  const { db } = harness.database
  const cid = asSide(harness, await makePerson(db, 'Cid'))
  for (const who of [ann, cid]) {
    expect((await who.call('POST', `/shares/${share}/credentials`, { name: 'x' })).body.code).toBe('not-found')
  }
  expect((await cid.call('GET', `/shares/${share}/credentials`)).body.code).toBe('not-found')
  const { id } = await offerTo(harness, ann, cid.email, [lent])
  const pending = await cid.call('POST', `/shares/${id}/credentials`, { name: 'x' })
  expect([pending.status, pending.body.code]).toEqual([409, 'share-pending'])
  expect((await bob.call('POST', `/shares/${share}/credentials`, { name: ' ' })).body.code).toBe('input-invalid')
  const many = await Promise.all(
    Array.from({ length: 22 }, () => bob.call('POST', `/shares/${share}/credentials`, { name: 'n' })),
  )
  expect(many.filter((one) => one.status === 201)).toHaveLength(20)
  expect(many.filter((one) => one.body.code === 'limit-reached')).toHaveLength(2)
})

test('a live connection under it shows its share only, and is closed before the revocation is answered [R24 R71]', async () => {
  await makeDevice(harness.database.db, bob, agent, 'own')
  const { token } = await mint()
  const url = `${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
  const snapshot = await new Promise<{ devices: { id: string }[] }>((resolve, reject) => {
    socket.onopen = () => socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
    socket.onerror = () => reject(new Error('the live connection was refused'))
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(String(data))
      if (event.type === 'snapshot') resolve(event)
    }
  })
  expect(snapshot.devices.map(({ id }) => id)).toEqual([lent])
  const closed = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => resolve(code)
  })
  const { body } = await ann.call('DELETE', `/shares/${share}`)
  expect(body.access.edges).toMatchObject([{ viewers: 1 }])
  expect(await closed).toBe(4401)
})
