// The model test, short: `npm run test:model -- --operations 1000000` is the long one.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { runModel } from './run.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

test('random operations on the real broker: nothing comes that the model forbids, nothing is missing [R16 R17 R23 R24 R25 R31 R32 R43 R70 R71 R72]', async () => {
  const report = await runModel({
    databaseUrl: database.url,
    seed: Date.now() % 1_000_000,
    operations: 6000,
    stallEvery: 60,
  })
  expect(report.disagreement, `seed ${report.seed}`).toBeUndefined()
  expect(report.deliveries).toBeGreaterThan(5000)
  // Every kind of operation has its turn, but for those that the rarest states allow.
  expect(Object.keys(report.kinds)).toEqual(
    expect.arrayContaining(['change', 'clock', 'publish', 'subscribe', 'unsubscribe', 'connect', 'takeover', 'will']),
  )
}, 180_000)
