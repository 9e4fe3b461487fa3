// Roles of a company: whoever has one follows it, and one in use goes only when another takes its place.
import { randomUUID } from 'node:crypto'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { inviteGuest, makeGuest } from '../support/guest.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeColleague } from '../support/team.ts'

let harness: Harness
let ann: Person
let bob: Person
let cid: Person
let asAnn: Client
let asBob: Client
let asCid: Client
let one: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  cid = await makePerson(db, 'Cid')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
  asCid = clientOf(harness.api, cid.token)
  one = await makeDevice(db, ann, await makeAgent(db), 'one')
})

const make = async (name: string, privileges: Privilege[]): Promise<string> => {
  const { status, body } = await asAnn('POST', '/company/roles', { name, privileges })
  expect([status, body.code]).toEqual([201, undefined])
  return body.id
}

const mayDo = async (client: Client): Promise<string[]> =>
  (await client('GET', '/devices')).body.items[0]?.privileges ?? []

/** A share of the device, as one with this role. */
const shareWith = async (person: Person, roleId: string): Promise<string> => {
  const { db } = harness.database
  const { shareId } = await makeShare(db, ann, person, [one])
  await db.updateTable('share').set({ role_id: roleId }).where('id', '=', shareId).execute()
  return shareId
}

const rolesOf = async () =>
  (await asAnn('GET', '/company/roles')).body.items.map((role: { name: string; inUse: object }) => [
    role.name,
    role.inUse,
  ])

test('whoever has a role follows what becomes of it, guests and recipients of shares alike [R33 R71]', async () => {
  const fitter = await make('Fitter', ['monitor', 'diagnose'])
  await shareWith(cid, fitter)
  await makeGuest(harness, asAnn, bob, { mode: 'devices', deviceIds: [one], roleId: fitter })
  expect([await mayDo(asBob), await mayDo(asCid)]).toEqual([
    ['monitor', 'diagnose'],
    ['monitor', 'diagnose'],
  ])
  const { body } = await asAnn('PATCH', `/company/roles/${fitter}`, { privileges: ['monitor', 'reboot'] })
  expect(body.role).toMatchObject({ privileges: ['monitor', 'reboot'], inUse: { guests: 1, shares: 1 } })
  expect(body.access.edges.map((edge: { outcome: string }) => edge.outcome)).toEqual(['applied'])
  expect([await mayDo(asBob), await mayDo(asCid)]).toEqual([
    ['monitor', 'reboot'],
    ['monitor', 'reboot'],
  ])
  const { db } = harness.database
  const rows = await db
    .selectFrom('notice')
    .select(['account_id', 'kind'])
    .where('account_id', 'in', [bob.accountId, cid.accountId])
    .where('kind', 'in', ['guest.changed', 'share.changed'])
    .execute()
  expect(rows.map((row) => [row.account_id === bob.accountId ? 'bob' : 'cid', row.kind]).sort()).toEqual([
    ['bob', 'guest.changed'],
    ['cid', 'share.changed'],
  ])
})

test('one in use is refused, saying by how many, until another takes its place; what is over keeps what it had [R33]', async () => {
  const old = await make('Old', ['monitor', 'diagnose'])
  const next = await make('Next', ['monitor', 'reboot'])
  const { body: group } = await asAnn('POST', '/company/groups', { name: 'G', deviceIds: [one] })
  await makeGuest(harness, asAnn, bob, { mode: 'groups', groups: [{ groupId: group.id, roleId: old }] })
  await inviteGuest(harness, asAnn, 'pending@example.org', { roleId: old })
  const over = await inviteGuest(harness, asAnn, 'over@example.org', { roleId: old })
  await asAnn('DELETE', `/company/guests/${over.id}`)
  await shareWith(cid, old)
  expect(await rolesOf()).toEqual([
    ['Next', { guests: 0, shares: 0 }],
    ['Old', { guests: 2, shares: 1 }],
  ])
  const refused = await asAnn('DELETE', `/company/roles/${old}`)
  expect([refused.status, refused.body.code]).toEqual([409, 'role-in-use'])
  expect(refused.body.detail).toContain('2 guests and 1 share')
  expect(await mayDo(asBob)).toEqual(['monitor', 'diagnose'])
  for (const [replacement, status] of [
    [old, 422],
    [randomUUID(), 404],
  ] as const) {
    expect((await asAnn('DELETE', `/company/roles/${old}?replacement=${replacement}`)).status).toBe(status)
  }
  const done = await asAnn('DELETE', `/company/roles/${old}?replacement=${next}`)
  expect([done.status, done.body.access.edges.length]).toEqual([200, 1])
  expect([await mayDo(asBob), await mayDo(asCid)]).toEqual([
    ['monitor', 'reboot'],
    ['monitor', 'reboot'],
  ])
  expect(await rolesOf()).toEqual([['Next', { guests: 2, shares: 1 }]])
  expect((await asAnn('GET', `/company/guests/${over.id}`)).body).toMatchObject({
    role: null,
    privileges: ['monitor', 'diagnose'],
  })
})

