import { createHash, randomUUID } from 'node:crypto'
import type { InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../../test/support/world.ts'
import { listRegistered, markAllAgentsOffline, replaceInventories, updatePresences } from './agent.ts'
import { announceAgentSecret, enrolAgent, findAgentIdentity, promoteAgentSecret } from './agent-identity.ts'
import { storeSamples } from './ingest.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.stop())

const hash = (text: string) => createHash('sha256').update(text).digest()
const NOW = new Date('2026-05-01T12:00:00Z')

const token = (text: string) => ({ kind: 'token' as const, hash: hash(text) })
const newAgent = (agentId: string, text: string) => ({ agentId, secret: token(text), certificateExpiresAt: null })

async function replaceInventory(agentId: string, devices: readonly InventoryDevice[]) {
  return (await replaceInventories(database.db, [{ agentId, devices, foundAt: NOW }])).get(agentId) ?? []
}

function found(deviceId: string, claimCode?: string): InventoryDevice {
  return {
    deviceId,
    name: 'rack',
    driver: 'ups-mib',
    mfr: 'Test',
    model: 'T1',
    serial: 'S\0',
    firmware: '1',
    commands: ['beeper.mute', 'load.off'],
    settings: [],
    ...(claimCode === undefined
      ? {}
      : { claim: { hash: hash(claimCode).toString('hex'), expiresAt: NOW.getTime() + 900_000 } }),
  }
}

test('however many new agents come at once, no more than the limit get in, and those long gone give way', async () => {
  const { db } = database
  const results = await Promise.all(Array.from({ length: 12 }, () => enrolAgent(db, newAgent(randomUUID(), 't'), 5)))
  expect(results.filter(Boolean)).toHaveLength(5)
  const { numUpdatedRows } = await db
    .updateTable('agent')
    .set({ seen_at: new Date(Date.now() - 2 * 86_400_000) })
    .where('token_hash', '=', hash('t'))
    .executeTakeFirst()
  expect(numUpdatedRows).toBe(5n)
  const late = randomUUID()
  expect(await enrolAgent(db, newAgent(late, 't'), 5)).toBe(true)
  expect(await findAgentIdentity(db, late)).toEqual({ current: token('t'), next: undefined, isRevoked: false })
})

test('an agent that has a claimed device takes no place among the unclaimed', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const count = async () => (await db.selectFrom('agent').select('id').execute()).length
  const unclaimed = await count()
  expect(await enrolAgent(db, newAgent(randomUUID(), 't'), unclaimed)).toBe(false)
  await makeDevice(db, ann, agent, 'Rack')
  expect(await enrolAgent(db, newAgent(randomUUID(), 't'), unclaimed)).toBe(true)
})

test('enrolling an id that is there changes nothing', async () => {
  const { db } = database
  const agent = await makeAgent(db)
  await enrolAgent(db, newAgent(agent.agentId, 'another token'), 1000)
  expect((await findAgentIdentity(db, agent.agentId))?.current).toEqual(token(agent.token))
})

test('the secret that was announced takes the place of the present one when it is shown, whichever kind they are', async () => {
  const { db } = database
  const { agentId, token: first } = await makeAgent(db)
  const key = { kind: 'certificate' as const, hash: hash('a key') }
  const until = new Date('2027-01-01T00:00:00Z')
  const shown = { agentId, secret: key, certificateExpiresAt: until }
  expect(await promoteAgentSecret(db, shown)).toBe(false)
  await announceAgentSecret(db, agentId, token('given up'))
  await announceAgentSecret(db, agentId, key)
  expect(await findAgentIdentity(db, agentId)).toEqual({ current: token(first), next: key, isRevoked: false })
  expect(await promoteAgentSecret(db, { ...shown, secret: token('given up') })).toBe(false)
  expect(await promoteAgentSecret(db, shown)).toBe(true)
  expect(await findAgentIdentity(db, agentId)).toEqual({ current: key, next: undefined, isRevoked: false })
  expect(await promoteAgentSecret(db, shown)).toBe(false)
  await announceAgentSecret(db, agentId, token('second'))
  expect(await promoteAgentSecret(db, { agentId, secret: token('second'), certificateExpiresAt: null })).toBe(true)
  expect((await findAgentIdentity(db, agentId))?.current).toEqual(token('second'))
})

test("a key is one agent's: whoever enrols with it under another id is not written down", async () => {
  const { db } = database
  const secret = { kind: 'certificate' as const, hash: hash('one key') }
  const [one, two] = [randomUUID(), randomUUID()]
  for (const agentId of [one, two]) await enrolAgent(db, { agentId, secret, certificateExpiresAt: NOW }, 1000)
  expect((await findAgentIdentity(db, one))?.current).toEqual(secret)
  expect(await findAgentIdentity(db, two)).toBeUndefined()
})

