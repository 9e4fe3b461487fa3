// What a guest does not see is not there: no list, count, error or time tells an unselected device from none (R35).
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
import { report } from '../support/device.ts'
import { makeGuest, seen } from '../support/guest.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { compareTimes } from '../support/timing.ts'

type Operation = { readonly method: string; readonly path: string }

let harness: Harness
let agent: TestAgent
let operations: readonly Operation[]
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let shown: string

beforeAll(async () => {
  // Each request says that it comes from elsewhere: the limit of requests per address is not what is tried here.
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
  agent = await makeAgent(harness.database.db)
  const { body } = await clientOf(harness.api)('GET', '//api/openapi.json')
  operations = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
    path.startsWith('/api/v1/') && path !== '/api/v1/live'
      ? Object.keys(methods).map((method) => ({
          method: method.toUpperCase(),
          path: path.slice('/api/v1'.length),
        }))
      : [],
  )
})
afterAll(() => harness.stop())

let requests = 0
const fromElsewhere =
  (client: Client): Client =>
  (method, path, body) => {
    requests += 1
    return client(method, path, body, { 'x-forwarded-for': `10.${(requests >> 8) & 255}.${requests & 255}.1` })
  }

const MODES = ['devices', 'groups'] as const
type Mode = (typeof MODES)[number]

beforeEach(async () => {
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = fromElsewhere(clientOf(harness.api, ann.token))
  asBob = fromElsewhere(clientOf(harness.api, bob.token))
  shown = await makeDevice(db, ann, agent, 'shown')
  await report(db, shown, 1, { 'ups.load': 11 })
})

/** A guest who may do all that a guest may, on one device. */
async function letIn(mode: Mode): Promise<void> {
  const { body: group } = await asAnn('POST', '/company/groups', { name: 'shown', deviceIds: [shown] })
  await makeGuest(harness, asAnn, bob, {
    ...{ mode, role: 'maintainer', deviceIds: mode === 'devices' ? [shown] : [] },
    groups: mode === 'groups' ? [{ groupId: group.id, role: 'maintainer' }] : [],
  })
}

/** All that the host may have around a device that the guest does not see; the ids of it. */
async function makeHidden(mode: Mode): Promise<Record<string, string>> {
  const { db } = harness.database
  const [eve, fay] = [await makePerson(db, 'Eve'), await makePerson(db, 'Fay')]
  const device = await makeDevice(db, ann, agent, 'hidden')
  await report(db, device, 1, { 'ups.load': 99 })
  await asAnn('PATCH', `/devices/${device}`, { name: 'hidden too' })
  const { body: group } = await asAnn('POST', '/company/groups', { name: 'hidden group', deviceIds: [device, shown] })
  const { body: role } = await asAnn('POST', '/company/roles', { name: 'hidden role', privileges: ['monitor'] })
  const guest = await makeGuest(harness, asAnn, eve, { deviceIds: [device], roleId: role.id })
  const { shareId: share } = await makeShare(db, ann, fay, [device])
  const { body: link } = await asAnn('POST', '/share-links', { name: 'hidden link', deviceIds: [device] })
  if (mode === 'groups') {
    // A device chosen for the other mode does not count in this one.
    const { body } = await asAnn('GET', '/company/guests?search=bob')
    await asAnn('PATCH', `/company/guests/${body.items[0].id}`, { deviceIds: [device] })
  }
  return { device, group: group.id, role: role.id, guest, share, link: link.id ?? link.link?.id ?? randomUUID() }
}

const SHAPES = ['?limit=1', '?scope=mine', '?scope=shared', '?scope=company', '?state=all', '?search=hidden']

/** Everything that the guest can read, by address. */
async function readAll(): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  const read = async (path: string) => {
    const { status, body } = await asBob('GET', path)
    all[path] = `${status} ${timeless(JSON.stringify(body))}`
  }
  for (const { method, path } of operations) {
    if (method !== 'GET') continue
    if (path.includes('{')) {
      await read(path.replace(/\{\w+\}/g, shown))
      await read(`${path.replace(/\{\w+\}/g, shown)}?variables=ups.load`)
      continue
    }
    await read(path)
    for (const shape of SHAPES) await read(`${path}${shape}`)
  }
  await read(`/devices?scope=company&companyId=${ann.companyId}`)
  return all
}

/** Instants pass whatever the host has. */
const timeless = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T').replace(/"cursor":"[^"]*"/g, '')

