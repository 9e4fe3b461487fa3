// The quick way and the careful one leave the same behind, whatever comes in whatever order.
import { randomUUID } from 'node:crypto'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '../../test/support/world.ts'
import { type Advance, type DeviceSample, storeSamples } from './ingest.ts'
import { toRow } from './sample-row.ts'
import { SampleStore } from './sample-store.ts'

let database: TestDatabase
let owner: Person
let agent: TestAgent

beforeAll(async () => {
  database = await testDatabase()
  owner = await makePerson(database.db, 'Ann')
  agent = await makeAgent(database.db)
})

afterAll(() => database.stop())

const RECEIVED = new Date('2026-05-01T12:00:00Z')
const at = (minute: number) => Date.UTC(2026, 4, 1, 11, minute)

const newDevice = () => makeDevice(database.db, owner, agent, 'Rack')

const values = (seq: number, charge = 100, text = 'x'): Sample => ({
  kind: 'values',
  seq,
  at: at(seq),
  status: 'OL',
  variables: { 'battery.charge': charge, 'ups.id': text },
})

/** The same number is the same sample, as an agent's journal has it; so every generated one follows from its number. */
function sampleOf(seq: number): Sample {
  if (seq % 5 < 2) return values(seq, seq, ['x', 'é"\\', 'a\0b\ud800'][seq % 7 === 0 ? 2 : seq % 2])
  const what = seq % 10 < 8 ? 'no-answer' : 'nonsense'
  return { kind: 'problem', seq, at: at(seq), problem: what, detail: `${what} ${seq}` }
}

const storeQuickly = (store: SampleStore, samples: readonly DeviceSample[]) =>
  store.store(
    samples.map(({ deviceId, sample }) => toRow(deviceId, sample)),
    RECEIVED,
  )

async function contents(deviceIds: readonly string[]) {
  const nameOf = (id: string) => deviceIds.indexOf(id)
  const { db } = database
  const samples = await db.selectFrom('sample').selectAll().where('device_id', 'in', deviceIds).execute()
  const states = await db.selectFrom('device_state').selectAll().where('device_id', 'in', deviceIds).execute()
  const named = <T extends { device_id: string }>(rows: T[]) =>
    rows.map((row) => ({ ...row, device_id: nameOf(row.device_id) }))
  return {
    samples: named(samples).sort((a, b) => a.device_id - b.device_id || a.seq - b.seq),
    states: named(states).sort((a, b) => a.device_id - b.device_id),
  }
}

const DEVICES = 3
/** Devices 0 and 1 are registered; 2 was, until step `gone`. */
const arbGroups = fc.array(
  fc.array(fc.record({ device: fc.nat(DEVICES - 1), seq: fc.integer({ min: 1, max: 16 }) }), {
    minLength: 1,
    maxLength: 8,
  }),
  { minLength: 1, maxLength: 8 },
)

test('random groups leave the same samples, the same states and the same news as by the careful statement', async () => {
  const { db } = database
  await fc.assert(
    fc.asyncProperty(arbGroups, fc.nat(8), async (groups, gone) => {
      const [quick, careful] = [await devices(), await devices()]
      const store = new SampleStore(db)
      for (const [index, group] of groups.entries()) {
        if (index === gone) {
          for (const id of [quick[2], careful[2]])
            await db
              .deleteFrom('device')
              .where('id', '=', id ?? '')
              .execute()
        }
        const of = (ids: readonly string[]) =>
          group.map(({ device, seq }) => ({ deviceId: ids[device] ?? '', sample: sampleOf(seq) }))
        const news = (ids: readonly string[], advances: readonly Advance[]) =>
          advances
            .map((one) => ({ ...one, deviceId: ids.indexOf(one.deviceId) }))
            .sort((a, b) => a.deviceId - b.deviceId)
        expect(news(quick, await storeQuickly(store, of(quick)))).toEqual(
          news(careful, await storeSamples(db, of(careful), RECEIVED)),
        )
      }
      expect(await contents(quick)).toEqual(await contents(careful))
    }),
    { numRuns: 150 },
  )
})

async function devices(): Promise<string[]> {
  return [await newDevice(), await newDevice(), await newDevice()]
}

test('a group that COPY cannot take, however large, is stored with nothing missing, and COPY is used again', async () => {
  const store = new SampleStore(database.db)
  const [one, two] = [await newDevice(), await newDevice()]
  const text = 'x'.repeat(1000)
  const of = (deviceId: string, from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => ({ deviceId, sample: values(from + index, 1, text) }))
  await storeQuickly(store, [...of(one, 1, 1), ...of(two, 1, 1)])
  // The repeat lies in front of two megabytes that the server will not read any more.
  expect(await storeQuickly(store, [...of(one, 1, 1000), ...of(two, 2, 1000)])).toHaveLength(2)
  expect(store.counts).toEqual({ copied: 0, again: 1 })
  // Only the device that had repeated itself is on probation: four writes without a repeat.
  await storeQuickly(store, [...of(one, 1001, 1002), ...of(two, 1001, 1002)])
  expect(store.counts.copied).toBe(2)
  for (const seq of [1003, 1004, 1005]) await storeQuickly(store, of(one, seq, seq))
  expect(store.counts.copied).toBe(2)
  await storeQuickly(store, of(one, 1006, 1006))
  expect(store.counts).toEqual({ copied: 3, again: 1 })
  const { samples } = await contents([one, two])
  expect(samples).toHaveLength(2008)
})

test('a device that is no longer registered takes no other with it, and its rows vanish', async () => {
  const store = new SampleStore(database.db)
  const [kept, gone] = [await newDevice(), await newDevice()]
  const both = (seq: number) => [kept, gone].map((deviceId) => ({ deviceId, sample: values(seq) }))
  await storeQuickly(store, both(1))
  await database.db.deleteFrom('device').where('id', '=', gone).execute()
  expect(await storeQuickly(store, both(2))).toEqual([{ deviceId: kept, seq: 2, isFirst: false }])
  await storeQuickly(store, [{ deviceId: randomUUID(), sample: values(1) }, ...both(3)])
  const { samples } = await contents([kept, gone])
  expect(samples.map(({ device_id, seq }) => [device_id, seq])).toEqual([
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 1],
  ])
})

test('instants from the first to the last that have a name are kept to the millisecond', async () => {
  const store = new SampleStore(database.db)
  const deviceId = await newDevice()
  await storeQuickly(store, [{ deviceId, sample: values(1) }])
  const instants = [
    0,
    1,
    Date.UTC(1999, 11, 31, 23, 59, 59, 999),
    Date.UTC(2255, 5, 5, 23, 47, 34, 741),
    Date.UTC(9999, 11, 31, 0, 0, 0, 1),
  ]
  const samples = instants.map((instant, index) => ({ deviceId, sample: { ...values(index + 2), at: instant } }))
  await storeQuickly(store, samples)
  const rows = await database.db
    .selectFrom('sample')
    .select(['seq', 'at'])
    .where('device_id', '=', deviceId)
    .orderBy('seq')
    .execute()
  expect(rows.slice(1).map(({ at }) => at.getTime())).toEqual(instants)
})
