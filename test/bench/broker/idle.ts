// Connections that say nothing: how fast they are let in with their credentials checked, and what each costs in memory.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Db } from '@ridethrough/db/schema.ts'
import { cpuSecondsOf } from '../figures.ts'
import { type SeededAgent, seedDevices, seedPersons, unguarded } from '../seed.ts'
import type { CrowdResult } from './job.ts'
import type { Loader } from './loader.ts'
import { startMosquitto } from './mosquitto.ts'
import { startOurs } from './ours.ts'
import { FILTER, mosquittoLogins, ourLogins } from './scene.ts'

export type IdleResult = CrowdResult & {
  readonly bytesEach: number
  readonly residentBefore: number
  readonly residentAfter: number
  readonly brokerCpuMicrosEach: number
}
export type IdleRuns = { readonly ours: readonly IdleResult[]; readonly acl_file: readonly IdleResult[] }

const AT_ONCE = 64
/** Let in and gone again before anything is counted, so that code and tables are there. */
const WARMING = 100
const SETTLE_MS = 3000

export async function measureIdle(options: {
  readonly db: Db
  readonly url: string
  readonly loader: Loader
  readonly idle: number
  readonly rounds: number
}): Promise<IdleRuns> {
  const { db, url, loader, idle, rounds } = options
  const agents = await seedAgents(db, idle + WARMING)
  const runs = { ours: [] as IdleResult[], acl_file: [] as IdleResult[] }
  for (let round = 0; round < rounds; round += 1) {
    // A process that has just begun: what a former crowd has left behind would be used again, and hide what is needed.
    const ours = await startOurs(url)
    try {
      runs.ours.push(await crowd(loader, ours, agents.map(ourLogins.agent)))
    } finally {
      await ours.stop()
    }
    const users = agents.map((agent) => ({ ...mosquittoLogins.agent(agent), mayWrite: [FILTER], mayRead: [] }))
    const theirs = await startMosquitto('acl_file', users)
    try {
      runs.acl_file.push(await crowd(loader, theirs, agents.map(mosquittoLogins.agent)))
    } finally {
      await theirs.stop()
    }
  }
  return runs
}

async function crowd(
  loader: Loader,
  broker: { readonly pid: number; readonly port: number },
  logins: Parameters<Loader['gather']>[0]['logins'],
): Promise<IdleResult> {
  const job = { do: 'crowd', port: broker.port, atOnce: AT_ONCE } as const
  await loader.gather({ ...job, logins: logins.slice(0, WARMING) })
  await loader.disperse()
  await pause(SETTLE_MS)
  const [residentBefore, cpuBefore] = [residentOf(broker.pid), cpuSecondsOf(broker.pid)]
  const result = await loader.gather({ ...job, logins: logins.slice(WARMING) })
  const cpu = cpuSecondsOf(broker.pid) - cpuBefore
  await pause(SETTLE_MS)
  const residentAfter = residentOf(broker.pid)
  await loader.disperse()
  return {
    ...result,
    ...{ residentBefore, residentAfter, bytesEach: (residentAfter - residentBefore) / result.connected },
    brokerCpuMicrosEach: (cpu * 1e6) / result.connected,
  }
}

async function seedAgents(db: Db, count: number): Promise<SeededAgent[]> {
  let agents: SeededAgent[] = []
  await unguarded(db, async (tx) => {
    const owners = await seedPersons(tx, 'idle', 1)
    agents = await seedDevices(tx, owners, 'Idle', { devices: count, perAgent: 1 })
  })
  return agents
}

function residentOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) * 1024
}
