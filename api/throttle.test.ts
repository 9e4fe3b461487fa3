import { Fault } from '@ridethrough/protocol/fault.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createThrottle, type Throttle, takeAll } from './throttle.ts'

const WAITS = { free: 3, firstWaitMs: 1000, longestWaitMs: 4000, forgetMs: 60_000 }

let database: TestDatabase
let count = 0

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())

const fresh = () => createThrottle(database.db, `test${++count}`, WAITS)

async function outcomeOf(take: Promise<void>): Promise<number | 'taken'> {
  try {
    await take
    return 'taken'
  } catch (error) {
    if (error instanceof Fault && error.code === 'too-many-tries') return error.retryAfter ?? 0
    throw error
  }
}

const tryAt = (throttle: Throttle, now: number, key = 'ann') => outcomeOf(throttle.take(key, now))

test('guessing waits longer each time: a few are free, then each wait is twice the one before, up to the longest [ASVS 6.3.1]', async () => {
  const throttle = fresh()
  const steps: [now: number, expected: number | 'taken'][] = [
    [0, 'taken'],
    [0, 'taken'],
    [0, 'taken'],
    [0, 1],
    [999, 1],
    [1000, 'taken'],
    [1000, 2],
    [3000, 'taken'],
    [3000, 4],
    [7000, 'taken'],
    [7000, 4],
  ]
  for (const [now, expected] of steps) expect([now, await tryAt(throttle, now)]).toEqual([now, expected])
})

test('others are not held up, what was right is forgotten, and so is what is long ago', async () => {
  const throttle = fresh()
  for (let n = 0; n < 3; n++) await tryAt(throttle, 0)
  expect(await tryAt(throttle, 0, 'bob')).toBe('taken')
  await throttle.forget('ann')
  for (let n = 0; n < 3; n++) expect(await tryAt(throttle, 0)).toBe('taken')
  expect(await tryAt(throttle, 0)).toBe(1)
  for (let n = 0; n < 3; n++) expect(await tryAt(throttle, 60_000)).toBe('taken')
})

test('a try that was right leaves those of others counted', async () => {
  const throttle = fresh()
  for (let n = 0; n < 3; n++) await tryAt(throttle, 0)
  await throttle.giveBack('ann')
  expect(await tryAt(throttle, 0)).toBe('taken')
  expect(await tryAt(throttle, 0)).toBe(1)
})

test('many at once, over two servers, are no way around it', async () => {
  const name = `test${++count}`
  const servers = [createThrottle(database.db, name, WAITS), createThrottle(database.db, name, WAITS)]
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, n) => tryAt(servers[n % 2] as Throttle, 0)))
  expect(outcomes.filter((one) => one === 'taken')).toHaveLength(WAITS.free)
})

test('of several throttles all take the try, or none', async () => {
  const [strict, lax] = [createThrottle(database.db, 'strict', { ...WAITS, free: 1 }), fresh()]
  const both = () =>
    outcomeOf(
      takeAll(
        database.db,
        [
          [lax, 'ann'],
          [strict, 'ann'],
        ],
        0,
      ),
    )
  expect(await both()).toBe('taken')
  for (let n = 0; n < 5; n++) expect(await both()).toBe(1)
  expect(await tryAt(lax, 0)).toBe('taken')
  expect(await tryAt(lax, 0)).toBe('taken')
  expect(await tryAt(lax, 0)).toBe(1)
})

test('the table names neither people nor networks', async () => {
  await tryAt(fresh(), 0, 'ann@example.org 192.0.2.1')
  const rows = await database.db.selectFrom('throttle').select('key').execute()
  for (const { key } of rows) expect(key).toMatch(/^[a-z-]+\d*:[\w-]{43}$/)
})

test('nobody gets more tries than the waits allow, whenever they try', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5000), { maxLength: 40 }), async (pauses) => {
      const throttle = fresh()
      let now = 0
      let taken = 0
      for (const pause of pauses) {
        now += pause
        if ((await tryAt(throttle, now)) === 'taken') taken += 1
      }
      // After the free ones at 0, at best one at 1 s, one at 3 s, and then one each 4 s.
      expect(taken).toBeLessThanOrEqual(WAITS.free + 2 + now / 4000 + 1)
    }),
    { numRuns: 25 },
  )
})
