// What /metrics says: everything from the first scrape on, what is there at the moment, and also while the database says nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDatabaseLine } from '../test/fault/database-line.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '../test/support/world.ts'
import { LIMIT_NAMES, labelOf } from './limits.ts'
import { createMetrics } from './metrics.ts'
import { CONNECTS, CUT, HELD, PUBLISHES, publishFaultOf, REFUSED, SUBSCRIPTIONS } from './reasons.ts'
import { connectAgent, connectPerson, publishState, startTestBroker, type TestBroker, values } from './testing.ts'

let database: TestDatabase
let broker: TestBroker

beforeAll(async () => {
  database = await testDatabase()
  broker = await startTestBroker(database.url, { limits: { livePerSecondPerDevice: 1 } })
})

afterAll(async () => {
  await broker?.stop()
  await database?.stop()
})

/** Waits for what comes with the next turns; there is no event for what is read off when somebody asks. */
async function metricBecomes(name: string, fits: (value: number) => boolean, of = broker): Promise<void> {
  while (!fits(await of.metric(name))) await pause(20)
}

describe('from the first scrape on', () => {
  test.each([
    ['packets_refused_total', 'reason', Object.keys(REFUSED)],
    ['connections_cut_total', 'reason', Object.keys(CUT)],
    ['connects_total', 'outcome', Object.keys(CONNECTS)],
    ['publishes_total', 'outcome', Object.keys(PUBLISHES)],
    ['subscriptions_total', 'answer', Object.keys(SUBSCRIPTIONS)],
    ['connections_held', 'reason', Object.keys(HELD)],
    ['limit_hits_total', 'name', LIMIT_NAMES.map(labelOf)],
    ['connections', 'kind', ['agent', 'person']],
  ])('%s shows every %s, as 0', async (name, label, values) => {
    const text = await (await fetch(`${broker.metricsUrl}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(`ridethrough_broker_${name}{`))
    expect(lines.sort()).toEqual(values.map((value) => `ridethrough_broker_${name}{${label}="${value}"} 0`).sort())
  })
})

test('a reason that is none of ours is no label: strangers do not name series', () => {
  expect(publishFaultOf('payload-malformed: samples.0.at')).toBe('payload-malformed')
  expect(publishFaultOf('claim-code-taken')).toBe('claim-code-taken')
  expect(publishFaultOf('constructor')).toBe('payload-malformed')
  expect(publishFaultOf('')).toBe('payload-malformed')
})

test('what is counted adds up', async () => {
  const { connects } = createMetrics()
  connects.inc({ outcome: 'signed-in' })
  connects.inc({ outcome: 'signed-in' }, 3)
  const values = async () => (await connects.get()).values.filter(({ value }) => value > 0)
  expect(await values()).toMatchObject([{ value: 4, labels: { outcome: 'signed-in' } }])
  // asking changes nothing
  expect(await values()).toMatchObject([{ value: 4 }])
})

test('what is there at the moment: subscriptions, routes, who is held back, what waits for a receiver', async () => {
  const ann = await makePerson(database.db, 'Ann')
  const agent = await makeAgent(database.db)
  const rack = await makeDevice(database.db, ann, agent, 'Rack')
  const reader = await connectPerson(broker, ann)
  const sender = await connectAgent(broker, agent)
  expect(await reader.subscribe(['v1/devices/+/live', 'v1/errors'])).toEqual([1, 1])
  expect(await broker.metric('subscriptions_held')).toBe(2)
  expect(await broker.metric('connections{kind="agent"}')).toBe(1)
  expect(await broker.metric('serving')).toBe(1)
  expect(await broker.metric('lease_seconds')).toBeGreaterThan(0)
  // faster than a device may: it is not read from until the second is over
  for (let count = 0; count < 3; count++) sender.client.publish(deviceTopic(rack, 'live'), 'x', { qos: 0 })
  await metricBecomes('connections_held{reason="rate"}', (value) => value === 1)
  await metricBecomes('connections_held{reason="rate"}', (value) => value === 0)
  await reader.next(({ text }) => text === 'x')
  expect(await broker.metric('routes')).toBeGreaterThan(0)
  expect(await broker.metric('backlog_bytes')).toBe(0)
  expect(await broker.metric('received_bytes_total')).toBeGreaterThan(0)
  expect(await broker.metric('sent_bytes_total')).toBeGreaterThan(0)
  await sender.end()
  await reader.end()
  await metricBecomes('subscriptions_held', (value) => value === 0)
})

test('what a receiver has not taken is seen while it does not read, and what it lost', async () => {
  const wide = await startTestBroker(database.url)
  try {
    const ann = await makePerson(database.db, 'Ann')
    const agent = await makeAgent(database.db)
    const rack = await makeDevice(database.db, ann, agent, 'Rack')
    const reader = await connectPerson(wide, ann)
    await reader.subscribe(['v1/devices/+/live'], 0)
    reader.client.stream.pause()
    const sender = await connectAgent(wide, agent)
    // more than both kernels' buffers take
    const payload = Buffer.alloc(100_000, 'x')
    for (let count = 0; count < 150; count++) sender.client.publish(deviceTopic(rack, 'live'), payload, { qos: 0 })
    await publishState(sender, rack, values(1))
    expect(await wide.metric('backlog_most_bytes')).toBeGreaterThanOrEqual(100_000)
    expect(await wide.metric('backlog_bytes')).toBeGreaterThanOrEqual(100_000)
    expect(await wide.metric('deliveries_dropped_total{reason="slow-receiver"}')).toBeGreaterThan(0)
    reader.client.stream.resume()
    await metricBecomes('backlog_bytes', (value) => value === 0, wide)
    await sender.end()
    await reader.end()
  } finally {
    await wide.stop()
  }
})

test('a change of access that is stored and not applied is behind, and how long', async () => {
  const applied = await broker.metric('access_version')
  await metricBecomes('access_changes_behind', (value) => value === 0)
  const ann = await makePerson(database.db, 'Ann')
  await makeDevice(database.db, ann, await makeAgent(database.db), 'Rack')
  await metricBecomes('access_version', (value) => value > applied)
  await metricBecomes('access_changes_behind', (value) => value === 0)
  expect(await broker.metric('access_lag_seconds')).toBe(0)
})

test('while the database says nothing, /healthz and /metrics answer, and say that nobody is served', async () => {
  const line = await startDatabaseLine(database.url)
  const cutOff = await startTestBroker(line.url)
  try {
    line.hang()
    await metricBecomes('serving', (value) => value === 0, cutOff)
    expect((await fetch(`${cutOff.metricsUrl}/healthz`)).status).toBe(200)
    expect((await fetch(`${cutOff.metricsUrl}/readyz`)).status).toBe(503)
    expect(await cutOff.metric('lease_seconds')).toBe(0)
    expect(await cutOff.metric('access_lag_seconds')).toBeNaN()
  } finally {
    line.mend()
    await cutOff.stop()
    await line.stop()
  }
})

test('docs/running.md says what each reason means', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/running.md'), 'utf8')
  for (const [reason, meaning] of Object.entries({ ...REFUSED, ...CUT })) {
    expect(text).toContain(`| \`${reason}\` | ${meaning} |`)
  }
})
