// Periods end by the clock alone: `node test/model/periods.ts` is the long one.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { runEnds } from './ends.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

test('shares end while the clock is set back and forth: no delivery later than 50 ms, none lost before [R23 R70 R71]', async () => {
  const report = await runEnds({ databaseUrl: database.url, seed: 1, shares: 200, seconds: 6 })
  expect(report).toMatchObject({ tooLate: 0, missing: 0 })
  expect(report.ends).toBeGreaterThan(100)
  expect(report.deliveries).toBeGreaterThan(500)
}, 120_000)
