// R4: what was measured while the broker was dead is in the database afterwards, in order, once.
import { setTimeout as pause } from 'node:timers/promises'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { startApi } from '@ridethrough/api/main.ts'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { signUp } from '../support/caller.ts'
import { testDatabase } from '../support/database.ts'
import { type Part, startPart } from '../support/part.ts'
import { startSite } from '../support/stack.ts'

const OUTAGE_MS = 20_000
const stops: (() => Promise<void>)[] = []

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

test('the broker is killed and comes back 20 s later: every sequence number is stored, in order, none twice', async () => {
  const database = await testDatabase()
  stops.push(database.stop)
  const SECRET_KEY = 'a key that only tests are sealed with'
  const env = {
    ...{ DATABASE_URL: database.url, SECRET_KEY, HOST: '127.0.0.1', SETUP: 'open' },
    ...{ HTTP_PORT: '0', METRICS_PORT: '0' },
  }
  const api = await startApi(readApiConfig(env), pino({ level: 'silent' }))
  stops.push(api.stop)
  let broker: Part = await startPart(['broker'], { ...env, MQTT_PORT: '0' })
  stops.push(() => broker.stop())
  const mqttUrl = broker.ready.mqtt ?? ''
  const site = await startSite(mqttUrl, database.db)
  stops.push(site.stop)
  const owner = await signUp(api.httpUrl, 'olivia@example.org')
  const ids = [...(await site.claimAll(owner)).values()]

  const rows = () =>
    database.db
      .selectFrom('sample')
      .select(['device_id', 'seq', 'at'])
      .orderBy('device_id')
      .orderBy('at')
      .orderBy('seq')
      .execute()
  const newestOf = async (deviceId: string) => (await rows()).filter((row) => row.device_id === deviceId).at(-1)
  await expect
    .poll(async () => new Set((await rows()).map((row) => row.device_id)).size, { timeout: 20_000 })
    .toBe(ids.length)

  await broker.kill()
  const diedAt = Date.now()
  await pause(OUTAGE_MS)
  broker = await startPart(['broker'], { ...env, MQTT_PORT: new URL(mqttUrl).port })
  const backAt = Date.now()
  // All is there once something measured after the return is, and what is older has followed.
  for (const id of ids) {
    await expect
      .poll(async () => ((await newestOf(id))?.at.getTime() ?? 0) > backAt + 1000, { timeout: 40_000, interval: 300 })
      .toBe(true)
  }
  await expect.poll(async () => gaps(await rows()), { timeout: 40_000, interval: 300 }).toEqual([])

  for (const id of ids) {
    const mine = (await rows()).filter((row) => row.device_id === id)
    const sequence = mine.map((row) => row.seq)
    expect(sequence).toEqual(sequence.toSorted((a, b) => a - b))
    expect(new Set(sequence).size).toBe(sequence.length)
    const duringOutage = mine.filter((row) => row.at.getTime() > diedAt && row.at.getTime() < diedAt + OUTAGE_MS)
    // Read every 0.3 s: some dozens in 20 s, on however slow a machine.
    expect(duringOutage.length).toBeGreaterThan(20)
  }
}, 180_000)

/** Sequence numbers that are missing between the first and the last stored one of each device. */
function gaps(rows: readonly { device_id: string; seq: number }[]): string[] {
  const missing: string[] = []
  for (const id of new Set(rows.map((row) => row.device_id))) {
    const have = new Set(rows.filter((row) => row.device_id === id).map((row) => row.seq))
    const last = Math.max(...have)
    for (let seq = Math.min(...have); seq <= last; seq += 1) if (!have.has(seq)) missing.push(`${id}:${seq}`)
  }
  return missing
}