test('the replacement is one of the same company [R33]', async () => {
  const role = await make('Mine', ['monitor'])
  await inviteGuest(harness, asAnn, 'x@example.org', { roleId: role })
  const { body: foreign } = await asBob('POST', '/company/roles', { name: 'Theirs', privileges: ['monitor'] })
  expect((await asAnn('DELETE', `/company/roles/${role}`, { replacement: foreign.id })).status).toBe(404)
  expect(await rolesOf()).toEqual([['Mine', { guests: 1, shares: 0 }]])
})

test('two roles that each take the other’s place at the same moment: one of them stays, and everybody has it [R33]', async () => {
  for (let round = 0; round < 5; round++) {
    const [a, b] = [await make(`A${round}`, ['monitor']), await make(`B${round}`, ['monitor', 'history'])]
    const { id } = await inviteGuest(harness, asAnn, `x${round}@example.org`, { roleId: a })
    await inviteGuest(harness, asAnn, `y${round}@example.org`, { roleId: b })
    const answers = await Promise.all([
      asAnn('DELETE', `/company/roles/${a}?replacement=${b}`),
      asAnn('DELETE', `/company/roles/${b}?replacement=${a}`),
      asAnn('PATCH', `/company/guests/${id}`, { roleId: round % 2 === 0 ? a : b }),
    ])
    expect(answers.slice(0, 2).map(({ status }) => status)).toEqual(expect.arrayContaining([200, 404]))
    expect([200, 404]).toContain(answers[2]?.status)
    const left = (await rolesOf()).filter(([name]: [string]) => name.endsWith(String(round)))
    expect(left.map(([, inUse]: [string, object]) => inUse)).toEqual([{ guests: 2, shares: 0 }])
  }
})

test('a role is named once and gives only what can be given; only owners see and make roles [R33 R74]', async () => {
  const role = await make('Fitter', ['monitor'])
  const said = async (client: Client, method: string, path: string, body?: unknown) => {
    const answer = await client(method, path, body)
    return [answer.status, answer.body.code, answer.body.fields?.[0].path]
  }
  const made = (body: unknown) => said(asAnn, 'POST', '/company/roles', body)
  expect(await made({ name: 'FITTER', privileges: ['monitor'] })).toEqual([409, 'name-taken', undefined])
  expect(await made({ name: 'X', privileges: [] })).toEqual([422, 'input-invalid', 'privileges'])
  expect(await made({ name: 'X', privileges: ['monitor', 'share'] })).toEqual([422, 'input-invalid', 'privileges'])
  expect(await made({ name: ' ', privileges: ['monitor'] })).toEqual([422, 'input-invalid', 'name'])
  const dan = await makeColleague(harness.database.db, ann, 'Dan')
  for (const [method, path, body] of [
    ['GET', '/company/roles'],
    ['POST', '/company/roles', { name: 'Y', privileges: ['monitor'] }],
    ['PATCH', `/company/roles/${role}`, { name: 'Y' }],
    ['DELETE', `/company/roles/${role}`],
  ] as const) {
    expect(await said(clientOf(harness.api, dan.token), method, path, body)).toEqual([403, 'owner-needed', undefined])
    if (path.includes(role)) expect(await said(asBob, method, path, body)).toEqual([404, 'not-found', undefined])
  }
  expect((await asBob('GET', '/company/roles')).body.items).toEqual([])
})
