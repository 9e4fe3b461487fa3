import { once } from 'node:events'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import { eventsOf } from '../support/person.ts'

let harness: Harness
let ann: Person
let bob: Person
let call: Client
let rack: string
let desk: string
let lent: string

beforeAll(async () => {
  harness = await startHarness()
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  call = clientOf(harness.api, ann.token)
  const agent = await makeAgent(db)
  rack = await makeDevice(db, ann, agent, 'rack')
  desk = await makeDevice(db, ann, agent, 'desk')
  lent = await makeDevice(db, bob, agent, 'lent')
  await makeShare(db, bob, ann, [lent])
})
afterAll(() => harness.stop())

const soon = () => new Date(Date.now() + 3_600_000).toISOString()

async function tokenWith(privileges: string[], more: Record<string, unknown> = {}) {
  const { status, body } = await call('POST', '/tokens', { name: 'script', privileges, expiresAt: soon(), ...more })
  expect(status).toBe(201)
  return { text: body.token as string, id: body.view.id as string, call: clientOf(harness.api, body.token) }
}

const namesOf = async (client: Client) => {
  const { body } = await client('GET', '/devices')
  return body.items.map((device: { name: string }) => device.name).sort()
}

describe('an API token', () => {
  test('is shown once, kept as a hash, listed without itself, and told of by mail', async () => {
    const { text, id } = await tokenWith(['monitor'], { name: 'wall' })
    expect(text).toMatch(/^rt_[\w-]{43}$/)
    const { items } = (await call('GET', '/tokens')).body
    expect(items.find((one: { id: string }) => one.id === id)).toMatchObject({
      name: 'wall',
      privileges: ['monitor'],
      deviceIds: null,
      lastUsedAt: null,
    })
    expect(JSON.stringify(items)).not.toContain('rt_')
    const rows = await harness.database.db.selectFrom('token').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(text.slice(3))
    expect((await mailTo(harness.api, ann.email)).text).toContain('“wall”')
    const log = JSON.stringify(await eventsOf(harness, ann.accountId))
    expect(log).toContain('token.made')
    expect(log).not.toContain(text.slice(3))
  })

  test('its last use is seen', async () => {
    const { id, call: use } = await tokenWith(['monitor'])
    await use('GET', '/devices')
    const { items } = (await call('GET', '/tokens')).body
    expect(items.find((one: { id: string }) => one.id === id).lastUsedAt).not.toBeNull()
  })

  test('reaches the devices that are named, with the privileges that are ticked [ASVS 8.2.2]', async () => {
    const everywhere = await tokenWith(['monitor'])
    expect(await namesOf(everywhere.call)).toEqual(['desk', 'lent', 'rack'])
    const one = await tokenWith(['monitor'], { deviceIds: [rack] })
    expect(await namesOf(one.call)).toEqual(['rack'])
    expect((await one.call('GET', `/devices/${desk}`)).status).toBe(404)
    const history = await one.call('GET', `/devices/${rack}/history?variables=battery.charge`)
    expect([history.status, history.body.code]).toEqual([403, 'right-missing'])
    const blind = await tokenWith(['history'])
    expect(await namesOf(blind.call)).toEqual([])
    expect((await blind.call('GET', `/devices/${rack}/history?variables=battery.charge`)).status).toBe(200)
  })

  test('is no stronger than the account, whatever is ticked [ASVS 8.3.3]', async () => {
    const { call: use } = await tokenWith(['monitor', 'share', 'register', 'reboot'])
    expect((await use('DELETE', `/devices/${lent}`)).body.code).toBe('right-missing')
    expect((await use('POST', '/shares', { email: 'x@example.org', deviceIds: [lent] })).status).toBe(404)
  })

  test('shares what it was made to share, sees those shares only, and leaves none', async () => {
    const viewer = await tokenWith(['monitor'])
    const offer = { email: 'cid@example.org', deviceIds: [rack], role: 'viewer' }
    expect((await viewer.call('POST', '/shares', offer)).status).toBe(404)
    const sharer = await tokenWith(['monitor', 'share'], { deviceIds: [rack] })
    expect((await sharer.call('POST', '/shares', { ...offer, deviceIds: [desk] })).status).toBe(404)
    const beyond = { email: offer.email, deviceIds: [rack], privileges: ['monitor', 'reboot'] }
    expect((await sharer.call('POST', '/shares', beyond)).body.code).toBe('right-missing')
    const { status, body } = await sharer.call('POST', '/shares', offer)
    expect([status, body.share.privileges]).toEqual([201, ['monitor']])
    const granted = async (client: Client) => (await client('GET', '/shares?direction=granted')).body.items.length
    expect([await granted(sharer.call), await granted(viewer.call)]).toEqual([1, 0])
    const [received] = (await call('GET', '/shares?direction=received')).body.items
    expect((await sharer.call('GET', '/shares?direction=received')).body.items).toEqual([])
    expect((await viewer.call('GET', '/shares?direction=received')).body.items).toHaveLength(1)
    expect((await viewer.call('DELETE', `/shares/${received.id}`)).status).toBe(404)
    expect((await viewer.call('DELETE', `/shares/${body.share.id}`)).status).toBe(404)
    expect((await sharer.call('DELETE', `/shares/${body.share.id}`)).status).toBe(200)
  })

  test('that is ended opens nothing from the answer on, and what it held open is closed [ASVS 7.4.1]', async () => {
    const { text, id, call: use } = await tokenWith(['monitor'])
    const url = `${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${text}` } })
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
    await once(socket, 'message')
    const closed = once(socket, 'close')
    expect((await clientOf(harness.api, bob.token)('DELETE', `/tokens/${id}`)).status).toBe(404)
    expect((await call('DELETE', `/tokens/${id}`)).status).toBe(204)
    expect((await use('GET', '/devices')).status).toBe(401)
    expect((await closed)[0]).toBe(LIVE_CLOSE.signedOut)
    expect((await call('DELETE', `/tokens/${id}`)).status).toBe(404)
  })

  test.each<[what: string, more: () => Record<string, unknown>, status: number, code: string]>([
    [
      'beyond a year',
      () => ({ expiresAt: new Date(Date.now() + 367 * 86_400_000).toISOString() }),
      422,
      'input-invalid',
    ],
    ['already over', () => ({ expiresAt: new Date(Date.now() - 1000).toISOString() }), 422, 'input-invalid'],
    ['for nothing', () => ({ privileges: [] }), 422, 'input-invalid'],
    ['for a device of somebody else', () => ({ deviceIds: [crypto.randomUUID()] }), 404, 'not-found'],
    ['without a name', () => ({ name: ' ' }), 422, 'input-invalid'],
  ])('%s is not made', async (_what, more, status, code) => {
    const sent = { name: 'script', privileges: ['monitor'], expiresAt: soon(), ...more() }
    const answer = await call('POST', '/tokens', sent)
    expect([answer.status, answer.body.code]).toEqual([status, code])
  })
})

