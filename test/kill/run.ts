// A broker that dies again and again in the middle of its work, and whether what it has acknowledged is there afterwards.
import { setTimeout as pause } from 'node:timers/promises'
import { openDb } from '@ridethrough/db/pool.ts'
import { pino } from 'pino'
import type { Random } from '../model/random.ts'
import { type Part, startPart } from '../support/part.ts'
import { makeAgent, makeDevice, makePerson } from '../support/world.ts'
import { KillAgent } from './agent.ts'
import { check, type Finding } from './check.ts'

export type KillOptions = {
  readonly databaseUrl: string
  readonly times: number
  /** Decides when the next kill falls. */
  readonly random: Random
  readonly agents: number
  readonly devicesEach: number
  readonly everyMs: number
  readonly onKill?: (count: number, acknowledged: number) => void
}

/** A kill falls after between so many acknowledgements since the broker came back, and so many ms later. */
const ACKNOWLEDGED = { least: 50, most: 1500 } as const
const LATER_MS = 20

export async function runKills(options: KillOptions): Promise<Finding & { readonly seconds: number }> {
  const { databaseUrl, times, random, everyMs } = options
  const began = performance.now()
  const db = openDb(databaseUrl, pino({ level: 'error' }))
  const env = { DATABASE_URL: databaseUrl, HOST: '127.0.0.1', METRICS_PORT: '0' }
  const crowd = new Crowd()
  let broker: Part | undefined
  try {
    const people = await seed(options, db)
    broker = await startPart(['broker'], { ...env, MQTT_PORT: '0' })
    const mqttUrl = broker.ready.mqtt ?? ''
    const since = Date.now() - 60_000
    for (const who of people) crowd.add({ ...who, mqttUrl, everyMs, since })
    for (let count = 1; count <= times; count += 1) {
      await crowd.hears(ACKNOWLEDGED.least + random.below(ACKNOWLEDGED.most - ACKNOWLEDGED.least))
      await pause(random.below(LATER_MS))
      await broker.kill()
      options.onKill?.(count, crowd.acknowledged)
      broker = await startPart(['broker'], { ...env, MQTT_PORT: new URL(mqttUrl).port })
    }
    for (const agent of crowd.agents) agent.stopMeasuring()
    await crowd.hasNothingLeft()
    await broker.kill()
    return { ...(await check(db, crowd.agents, since)), seconds: (performance.now() - began) / 1000 }
  } finally {
    crowd.stop()
    await broker?.kill()
    await db.destroy()
  }
}

async function seed({ agents, devicesEach }: KillOptions, db: ReturnType<typeof openDb>) {
  const owner = await makePerson(db, 'Owner')
  return Promise.all(
    Array.from({ length: agents }, async () => {
      const agent = await makeAgent(db)
      const deviceIds: string[] = []
      for (let count = 0; count < devicesEach; count += 1) deviceIds.push(await makeDevice(db, owner, agent, 'UPS'))
      return { agent, deviceIds }
    }),
  )
}

class Crowd {
  readonly agents: KillAgent[] = []
  acknowledged = 0
  #look: () => void = () => {}

  add(options: ConstructorParameters<typeof KillAgent>[0]): void {
    this.agents.push(
      new KillAgent(options, (count) => {
        this.acknowledged += count
        this.#look()
      }),
    )
  }

  /** So many more acknowledgements. */
  hears(count: number): Promise<void> {
    const enough = this.acknowledged + count
    return this.#until(() => this.acknowledged >= enough)
  }

  hasNothingLeft(): Promise<void> {
    return this.#until(() => this.agents.every(({ devices }) => devices.every(({ journal }) => journal.size === 0)))
  }

  stop(): void {
    for (const agent of this.agents) agent.stop()
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (!isSo()) return
        this.#look = () => {}
        resolve()
      }
      this.#look()
    })
  }
}
