// The real parts together: simulator on SNMP, agent, broker on MQTT, PostgreSQL, API on HTTP and WebSocket, all on loopback.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readClaimCodes } from '@ridethrough/agent/claim-codes.ts'
import { parseConfig } from '@ridethrough/agent/config.ts'
import { startAgent } from '@ridethrough/agent/main.ts'
import { readConfig as readApiConfig } from '@ridethrough/api/config.ts'
import { startApi } from '@ridethrough/api/main.ts'
import { readBrokerConfig } from '@ridethrough/broker/config.ts'
import { startBroker } from '@ridethrough/broker/main.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { normaliseCode } from '@ridethrough/protocol/code.ts'
import { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { demoUnits } from '@ridethrough/simulator/config.ts'
import { type Simulator, startSimulator } from '@ridethrough/simulator/main.ts'
import { pino } from 'pino'
import { agentYaml } from '../../bin/agent-config.ts'
import type { Caller } from './caller.ts'
import { type TestDatabase, testDatabase } from './database.ts'

const log = pino({ level: process.env.TEST_LOG ?? 'silent' })

export type Cloud = {
  readonly http: string
  readonly mqtt: string
  /** Of the broker; the API's are at `http`. */
  readonly metrics: string
  readonly database: TestDatabase
  stop(): Promise<void>
}

/** Database, broker and API; with settings for both, and for the broker alone. */
export async function startCloud(
  more: Readonly<Record<string, string>> = {},
  ofBroker: Readonly<Record<string, string>> = {},
): Promise<Cloud> {
  const database = await testDatabase()
  const env = {
    DATABASE_URL: database.url,
    HTTP_PORT: '0',
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    HOST: '127.0.0.1',
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'silent',
    SECRET_KEY: 'a key that only tests are sealed with',
    SETUP: 'open',
    ...more,
  }
  const broker = await startBroker(readBrokerConfig({ ...env, ...ofBroker }), log)
  const api = await startApi(readApiConfig({ MQTT_URL: broker.mqttUrl, ...env }), log)
  return {
    http: api.httpUrl,
    mqtt: broker.mqttUrl,
    metrics: broker.metricsUrl,
    database,
    stop: async () => {
      await api.stop()
      await broker.stop()
      await database.stop()
    },
  }
}

export type Site = {
  readonly simulator: Simulator
  /** The code that the agent shows for this device, once the cloud knows of it. */
  claimCode(name: string): Promise<string>
  /** Registers every device of the site for this person, with the codes that the agent shows; ids by name. */
  claimAll(owner: Caller): Promise<ReadonlyMap<string, string>>
  stop(): Promise<void>
}

function hashOf(code: string): Buffer {
  return createHash('sha256').update(normaliseCode(code)).digest()
}

/** Simulated UPSs and the agent beside them, as in the demonstration. */
export async function startSite(mqttUrl: string, db: Db): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-site-'))
  const simulator = await startSimulator({ units: [...demoUnits] }, log)
  const yaml = agentYaml({
    mqttUrl,
    stateDir: join(folder, 'agent'),
    interval: 0.3,
    units: simulator.units.map(({ name, address, snmp }) => ({ name, address, snmp })),
    reconnect: { min: 0.2, max: 2 },
  })
  const { config, mistakes } = parseConfig(yaml, folder)
  if (!config) throw new Error(JSON.stringify(mistakes))
  const agent = await startAgent(config, log)
  // The hash of a code travels with the agent's inventory: there is no event for it on this side, so the table is watched.
  const claimCode = async (name: string): Promise<string> => {
    for (;;) {
      const code = readClaimCodes(config, Date.now()).find((row) => row.name === name)?.code
      const known = await db
        .selectFrom('agent_device')
        .select('device_id')
        .where('claim_hash', '=', hashOf(code ?? ''))
        .executeTakeFirst()
      if (code && known) return code
      await pause(50)
    }
  }
  return {
    simulator,
    claimCode,
    claimAll: async (owner) => {
      const ids = new Map<string, string>()
      for (const { name } of simulator.units) {
        ids.set(name, (await owner.call('POST', '/devices/claim', DeviceView, { code: await claimCode(name) })).id)
      }
      return ids
    },
    stop: async () => {
      await agent.stop()
      await simulator.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
