import { readHistory } from '@ridethrough/db/query/history.ts'
import { type Grant, viaOf } from '@ridethrough/protocol/policy.ts'
import { bitOf } from '@ridethrough/protocol/privilege.ts'
import { compileSchedule, WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import {
  changeAccess,
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
} from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { report } from '../support/device.ts'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'
import { spansWithin } from './history.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const ZONE = 'Europe/Berlin'
/** Three weeks around the night in which the clocks go forward, a sample every ten minutes. */
const START = Date.parse('2027-03-15T00:00:00Z')
const END = START + 21 * DAY
const STEP = 10 * MINUTE

let harness: Harness
let ann: Person
let rack: string

beforeAll(async () => {
  harness = await startHarness()
  const { db } = harness.database
  ann = await makePerson(db, 'Ann')
  rack = await makeDevice(db, ann, await makeAgent(db), 'Rack')
  // The value of each sample is its own time, so that a mean tells which samples are in it.
  await sql`
    insert into sample (device_id, seq, at, received_at, status, variables)
    select ${rack}::uuid, i, to_timestamp((${START}::float8 + i * ${STEP}::float8) / 1000), now(), 'OL',
      jsonb_build_object('battery.charge', ${START}::float8 + i * ${STEP}::float8)
    from generate_series(0, ${(END - START) / STEP - 1}::int) i`.execute(db)
})
afterAll(() => harness.stop())

const arbHour = fc.integer({ min: 0, max: 23 }).map((hour) => `${String(hour).padStart(2, '0')}:00`)
const arbWindow: fc.Arbitrary<WeeklyWindow> = fc.record({
  days: fc.subarray([...WEEKDAYS], { minLength: 1 }),
  from: arbHour,
  until: fc.oneof(arbHour, fc.constant('24:00')),
})
const arbBound = fc.option(fc.integer({ min: START - DAY, max: END + DAY }))
const arbGrant: fc.Arbitrary<Grant> = fc
  .record({ from: arbBound, until: arbBound, windows: fc.array(arbWindow, { maxLength: 3 }) })
  .map(({ from, until, windows }) => ({
    via: 'share:x' as const,
    privileges: bitOf('history'),
    periods: [{ from, until }],
    schedule: compileSchedule(windows, ZONE),
    windows,
    variables: null,
  }))

/** Asked instant by instant, as the edges would have been asked then. */
function wasOpen(grants: readonly Grant[], now: number, at: number): boolean {
  return grants.some(
    (grant) => viaOf([grant], 'history', now) !== undefined && viaOf([grant], 'history', at) !== undefined,
  )
}

test('no point lies outside what the grants that hold now have covered, and no mean has such a sample in it [R64]', async () => {
  const { db } = harness.database
  const arbAsked = fc.record({
    grants: fc.array(arbGrant, { minLength: 1, maxLength: 3 }),
    now: fc.integer({ min: START, max: END }),
    from: fc.integer({ min: START - DAY, max: END - HOUR }),
    length: fc.integer({ min: HOUR, max: 22 * DAY }),
    points: fc.constantFrom(10, 60, 500),
  })
  await fc.assert(
    fc.asyncProperty(arbAsked, async ({ grants, now, from, length, points }) => {
      const range = { from, to: from + length }
      const stepMs = Math.max(length / points, 5000)
      const within = spansWithin(grants, ZONE, range, now)
      const variables = ['battery.charge']
      const found = (await readHistory(db, { deviceId: rack, variables, ...range, within, stepMs })).get(
        'battery.charge',
      )
      const buckets = new Map<number, number[]>()
      for (let at = START; at < END; at += STEP) {
        if (at < range.from || at >= range.to || !wasOpen(grants, now, at)) continue
        const bucket = Math.floor((at - range.from) / stepMs)
        buckets.set(bucket, [...(buckets.get(bucket) ?? []), at])
      }
      const means = [...buckets.values()].map((ats) => ats.reduce((sum, at) => sum + at - START, 0) / ats.length)
      expect(found?.map(({ value }) => Math.round(value - START))).toEqual(means.map((mean) => Math.round(mean)))
      for (const { at } of found ?? []) expect(wasOpen(grants, now, at)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test('the recipient sees the past inside their own period and windows only, the owner all of it [R23 R64]', async () => {
  const { db } = harness.database
  const bob = await makePerson(db, 'Bob')
  const desk = await makeDevice(db, ann, await makeAgent(db), 'Desk')
  // Yesterday, today and tomorrow are open, so that midnight does not matter; three days ago was not.
  const now = Date.now()
  const today = ((new Date(now).getUTCDay() + 6) % 7) + 1
  const days = [((today + 5) % 7) + 1, today, (today % 7) + 1]
  const { shareId } = await makeShare(db, ann, bob, [desk], { startsAt: new Date(now - 10 * DAY) })
  await changeAccess(db, { accounts: [bob.accountId], what: 'windows set' }, async (tx) => {
    const windows = JSON.stringify([{ days, from: '00:00', until: '24:00' }])
    await tx.updateTable('share').set({ windows }).where('id', '=', shareId).execute()
  })
  await db
    .updateTable('device')
    .set({ created_at: new Date(now - 30 * DAY) } as never)
    .where('id', '=', desk)
    .execute()
  const ages = [14 * DAY, 7 * DAY, 3 * DAY, MINUTE]
  for (const [index, age] of ages.entries()) {
    await report(db, desk, index + 1, { 'battery.charge': index }, { at: new Date(now - age) })
  }
  const from = new Date(now - 20 * DAY).toISOString()
  const valuesOf = async (person: Person) => {
    const { body } = await clientOf(harness.api, person.token)(
      'GET',
      `/devices/${desk}/history?variables=battery.charge&points=5000&from=${from}`,
    )
    const points = body.series[0].points as [string, number | null][]
    return points.flatMap(([, value]) => value ?? [])
  }
  expect(await valuesOf(ann)).toEqual([0, 1, 2, 3])
  expect(await valuesOf(bob)).toEqual([1, 3])
})
