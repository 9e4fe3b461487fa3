// What waits for the database is bounded, and whoever can wait is told when there is room again.
import { systemClock } from '@ridethrough/db/clock.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../test/support/world.ts'
import { Ingest, type IngestFailure } from './ingest.ts'
import { createMetrics } from './metrics.ts'
import { values } from './testing.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.stop())

/** A queue whose first group waits until `release` is called: the row of its device is taken. */
async function heldQueue() {
  const { db } = database
  const deviceId = await makeDevice(db, await makePerson(db, 'Ann'), await makeAgent(db), 'Rack')
  const metrics = createMetrics()
  const log = pino({ level: 'silent' })
  const ingest = new Ingest({ db, clock: systemClock, log, metrics, patienceMs: 30_000, onStored: () => {} })
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const blocking = db.transaction().execute(async (tx) => {
    await tx.selectFrom('device').select('id').where('id', '=', deviceId).forUpdate().execute()
    held.resolve()
    await release.promise
  })
  await held.promise
  let seq = 0
  return {
    ingest,
    release: async () => {
      release.resolve()
      await blocking
    },
    add: (samples: number, text = 'x') =>
      new Promise<IngestFailure | undefined>((resolve) => {
        const batch = Array.from({ length: samples }, () => values(++seq, { 'ups.id': text }))
        ingest.add({ deviceId, samples: batch, payload: undefined }, resolve)
      }),
    metric: async (name: string) => {
      const found = await metrics.registry.getSingleMetric(`ridethrough_broker_${name}`)?.get()
      return found?.values[0]?.value
    },
  }
}

test('it is crowded when two groups wait, and whoever asked gets room in turn once one of them is stored', async () => {
  const { ingest, add, release, metric } = await heldQueue()
  const order: string[] = []
  ingest.onRoom(() => order.push('at once'))
  const answers = [add(1)]
  await expect.poll(() => metric('ingest_lag_seconds')).toBeGreaterThan(0)
  while (!ingest.isCrowded) answers.push(add(100))
  expect(await metric('samples_waiting')).toBe(8001)
  expect(await metric('ingest_waiting_bytes')).toBeGreaterThan(8001 * 100)
  ingest.onRoom(() => order.push('first'))
  ingest.onRoom(() => {
    order.push('second')
    while (!ingest.isCrowded) answers.push(add(100))
  })
  const third = () => order.push('third')
  ingest.onRoom(third)
  ingest.onRoom(third)
  const gone = () => order.push('gone')
  ingest.onRoom(gone)
  ingest.offRoom(gone)
  expect(order).toEqual(['at once'])
  await release()
  // More than there is room for comes in with the second: the third waits until that is stored too.
  await expect.poll(() => order).toEqual(['at once', 'first', 'second', 'third'])
  expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined]))
  expect(await metric('samples_waiting')).toBe(0)
  expect(await metric('ingest_waiting_bytes')).toBe(0)
  expect(await metric('ingest_lag_seconds')).toBe(0)
  await ingest.stop()
})

test('bytes crowd as well as samples do', async () => {
  const { ingest, add, release } = await heldQueue()
  const answers: Promise<unknown>[] = []
  while (!ingest.isCrowded) answers.push(add(20, 'x'.repeat(1000)))
  expect(answers.length * 20).toBeLessThan(8000)
  await release()
  await Promise.all(answers)
  await ingest.stop()
})

test('who does not wait for room is refused in the end, and nobody else is', async () => {
  const { ingest, add, release } = await heldQueue()
  const answers = Array.from({ length: 500 }, () => add(100))
  expect(await add(100)).toBe('too-many-waiting')
  await release()
  expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined]))
  await ingest.stop()
})
