// A broker for a test file, with clients that are closed after each test, and a small world of two devices to begin from.

import { startTestBroker, type TestBroker, type TestClient } from '@ridethrough/broker/testing.ts'
import { waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Arrival, Client } from '../model/client.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { makeAgent, makeDevice, makePerson, makeShare } from './world.ts'

/** `served` is filled before the first test of the file. */
export function serveTests(options: Parameters<typeof startTestBroker>[1] = {}) {
  const served = {} as { broker: TestBroker; database: TestDatabase; listener: Listener }
  const open: { end(): Promise<void> }[] = []
  beforeAll(async () => {
    served.database = await testDatabase()
    served.listener = await Listener.start(served.database.url, pino({ level: 'silent' }))
    served.broker = await startTestBroker(served.database.url, options)
  })
  afterEach(async () => {
    for (const client of open.splice(0)) await client.end()
  })
  afterAll(async () => {
    await served.broker?.stop()
    await served.listener?.stop()
    await served.database?.stop()
  })
  const settled = (version: number) => waitForEdges(served.database.db, served.listener, version, systemClock)

  return {
    served,
    /** Resolves when every edge has applied it. */
    settled,
    /** The client, which is closed when the test is over. */
    async keep(client: Promise<TestClient>): Promise<TestClient> {
      const one = await client
      open.push(one)
      return one
    },
    /** A client that repairs nothing and hides nothing; its `ping` is false when the broker has ended the connection. */
    bare(onMessage: (arrival: Arrival) => void = () => {}, broker: TestBroker = served.broker): Client {
      const client = new Client(broker.port, onMessage)
      open.push({ end: async () => void client.socket.destroy() })
      return client
    },
    /** Ann's rack is shared with Bob, her attic is not; one agent reads both. */
    async world() {
      const { db } = served.database
      const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
      const agent = await makeAgent(db)
      const rack = await makeDevice(db, ann, agent, 'Rack')
      const attic = await makeDevice(db, ann, agent, 'Attic')
      const share = await makeShare(db, ann, bob, [rack])
      await settled(share.version)
      return { db, ann, bob, agent, rack, attic, share }
    },
  }
}
