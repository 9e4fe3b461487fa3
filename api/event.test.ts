import { verifyEvents } from '@ridethrough/db/query/event.ts'
import { listEvents } from '@ridethrough/db/query/event-list.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Actor, recordEvent, recordingRefusals, recordRefusal } from './event.ts'
import { networkOf, Refusals } from './refusals.ts'

let database: TestDatabase
let time: number
let refusals: Refusals
let ann: Person

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())
beforeEach(async () => {
  time = Date.UTC(2026, 10, 21)
  refusals = newRefusals()
  ann = await makePerson(database.db, 'Ann')
})
afterEach(() => refusals.stop())

const log = pino({ level: 'silent' })

function newRefusals(db = database.db): Refusals {
  return new Refusals({ db, clock: { now: () => time, monotonic: () => time }, log })
}

function actorFrom(address: string, person?: Person): Actor {
  const credentialId = person?.sessionId ?? null
  return { accountId: person?.accountId ?? null, credentialId, companyId: null, address, now: time }
}

const wrongPassword = () =>
  ({ kind: 'session.started', code: 'credentials-wrong', subject: {}, companyId: ann.companyId }) as const

const ofAnn = async () => (await listEvents(database.db, ann, {}, 1000)).toReversed()

test('an act is recorded with its change or not at all', async () => {
  const act = { kind: 'company.changed', subject: { name: 'x' } } as const
  await database.db.transaction().execute((tx) => recordEvent(tx, actorFrom('192.0.2.1', ann), act))
  const failed = database.db.transaction().execute(async (tx) => {
    await recordEvent(tx, actorFrom('192.0.2.1', ann), act)
    throw new Error('the change fails')
  })
  await expect(failed).rejects.toThrow('the change fails')
  expect(await ofAnn()).toMatchObject([{ kind: 'company.changed', outcome: 'done', address: '192.0.2.1' }])
})

test('in the log of another company stands who, but not from where', async () => {
  const bob = await makePerson(database.db, 'Bob')
  const act = { kind: 'share.accepted', subject: {}, companyId: ann.companyId } as const
  await database.db.transaction().execute((tx) => recordEvent(tx, actorFrom('192.0.2.1', bob), act))
  expect(await ofAnn()).toMatchObject([{ account: { id: bob.accountId }, address: '', credentialId: null }])
})

test('texts that jsonb cannot hold are recorded all the same, and long ones are cut', async () => {
  const subject = { name: 'a\0b\uD800c', long: 'x'.repeat(5000) }
  await database.db
    .transaction()
    .execute((tx) => recordEvent(tx, actorFrom('192.0.2.1', ann), { kind: 'company.changed', subject }))
  const [event] = await ofAnn()
  expect(event?.subject.name).toBe('a\uFFFDb\uFFFDc')
  expect(String(event?.subject.long)).toHaveLength(300)
})

test('ten thousand refusals make a few rows, one of which says how many more there were [ASVS 6.3.1]', async () => {
  const before = (await verifyEvents(database.db)).rows
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    await recordRefusal({ refusals }, actorFrom('192.0.2.7'), wrongPassword())
  }
  expect((await verifyEvents(database.db)).rows - before).toBe(20)
  time += 60_000
  await refusals.stop()
  const rows = await ofAnn()
  expect(rows).toHaveLength(21)
  expect(rows.at(-1)).toMatchObject({
    kind: 'session.started',
    outcome: 'refused',
    address: '192.0.2.7',
    subject: { code: 'credentials-wrong', more: 9980, since: '2026-11-21T00:00:00.000Z' },
  })
  expect((await verifyEvents(database.db)).fault).toBeUndefined()
})

test('a flood from one address hides nobody else’s refusals, nor another kind, nor those after a minute', async () => {
  const bea = await makePerson(database.db, 'Bea')
  for (let attempt = 0; attempt < 100; attempt += 1)
    await recordRefusal({ refusals }, actorFrom('192.0.2.7'), wrongPassword())
  await recordRefusal({ refusals }, actorFrom('192.0.2.8'), wrongPassword())
  await recordRefusal({ refusals }, actorFrom('192.0.2.7', bea), {
    kind: 'share.made',
    code: 'share-limit',
    subject: {},
  })
  expect(await listEvents(database.db, bea, {}, 10)).toMatchObject([{ kind: 'share.made' }])
  expect((await ofAnn()).filter(({ address }) => address === '192.0.2.8')).toHaveLength(1)
  time += 60_000
  await recordRefusal({ refusals }, actorFrom('192.0.2.7'), wrongPassword())
  await refusals.stop()
  const rows = await ofAnn()
  expect(rows.map(({ subject }) => subject.more).filter((more) => more !== undefined)).toEqual([80])
  expect(rows).toHaveLength(20 + 1 + 1 + 1)
})

test('a flood from everywhere is bounded as well, in rows and in what is kept in memory', async () => {
  const before = (await verifyEvents(database.db)).rows
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    await recordRefusal({ refusals }, actorFrom(`198.51.${attempt >> 8}.${attempt & 255}`), wrongPassword())
  }
  await refusals.stop()
  // 300 rows of their own, 100 counts of an address, and one for all others.
  expect((await verifyEvents(database.db)).rows - before).toBe(401)
})

test('the counts are written when the minute ends, though nobody comes any more', async () => {
  const { rows } = await verifyEvents(database.db)
  for (let attempt = 0; attempt < 25; attempt += 1)
    await recordRefusal({ refusals }, actorFrom('192.0.2.7'), wrongPassword())
  await refusals.stop()
  await refusals.stop()
  expect((await verifyEvents(database.db)).rows - rows).toBe(21)
})

test('a request is not failed by its report', async () => {
  const gone = await testDatabase()
  await gone.stop()
  const broken = newRefusals(gone.db)
  await recordRefusal({ refusals: broken }, actorFrom('192.0.2.7'), wrongPassword())
  const refusal = new Fault('right-missing', 'no')
  const act = { kind: 'device.changed', subject: {} } as const
  const context = { db: gone.db, log, refusals: broken }
  const run = recordingRefusals(context, actorFrom('192.0.2.7', ann), act, () => Promise.reject(refusal))
  await expect(run).rejects.toBe(refusal)
  await broken.stop()
})

test('what is only filled in wrongly, and what fails on our side, is no refusal', async () => {
  const context = { db: database.db, log, refusals }
  const act = { kind: 'device.changed', subject: {} } as const
  for (const error of [new Fault('input-invalid', 'x'), new Fault('edges-unsettled', 'x'), new Error('x')]) {
    const run = recordingRefusals(context, actorFrom('192.0.2.7', ann), act, () => Promise.reject(error))
    await expect(run).rejects.toBe(error)
  }
  expect(await ofAnn()).toEqual([])
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s belongs to %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