describe('what concerns the account, its safety or its company', () => {
  // Every route that is not in this list is refused to an API token: whoever adds one decides about it here.
  const ADMITTED = [
    'DELETE /devices/{id}',
    'DELETE /share-links/{id}',
    'DELETE /shares/{id}',
    'DELETE /shares/{id}/credentials/{credentialId}',
    'DELETE /shares/{id}/devices/{deviceId}',
    'GET /agents',
    'GET /devices',
    'GET /devices/{id}',
    'GET /devices/{id}/access',
    'GET /devices/{id}/history',
    'GET /devices/{id}/state',
    'GET /live',
    'GET /share-links',
    'GET /share-links/{id}',
    'GET /shares',
    'GET /shares/{id}',
    'GET /shares/{id}/credentials',
    'PATCH /devices/{id}',
    'PATCH /share-links/{id}',
    'PATCH /shares/{id}',
    'POST /share-links',
    'POST /shares',
    'POST /shares/{id}/resend',
    'POST /shares/{id}/resume',
    'POST /shares/{id}/suspend',
  ]

  test('no API token reaches, however strong [ASVS 8.2.1]', async () => {
    const { call: use } = await tokenWith(['monitor', 'share', 'register', 'configure', 'override'])
    const { body: document } = await use('GET', '//api/openapi.json')
    const admitted: string[] = []
    for (const [path, methods] of Object.entries<Record<string, { security?: unknown[] }>>(document.paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        if (!path.startsWith('/api/v1/') || security?.length === 0) continue
        const name = `${method.toUpperCase()} ${path.slice('/api/v1'.length)}`
        const { body } = await use(
          method.toUpperCase(),
          path.slice('/api/v1'.length).replace(/\{\w+\}/g, crypto.randomUUID()),
        )
        // What an opened link shows takes the link: to anything else it says that none is open.
        if (!['token-refused', 'link-ended'].includes(body?.code)) admitted.push(name)
      }
    }
    expect(admitted.sort()).toEqual(ADMITTED)
  })
})
