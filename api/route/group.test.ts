// Groups of a company's devices: who sees and changes them, and that guests follow.
import { randomUUID } from 'node:crypto'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeGuest, seen } from '../support/guest.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let one: string
let two: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  const agent = await makeAgent(db)
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  one = await makeDevice(db, ann, agent, 'one')
  two = await makeDevice(db, ann, agent, 'two')
})

const make = async (name: string, deviceIds: string[] = []) => {
  const { status, body } = await asAnn('POST', '/company/groups', { name, deviceIds })
  expect([status, body.code]).toEqual([201, undefined])
  return body
}

test('its guests see what is put in and no more what is taken out, before it is answered [R32 R71]', async () => {
  const group = await make('Racks', [one])
  await makeGuest(harness, asAnn, bob, { mode: 'groups', groups: [{ groupId: group.id, role: 'viewer' }] })
  expect(await seen(asBob)).toEqual(['one'])
  const wider = await asAnn('PATCH', `/company/groups/${group.id}`, { deviceIds: [one, two] })
  expect(wider.body.group).toMatchObject({
    name: 'Racks',
    guests: 1,
    devices: [
      { id: one, name: 'one' },
      { id: two, name: 'two' },
    ],
  })
  expect(await seen(asBob)).toEqual(['one', 'two'])
  const narrower = await asAnn('PATCH', `/company/groups/${group.id}`, { deviceIds: [two] })
  expect(narrower.body.access.edges.map((edge: { outcome: string }) => edge.outcome)).toEqual(['applied'])
  expect(await seen(asBob)).toEqual(['two'])
  expect((await asBob('GET', `/devices/${one}/state`)).status).toBe(404)
  const gone = await asAnn('DELETE', `/company/groups/${group.id}`)
  expect([gone.status, gone.body.access.edges.length]).toEqual([200, 1])
  expect(await seen(asBob)).toEqual([])
  expect((await asBob('GET', '/companies')).body.items).toMatchObject([{ id: ann.companyId, devices: 0 }])
})

test('a name is given once, whatever its case, also by two at the same moment [R32]', async () => {
  const { id } = await make('Racks')
  await make('Other')
  const said = async (run: Promise<{ status: number; body: { code?: string } }>) => {
    const { status, body } = await run
    return [status, body.code]
  }
  expect(await said(asAnn('POST', '/company/groups', { name: ' racks ' }))).toEqual([409, 'name-taken'])
  expect(await said(asAnn('PATCH', `/company/groups/${id}`, { name: 'OTHER' }))).toEqual([409, 'name-taken'])
  expect(await said(asAnn('PATCH', `/company/groups/${id}`, { name: 'RACKS' }))).toEqual([200, undefined])
  const both = await Promise.all([1, 2].map(() => asAnn('POST', '/company/groups', { name: 'At once' })))
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
  expect((await asBob('POST', '/company/groups', { name: 'Racks' })).status).toBe(201)
})

test('a group holds devices of its company only [R32]', async () => {
  const group = await make('Racks', [one])
  const foreign = await makeDevice(harness.database.db, bob, await makeAgent(harness.database.db), 'foreign')
  for (const id of [foreign, randomUUID()]) {
    const answer = await asAnn('PATCH', `/company/groups/${group.id}`, { name: 'New', deviceIds: [one, id] })
    expect([answer.status, answer.body.code]).toEqual([404, 'not-found'])
  }
  expect((await asAnn('GET', '/company/groups')).body.items).toMatchObject([{ name: 'Racks', devices: [{ id: one }] }])
})

test('members see groups with the devices that they may see, owners change them, others find none [R32 R35 R74]', async () => {
  const group = await make('Racks', [one])
  const cid = await makeColleague(harness.database.db, ann, 'Cid')
  const asCid = clientOf(harness.api, cid.token)
  const view = async (client: Client) => (await client('GET', '/company/groups')).body.items
  expect(await view(asCid)).toMatchObject([{ id: group.id, name: 'Racks', devices: [{ id: one }] }])
  await asAnn('PATCH', '/company', { memberPrivileges: [] })
  expect(await view(asCid)).toMatchObject([{ id: group.id, devices: [] }])
  for (const [method, path, body] of [
    ['POST', '/company/groups', { name: 'Mine' }],
    ['PATCH', `/company/groups/${group.id}`, { name: 'Mine' }],
    ['DELETE', `/company/groups/${group.id}`],
  ] as const) {
    const answer = await asCid(method, path, body)
    expect([method, answer.status, answer.body.code]).toEqual([method, 403, 'owner-needed'])
    if (method === 'POST') continue
    const foreign = await asBob(method, path, body)
    const absent = await asBob(method, `/company/groups/${randomUUID()}`, body)
    expect([foreign.status, foreign.body]).toEqual([404, absent.body])
  }
  // A guest is none of the company's people.
  await makeGuest(harness, asAnn, bob, { mode: 'groups', groups: [{ groupId: group.id }] })
  expect(await view(asBob)).toEqual([])
})
