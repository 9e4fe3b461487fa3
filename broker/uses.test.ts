// What is delivered is counted for the ledger of both sides: once for each connection, whatever comes by it.
import { listUses } from '@ridethrough/db/query/use.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare } from '../test/support/world.ts'
import { connectAgent, connectPerson, publishState, startTestBroker, values } from './testing.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())

test('a subscription that was delivered from is a use of the share; what owners read is none [R24 R63]', async () => {
  const { db, url } = database
  const [ann, bob, cid] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob'), await makePerson(db, 'Cid')]
  const agent = await makeAgent(db)
  const [rack, desk] = [await makeDevice(db, ann, agent, 'Rack'), await makeDevice(db, ann, agent, 'Desk')]
  const { shareId } = await makeShare(db, ann, bob, [rack, desk])
  const unused = await makeShare(db, ann, cid, [rack])
  const broker = await startTestBroker(url)
  try {
    const sender = await connectAgent(broker, agent)
    const owner = await connectPerson(broker, ann)
    const reader = await connectPerson(broker, bob)
    const second = await connectPerson(broker, bob)
    const idle = await connectPerson(broker, cid)
    await owner.subscribe('v1/devices/+/state')
    for (const one of [reader, second]) await one.subscribe(`v1/devices/${rack}/state`)
    const before = Date.now()
    for (let seq = 1; seq <= 5; seq += 1) await publishState(sender, rack, values(seq))
    await publishState(sender, desk, values(1))
    for (const one of [reader, second]) await one.next(({ text }) => JSON.parse(text).seq === 5)
    for (const one of [sender, owner, reader, second, idle]) await one.end()
    // What is in memory is stored before it stops.
    await broker.stop()
    const uses = await listUses(db, shareId)
    expect(uses).toMatchObject([{ deviceId: rack, deviceName: 'Rack', uses: 1 }])
    expect(uses[0]?.firstAt.getTime()).toBeGreaterThanOrEqual(before)
    expect(await listUses(db, unused.shareId)).toEqual([])
    expect(await db.selectFrom('grant_use').select('grant_id').execute()).toHaveLength(1)
  } finally {
    await broker.stop()
  }
})
