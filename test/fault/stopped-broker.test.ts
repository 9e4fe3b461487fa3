// R71, R72: a broker process that is stopped while a share is revoked delivers nothing under it when it wakes up again.
import { LEASE_MS, waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { sql } from 'kysely'
import mqtt from 'mqtt'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { readMqtt } from '../support/caller.ts'
import { testDatabase } from '../support/database.ts'
import { startPart } from '../support/part.ts'
import { makeAgent, makeDevice, makePerson, makeShare, revokeShare } from '../support/world.ts'

const stops: (() => Promise<unknown>)[] = []

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

test('revoked while the broker is stopped: the answer comes after its lease, and nothing after the answer', async () => {
  const database = await testDatabase()
  stops.push(database.stop)
  const { db } = database
  const listener = await Listener.start(database.url, pino({ level: 'silent' }))
  stops.push(() => listener.stop())
  const broker = await startPart(['broker'], {
    DATABASE_URL: database.url,
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    HOST: '127.0.0.1',
  })
  stops.push(() => broker.stop())
  const mqttUrl = broker.ready.mqtt ?? ''
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const share = await makeShare(db, ann, bob, [rack])
  await waitForEdges(db, listener, share.version, systemClock)

  const device = await mqtt.connectAsync(mqttUrl, {
    username: `agent:${agent.agentId}`,
    password: agent.token,
    clientId: 'device',
    reconnectPeriod: 0,
  })
  stops.push(() => device.endAsync(true))
  const publish = (seq: number) =>
    device.publishAsync(
      deviceTopic(rack, 'state'),
      JSON.stringify({ kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'ups.load': seq } }),
      { qos: 1 },
    )
  const recipient = await readMqtt(mqttUrl, bob.token, ['v1/devices/+/state'])
  stops.push(recipient.stop)
  const closed = new Promise<void>((resolve) => recipient.client.once('close', () => resolve()))
  await publish(1)
  await recipient.messages.first(({ text }) => text.includes('"seq":1,'))

  broker.process.kill('SIGSTOP')
  // On its way before the revoke, read by the broker only after it: the right is looked at when it is delivered.
  const second = publish(2)
  const report = await waitForEdges(db, listener, await revokeShare(db, share, bob), systemClock)
  expect(report.edges).toMatchObject([{ kind: 'broker', outcome: 'fenced' }])
  expect(report.ms).toBeGreaterThanOrEqual(LEASE_MS)
  const count = recipient.messages.all.length
  // It wakes up and cannot read what has changed: with the old rights in memory it must not deliver what it stores.
  await db.transaction().execute(async (tx) => {
    await sql`lock table access_change in access exclusive mode`.execute(tx)
    broker.process.kill('SIGCONT')
    await Promise.all([second, publish(3), closed])
  })
  const owner = await eventually(() => readMqtt(mqttUrl, ann.token, ['v1/devices/+/state']))
  stops.push(owner.stop)
  await publish(4)
  await owner.messages.first(({ text }) => text.includes('"seq":4,'))
  const again = await readMqtt(mqttUrl, bob.token, ['v1/devices/+/state'])
  stops.push(again.stop)
  await publish(5)
  await owner.messages.first(({ text }) => text.includes('"seq":5,'))
  expect(recipient.messages.all.slice(count)).toEqual([])
  expect(again.messages.all).toEqual([])
}, 60_000)

/** People are let in again only once the broker has caught up. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  let result: T | undefined
  await expect
    .poll(
      async () => {
        result = await attempt().catch(() => undefined)
        return result !== undefined
      },
      { timeout: 20_000 },
    )
    .toBe(true)
  return result as T
}
