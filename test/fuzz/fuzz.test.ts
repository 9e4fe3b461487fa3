// A minute of what `npm run fuzz -- --packets 10000000` does for ten.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { runFuzz } from './run.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database?.stop())

test('whatever is sent, the broker lives, answers or closes, and serves the others in order', async () => {
  const seed = Date.now() % 1_000_000
  const report = await runFuzz({
    databaseUrl: database.url,
    seed,
    packets: Number.POSITIVE_INFINITY,
    seconds: 60,
    // Other tests run beside this one: what takes so long hangs.
    healthMs: 5000,
    mayLapse: true,
  })
  expect(report.violations, `npm run fuzz -- --seed ${seed}`).toEqual([])
  expect(report.packets).toBeGreaterThan(50_000)
  // Bytes that end a connection came before CONNACK and behind it.
  expect(report.opened.in).toBeGreaterThan(100)
  expect(report.opened.refused).toBeGreaterThan(10)
  expect(report.opened.closed).toBeGreaterThan(50)
  expect([...report.refused.keys()]).toEqual(
    expect.arrayContaining(['packet-malformed', 'topic-malformed', 'flags-malformed', 'connect-malformed', 'qos-2']),
  )
}, 180_000)