describe.each(MODES)('in the mode %s', (mode) => {
  test('nothing that the host has or does beyond the selection changes anything that the guest can read [R32 R35 R70]', async () => {
    await letIn(mode)
    expect(await seen(asBob)).toEqual(['shown'])
    const before = await readAll()
    const hidden = await makeHidden(mode)
    const after = await readAll()
    expect(Object.keys(before).length).toBeGreaterThan(40)
    for (const [path, answer] of Object.entries(after)) {
      // That their own entry was changed is told to them; of what, is not.
      const isTold = mode === 'groups' && (path.startsWith('/notices') || path.includes('/events'))
      if (!isTold) expect(answer, path).toBe(before[path])
      expect(answer, path).not.toMatch(/hidden/)
      for (const id of Object.values(hidden)) expect(answer, path).not.toContain(id)
    }
  })

  test('whatever is asked about it, the answer is that of nothing at all, to the letter [R35 R70]', async () => {
    await letIn(mode)
    const hidden = await makeHidden(mode)
    const concerning = operations.filter(({ path }) => path.includes('{'))
    expect(concerning.length).toBeGreaterThan(20)
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
    const about = async ({ method, path }: Operation, id: string) => {
      const answer = await asBob(method, path.replace(/\{\w+\}/g, id), method === 'GET' ? undefined : { name: 'x' })
      return `${answer.status} ${timeless(JSON.stringify(answer.body)).replaceAll(id, 'ID')}`
    }
    for (const operation of concerning) {
      const ids = [randomUUID(), ...Object.values(hidden)]
      const [absent, ...present] = await Promise.all(ids.map((id) => about(operation, id)))
      const told = Object.keys(hidden).filter((_what, index) => present[index] !== absent)
      expect(told, `${operation.method} ${operation.path} is not ${absent}`).toEqual([])
    }
    const naming = async (id: string) => {
      const tries: [string, string, unknown?][] = [
        ['POST', '/shares', { email: 'x@example.org', deviceIds: [id] }],
        ['POST', '/share-links', { name: 'x', deviceIds: [id] }],
        ['POST', '/company/groups', { name: randomUUID(), deviceIds: [id] }],
        ['POST', '/company/guests', { email: 'x@example.org', deviceIds: [id] }],
        ['POST', '/company/guests', { email: 'x@example.org', mode: 'groups', groups: [{ groupId: id }] }],
        ['POST', '/company/guests', { email: 'x@example.org', roleId: id }],
        ['POST', '/tokens', { name: 'x', privileges: ['monitor'], deviceIds: [id], expiresAt }],
        ['GET', `/devices?groupId=${id}`],
        ['GET', `/devices?companyId=${ann.companyId}&groupId=${id}`],
        ['GET', `/events?accountId=${id}`],
        ['GET', `/shares?direction=granted&deviceId=${id}`],
        ['GET', `/shares?direction=received&deviceId=${id}`],
        ['GET', `/devices/${id}/history?variables=ups.load`],
        ['GET', `/devices/${id}/access?at=2026-01-01T00:00:00Z`],
      ]
      const answers = []
      for (const [method, path, body] of tries) {
        const answer = await asBob(method, path, body)
        answers.push(`${method} ${answer.status} ${timeless(JSON.stringify(answer.body)).replaceAll(id, 'ID')}`)
      }
      return answers
    }
    const absent = await naming(randomUUID())
    for (const id of [hidden.device ?? '', hidden.group ?? '', hidden.role ?? '']) {
      const answers = await naming(id)
      expect(answers.map(withoutIds)).toEqual(absent.map(withoutIds))
    }
  })

  test('the time of a refusal does not tell it from nothing at all [R35 R70]', { retry: 1 }, async () => {
    await letIn(mode)
    const { device = '' } = await makeHidden(mode)
    for (const [method, path] of REFUSED) {
      const ask = (id: string) => async () => {
        const body = method === 'GET' ? undefined : { name: 'x' }
        expect((await asBob(method, `/devices/${id}${path}`, body)).status).toBe(404)
      }
      await compareTimes(ask(device), ask(randomUUID()), 5)
      const { difference, byChance } = await compareTimes(ask(device), ask(randomUUID()), 50)
      const told = `${method} ${path}: ${difference} ms; by chance up to ${byChance} ms`
      expect(difference, told).toBeLessThanOrEqual(byChance)
    }
  })
})

const REFUSED = [
  ['GET', ''],
  ['GET', '/state'],
  ['GET', '/history?variables=ups.load'],
  ['GET', '/access'],
  ['GET', '/events'],
  ['PATCH', ''],
] as const

/** Tokens and entries that are made get ids of their own. */
const withoutIds = (text: string) =>
  text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/rt_[\w-]+/g, 'TOKEN')
