// Revoking agents: who may, what it cuts, and what stays.
import { insertToken } from '@ridethrough/db/query/token.ts'
import { maskOf } from '@ridethrough/protocol/privilege.ts'
import {
  changeAccess,
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
} from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { offerDevice, report, setAgentOnline } from '../support/device.ts'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})

afterAll(() => harness?.stop())

const as = (person: Pick<Person, 'token'>) => clientOf(harness.api, person.token)

/** Somebody in the company of another. */
async function coworker(of: Person, role: 'owner' | 'member'): Promise<Person> {
  const { db } = harness.database
  const person = await makePerson(db, role)
  await changeAccess(db, { accounts: [person.accountId], what: 'joined' }, async (tx) => {
    await tx.updateTable('account').set({ company_id: of.companyId, role }).where('id', '=', person.accountId).execute()
  })
  return { ...person, companyId: of.companyId }
}

async function setUp() {
  const { db } = harness.database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  return { db, ann, agent, rack: await makeDevice(db, ann, agent, 'Rack') }
}

test('a company sees the agents that read its devices, others do not [ASVS 8.4.1]', async () => {
  const { db, ann, agent, rack } = await setUp()
  await setAgentOnline(db, agent, true)
  const bob = await makePerson(db, 'Bob')
  await makeShare(db, ann, bob, [rack])
  await makeAgent(db)
  const { body } = await as(ann)('GET', '/agents')
  expect(body.items).toEqual([
    {
      id: agent.agentId,
      version: 'test',
      online: true,
      seenAt: expect.any(String),
      devices: [{ id: rack, name: 'Rack' }],
      certificateExpiresAt: null,
      revokedAt: null,
    },
  ])
  expect((await as(await coworker(ann, 'member'))('GET', '/agents')).body.items).toHaveLength(1)
  expect((await as(bob)('GET', '/agents')).body.items).toEqual([])
})

test('an API token sees agents of the devices that it reaches only [ASVS 8.2.2]', async () => {
  const { db, ann, agent, rack } = await setUp()
  const other = await makeAgent(db)
  await makeDevice(db, ann, other, 'Cellar')
  await makeDevice(db, ann, agent, 'Attic')
  const { token } = await insertToken(db, {
    accountId: ann.accountId,
    name: 'narrow',
    privileges: maskOf(['monitor']),
    deviceIds: [rack],
    at: new Date(),
    expiresAt: new Date(Date.now() + 60_000),
  })
  const { body } = await as({ token })('GET', '/agents')
  expect(body.items).toMatchObject([{ id: agent.agentId, devices: [{ id: rack }] }])
  expect(await as({ token })('DELETE', `/agents/${agent.agentId}`)).toMatchObject({
    status: 403,
    body: { code: 'token-refused' },
  })
})

test('an owner revokes an agent: its device stays with what it said, nothing of it can be claimed, and the log has it', async () => {
  const { db, ann, agent, rack } = await setUp()
  await report(db, rack, 1, { 'battery.charge': 80 })
  await offerDevice(db, agent, 'AAAAA-BBBBB-CCCCC', new Date(Date.now() + 60_000))
  const revoked = await as(ann)('DELETE', `/agents/${agent.agentId}`)
  expect(revoked.status).toBe(200)
  expect(revoked.body.access.edges).toMatchObject([{ outcome: 'applied' }])
  const [view] = (await as(ann)('GET', '/agents')).body.items
  expect(view.revokedAt).toEqual(expect.any(String))
  expect((await as(ann)('GET', `/devices/${rack}/state`)).body).toMatchObject({
    seq: 1,
    variables: { 'battery.charge': 80 },
  })
  expect((await as(ann)('POST', '/devices/claim', { code: 'AAAAA-BBBBB-CCCCC' })).body.code).toBe('code-wrong')
  expect((await as(ann)('DELETE', `/agents/${agent.agentId}`)).status).toBe(200)
  expect((await as(ann)('GET', '/agents')).body.items[0].revokedAt).toBe(view.revokedAt)
  const { body } = await as(ann)('GET', '/events?kind=agent.revoked')
  expect(body.items).toMatchObject([{ outcome: 'done', subject: { agent: { id: agent.agentId }, devices: [rack] } }])
})

test('nobody but an owner of all its devices revokes an agent; to strangers it is not there [ASVS 8.2.1] [ASVS 8.4.1]', async () => {
  const { db, ann, agent, rack } = await setUp()
  const [bob, eve] = [await makePerson(db, 'Bob'), await makePerson(db, 'Eve')]
  await makeShare(db, ann, bob, [rack])
  const path = `/agents/${agent.agentId}`
  for (const stranger of [bob, eve]) {
    expect(await as(stranger)('DELETE', path)).toMatchObject({ status: 404, body: { code: 'not-found' } })
  }
  const member = await coworker(ann, 'member')
  expect(await as(member)('DELETE', path)).toMatchObject({ status: 403, body: { code: 'owner-needed' } })
  const unclaimed = await makeAgent(db)
  expect((await as(ann)('DELETE', `/agents/${unclaimed.agentId}`)).status).toBe(404)
  // a device of somebody else hangs on it too
  await makeDevice(db, eve, agent, 'Eves')
  for (const owner of [ann, eve]) {
    expect(await as(owner)('DELETE', path)).toMatchObject({ status: 403, body: { code: 'right-missing' } })
  }
  const row = await db.selectFrom('agent').select('revoked_at').where('id', '=', agent.agentId).executeTakeFirst()
  expect(row).toEqual({ revoked_at: null })
})

test('any owner of the company may', async () => {
  const { ann, agent } = await setUp()
  expect((await as(await coworker(ann, 'owner'))('DELETE', `/agents/${agent.agentId}`)).status).toBe(200)
})
