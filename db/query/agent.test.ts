import { createHash, randomUUID } from 'node:crypto'
import type { InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../../test/support/world.ts'
import {
  enrolAgent,
  findAgentCredential,
  listRegistered,
  markAllAgentsOffline,
  replaceInventory,
  updatePresence,
} from './agent.ts'
import { storeSamples } from './ingest.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.stop())

const hash = (text: string) => createHash('sha256').update(text).digest()
const NOW = new Date('2026-05-01T12:00:00Z')

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
  const results = await Promise.all(Array.from({ length: 12 }, () => enrolAgent(db, randomUUID(), hash('t'), 5)))
  expect(results.filter(Boolean)).toHaveLength(5)
  const { numUpdatedRows } = await db
    .updateTable('agent')
    .set({ seen_at: new Date(Date.now() - 2 * 86_400_000) })
    .where('token_hash', '=', hash('t'))
    .executeTakeFirst()
  expect(numUpdatedRows).toBe(5n)
  const late = randomUUID()
  expect(await enrolAgent(db, late, hash('t'), 5)).toBe(true)
  expect(await findAgentCredential(db, late)).toEqual({ tokenHash: hash('t'), isRevoked: false })
})

test('an agent that has a claimed device takes no place among the unclaimed', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const count = async () => (await db.selectFrom('agent').select('id').execute()).length
  const unclaimed = await count()
  expect(await enrolAgent(db, randomUUID(), hash('t'), unclaimed)).toBe(false)
  await makeDevice(db, ann, agent, 'Rack')
  expect(await enrolAgent(db, randomUUID(), hash('t'), unclaimed)).toBe(true)
})

test('enrolling an id that is there changes nothing', async () => {
  const { db } = database
  const agent = await makeAgent(db)
  await enrolAgent(db, agent.agentId, hash('another token'), 1000)
  expect((await findAgentCredential(db, agent.agentId))?.tokenHash).toEqual(hash(agent.token))
})

test('an inventory is what the agent found last; claimed devices stay, devices of others are refused', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const [mine, theirs] = [await makeAgent(db), await makeAgent(db)]
  const claimed = await makeDevice(db, ann, mine, 'Claimed')
  const foreign = await makeDevice(db, ann, theirs, 'Foreign')
  const [old, fresh] = [randomUUID(), randomUUID()]
  expect(await replaceInventory(db, mine.agentId, [found(old, 'code-1')], NOW)).toEqual({ refused: [] })
  expect(await replaceInventory(db, mine.agentId, [found(fresh), found(fresh, 'code-2'), found(foreign)], NOW)).toEqual(
    { refused: [foreign] },
  )
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
  await replaceInventory(db, one.agentId, [found(randomUUID(), 'same')], NOW)
  const device = randomUUID()
  await expect(replaceInventory(db, two.agentId, [found(device, 'same')], NOW)).rejects.toMatchObject({ code: '23505' })
  expect(await db.selectFrom('agent_device').select('device_id').where('device_id', '=', device).execute()).toEqual([])
})

test('presence: what is not said stays; after a crash of the broker nobody is there', async () => {
  const { db } = database
  const agent = await makeAgent(db)
  await updatePresence(db, agent.agentId, { online: true, version: '2.0', intervalS: 15 }, NOW)
  const row = () =>
    db
      .selectFrom('agent')
      .select(['online', 'version', 'interval_s', 'seen_at'])
      .where('id', '=', agent.agentId)
      .executeTakeFirst()
  expect(await row()).toEqual({ online: true, version: '2.0', interval_s: 15, seen_at: NOW })
  expect(await markAllAgentsOffline(db)).toBe(1)
  expect(await row()).toEqual({ online: false, version: '2.0', interval_s: 15, seen_at: NOW })
})

test('registered devices come with the highest sequence stored', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const [a, b] = [await makeDevice(db, ann, agent, 'A'), await makeDevice(db, ann, agent, 'B')]
  await storeSamples(
    db,
    [{ deviceId: a, sample: { kind: 'problem', seq: 41, at: NOW.getTime(), problem: 'no-answer', detail: '' } }],
    NOW,
  )
  const registered = await listRegistered(db, agent.agentId)
  expect(registered).toHaveLength(2)
  expect(registered).toEqual(
    expect.arrayContaining([
      { deviceId: a, seq: 41 },
      { deviceId: b, seq: 0 },
    ]),
  )
})
