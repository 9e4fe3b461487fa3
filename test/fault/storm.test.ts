// Three hundred agents come back at once to a broker that was killed: all of them, soon, and nothing acknowledged is missing.
import { createServer } from 'node:net'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { Fleet, type FleetAgent } from '../bench/fleet.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startPart } from '../support/part.ts'
import { makeAgent, makeDevice, makePerson } from '../support/world.ts'

const AGENTS = 300
/** Fewer at once than come: they wait for their turn, and some are told to come back. */
const TIGHT = { LIMIT_SIGN_INS: '8', LIMIT_SIGN_INS_WAITING: '40', LIMIT_CONNECT_BURST_PER_ADDRESS: '100' }

let database: TestDatabase
const stops: (() => unknown)[] = []

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await database?.stop()
})

async function seed(): Promise<FleetAgent[]> {
  const { db } = database
  const owner = await makePerson(db, 'Ann')
  const agents: FleetAgent[] = []
  for (let index = 0; index < AGENTS; index += 1) {
    const agent = await makeAgent(db)
    agents.push({ ...agent, deviceId: await makeDevice(db, owner, agent, `Rack ${index}`) })
  }
  return agents
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

test('killed under its agents and started again, a broker has them all back, with all that it had acknowledged', async () => {
  database = await testDatabase()
  const agents = await seed()
  const port = await freePort()
  const env = { DATABASE_URL: database.url, HOST: '127.0.0.1', MQTT_PORT: `${port}`, METRICS_PORT: '0', ...TIGHT }
  const first = await startPart(['broker'], env)
  stops.push(() => first.stop())
  const fleet = new Fleet({ port, agents, intervalMs: 300, addresses: 10, reconnect: { minMs: 100, maxMs: 1000 } })
  stops.push(() => fleet.stop())
  const least = () => Math.min(...fleet.members.map(({ acknowledged }) => acknowledged))
  fleet.start(0)
  await expect.poll(least, { timeout: 60_000, interval: 50 }).toBeGreaterThan(1)

  const before = new Map(fleet.members.map((member) => [member, member.acknowledged]))
  await first.kill()
  const second = await startPart(['broker'], env)
  stops.push(() => second.stop())
  const isBack = () => fleet.members.every((member) => member.acknowledged > (before.get(member) ?? 0) + 1)
  await expect.poll(isBack, { timeout: 60_000, interval: 50 }).toBe(true)

  const acknowledged = fleet.members.map(({ agent, acknowledged: upto }) => ({ id: agent.deviceId, upto }))
  const { rows } = await sql<{ missing: number; twice: number }>`
    select (select sum(upto) from json_to_recordset(${JSON.stringify(acknowledged)}::json) as a(id uuid, upto bigint))
      - count(distinct (s.device_id, s.seq)) as missing, count(*) - count(distinct (s.device_id, s.seq)) as twice
    from json_to_recordset(${JSON.stringify(acknowledged)}::json) as a(id uuid, upto bigint)
    join sample s on s.device_id = a.id and s.seq between 1 and a.upto`.execute(database.db)
  expect({ missing: Number(rows[0]?.missing), twice: Number(rows[0]?.twice) }).toEqual({ missing: 0, twice: 0 })
  const text = await (await fetch(`${second.ready.metrics}/metrics`)).text()
  // the limits were met, and nobody was lost by them
  expect(Number(/limit_hits_total\{name="sign_ins"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(0)
}, 180_000)