test('an inventory is what the agent found last; claimed devices stay, devices of others are refused', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const [mine, theirs] = [await makeAgent(db), await makeAgent(db)]
  const claimed = await makeDevice(db, ann, mine, 'Claimed')
  const foreign = await makeDevice(db, ann, theirs, 'Foreign')
  const [old, fresh] = [randomUUID(), randomUUID()]
  expect(await replaceInventory(mine.agentId, [found(old, 'code-1')])).toEqual([])
  expect(await replaceInventory(mine.agentId, [found(fresh), found(fresh, 'code-2'), found(foreign)])).toEqual([
    foreign,
  ])
  const rows = await db.selectFrom('agent_device').selectAll().where('agent_id', '=', mine.agentId).execute()
  expect(rows.map((row) => row.device_id).sort()).toEqual([claimed, fresh].sort())
  expect(rows.find((row) => row.device_id === fresh)).toMatchObject({
    serial: 'S\ufffd',
    commands: ['beeper.mute', 'load.off'],
    claim_hash: hash('code-2'),
    claim_expires_at: new Date(NOW.getTime() + 900_000),
  })
  expect(
    await db.selectFrom('agent_device').select('agent_id').where('device_id', '=', foreign).executeTakeFirst(),
  ).toEqual({ agent_id: theirs.agentId })
})

test('a claim code that another device shows is a conflict, and nothing of that inventory is taken', async () => {
  const { db } = database
  const [one, two] = [await makeAgent(db), await makeAgent(db)]
  await replaceInventory(one.agentId, [found(randomUUID(), 'same')])
  const device = randomUUID()
  await expect(replaceInventory(two.agentId, [found(device, 'same')])).rejects.toMatchObject({ code: '23505' })
  expect(await db.selectFrom('agent_device').select('device_id').where('device_id', '=', device).execute()).toEqual([])
})

test('many inventories at once: each is what it would be alone; a device that two name goes to whoever has it, or to the first', async () => {
  const { db } = database
  const [one, two, three] = [await makeAgent(db), await makeAgent(db), await makeAgent(db)]
  const [kept, dropped, contested, fresh, moved] = Array.from({ length: 5 }, () => randomUUID()) as [
    string,
    string,
    string,
    string,
    string,
  ]
  await replaceInventory(two.agentId, [found(kept), found(dropped), found(contested)])
  await replaceInventory(three.agentId, [found(moved)])
  const inventory = (agentId: string, ids: readonly string[]) => ({
    agentId,
    devices: ids.map((id) => found(id)),
    foundAt: NOW,
  })
  const refused = await replaceInventories(db, [
    inventory(one.agentId, [contested, fresh, moved]),
    inventory(two.agentId, [kept, contested, fresh]),
    inventory(three.agentId, []),
  ])
  expect([...refused]).toEqual([
    [one.agentId, [contested]],
    [two.agentId, [fresh]],
  ])
  const has = async ({ agentId }: { agentId: string }) =>
    (await db.selectFrom('agent_device').select('device_id').where('agent_id', '=', agentId).execute())
      .map((row) => row.device_id)
      .sort()
  expect([await has(one), await has(two), await has(three)]).toEqual([
    [fresh, moved].sort(),
    [kept, contested].sort(),
    [],
  ])
})

test('presence: what is not said stays, many are written at once; after a crash of the broker nobody is there', async () => {
  const { db } = database
  const [agent, other] = [await makeAgent(db), await makeAgent(db)]
  const row = ({ agentId }: { agentId: string }) =>
    db
      .selectFrom('agent')
      .select(['online', 'version', 'interval_s', 'seen_at'])
      .where('id', '=', agentId)
      .executeTakeFirst()
  const said = { online: true, version: '2.0', intervalS: 15, at: NOW }
  const before = await row(other)
  await updatePresences(db, [
    { agentId: agent.agentId, ...said },
    { agentId: other.agentId, ...said, version: null, intervalS: null },
    { agentId: randomUUID(), ...said },
  ])
  expect(await row(agent)).toEqual({ online: true, version: '2.0', interval_s: 15, seen_at: NOW })
  expect(await row(other)).toEqual({ ...before, online: true, seen_at: NOW })
  await updatePresences(db, [{ agentId: agent.agentId, ...said, version: 'a\0b\ud800' }])
  expect((await row(agent))?.version).toBe('a\ufffdb\ufffd')
  expect(await markAllAgentsOffline(db)).toBe(2)
  expect(await row(agent)).toEqual({ online: false, version: 'a\ufffdb\ufffd', interval_s: 15, seen_at: NOW })
})

test('registered devices come with the highest sequence stored, by agent', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const [agent, other, none] = [await makeAgent(db), await makeAgent(db), await makeAgent(db)]
  const [a, b] = [await makeDevice(db, ann, agent, 'A'), await makeDevice(db, ann, agent, 'B')]
  const c = await makeDevice(db, ann, other, 'C')
  await storeSamples(
    db,
    [{ deviceId: a, sample: { kind: 'problem', seq: 41, at: NOW.getTime(), problem: 'no-answer', detail: '' } }],
    NOW,
  )
  const registered = await listRegistered(db, [agent.agentId, other.agentId, none.agentId])
  expect(registered.get(agent.agentId)).toHaveLength(2)
  expect(registered.get(agent.agentId)).toEqual(
    expect.arrayContaining([
      { deviceId: a, seq: 41 },
      { deviceId: b, seq: 0 },
    ]),
  )
  expect(registered.get(other.agentId)).toEqual([{ deviceId: c, seq: 0 }])
  expect(registered.has(none.agentId)).toBe(false)
})
