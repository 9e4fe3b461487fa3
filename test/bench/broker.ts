// Our broker beside mosquitto and beside a relay that looks at nothing: the same load, the same rights, by turns.
import type { Db } from '@ridethrough/db/schema.ts'
import { type Verdict, verdicts } from './broker/aims.ts'
import { layoutOf } from './broker/frames.ts'
import { type IdleRuns, measureIdle } from './broker/idle.ts'
import { type Loader, type Relay, startLoader, startRelay } from './broker/loader.ts'
import { type Measured, measureCase, type Target } from './broker/measure.ts'
import { MOSQUITTO_SETTINGS, type Mosquitto, type RightsBy, startMosquitto, type User } from './broker/mosquitto.ts'
import { OUR_SETTINGS, type Ours, startOurs } from './broker/ours.ts'
import { type Case, type Plan, planOf } from './broker/plan.ts'
import { printTopTen } from './broker/profile.ts'
import { printFull, printIdle, printLatency, printVerdicts } from './broker/report.ts'
import { FILTER, liveTopic, mosquittoLogins, type Scene, seedScene } from './broker/scene.ts'
import { startBenchDatabase } from './cloud.ts'
import type { Figures } from './main.ts'

type Rig = {
  readonly plan: Plan
  readonly loader: Loader
  readonly relay: Relay
  readonly ours: Ours
  readonly scenes: ReadonlyMap<string, Scene>
  /** By how they know rights, and how many each viewer has. */
  readonly rivals: ReadonlyMap<string, Mosquitto>
}

export async function benchBroker(_: unknown, args: readonly string[]): Promise<Figures> {
  const plan = planOf(args)
  const stops: (() => Promise<void>)[] = []
  const started = <T extends { stop(): Promise<void> }>(one: T): T => {
    stops.push(() => one.stop())
    return one
  }
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stopAll().finally(() => process.exit(130)))
  }
  // a mosquitto for each number of devices and kind of rights
  process.setMaxListeners(50)
  try {
    sayConditions(plan)
    const database = started(await startBenchDatabase())
    const loader = started(startLoader())
    const idle = plan.idle > 0 ? await idleOf(plan, { ...database, loader }) : undefined
    const frameBytes = layoutOf(liveTopic('0'.repeat(36)).length, plan.payloadBytes, 0).bytes
    const relay = started(await startRelay(frameBytes))
    const scenes = await seedScenes(database.db, plan.cases)
    const rivals = await startRivals(plan, [...scenes.values()], started)
    const oursBegan = performance.now()
    const ours = started(await startOurs(database.url, plan.profileFolder))
    const oursStartedIn = performance.now() - oursBegan
    const measured: Measured[] = []
    for (const one of plan.cases) {
      measured.push(await measure({ plan, loader, relay, ours, scenes, rivals }, one))
    }
    const losses = await ours.losses()
    const dropped = await droppedBy(rivals)
    const found = verdicts(measured, idle)
    print(measured, idle, found)
    console.log(`\nour broker's own counters: ${JSON.stringify(losses)}`)
    console.log(`mosquitto's own count of dropped messages: ${JSON.stringify(dropped)}`)
    if (plan.profileFolder !== undefined) {
      await ours.stop()
      printTopTen(plan.profileFolder, oursStartedIn)
    }
    return { plan, measured, idle, losses, dropped, verdicts: found }
  } finally {
    await stopAll()
  }
}

function sayConditions({ rounds, seconds, payloadBytes, windowBytes, burst, unanswered }: Plan): void {
  console.log(`ours: Node ${process.version}, defaults but for ${OUR_SETTINGS.join(', ')}`)
  console.log(
    `mosquitto: ${MOSQUITTO_SETTINGS.join(', ')}; publishers may write ${FILTER}, viewers read a line per device`,
  )
  console.log(
    `load: ${rounds} rounds of ${seconds} s, payload ${payloadBytes} bytes, ${windowBytes / 1024} KB on the way to a viewer, ` +
      `${burst} messages in one write, ${unanswered} unanswered at QoS 1`,
  )
}

async function idleOf(plan: Plan, where: { db: Db; url: string; loader: Loader }): Promise<IdleRuns> {
  console.log(`connections that say nothing: ${plan.idle}`)
  return measureIdle({ ...where, idle: plan.idle, rounds: plan.rounds })
}

const keyOf = ({ shape, devices }: Pick<Case, 'shape' | 'devices'>) => `${shape}/${devices}`

async function seedScenes(db: Db, cases: readonly Case[]): Promise<Map<string, Scene>> {
  const scenes = new Map<string, Scene>()
  for (const one of cases) {
    if (!scenes.has(keyOf(one))) scenes.set(keyOf(one), await seedScene(db, one.shape, one.devices))
  }
  return scenes
}

async function startRivals(
  { cases }: Plan,
  scenes: readonly Scene[],
  started: (one: Mosquitto) => Mosquitto,
): Promise<Map<string, Mosquitto>> {
  const rivals = new Map<string, Mosquitto>()
  const kinds = new Set(cases.flatMap((one) => one.rivals))
  for (const devices of new Set(scenes.map((scene) => scene.devices))) {
    const users = scenes.filter((scene) => scene.devices === devices).flatMap(usersOf)
    for (const kind of kinds) {
      const began = performance.now()
      try {
        rivals.set(`${kind}/${devices}`, started(await startMosquitto(kind, users)))
        console.log(`mosquitto ${kind}, ${devices} devices: up after ${Math.round(performance.now() - began)} ms`)
      } catch (error) {
        console.log(`mosquitto ${kind}, ${devices} devices: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
  return rivals
}

/** Publishers may write what any agent may: one line, so that what is measured is the viewers' rights. */
function usersOf({ groups }: Scene): User[] {
  return groups.flatMap(({ agents, viewers }) => {
    const mayRead = agents.flatMap(({ deviceIds }) => deviceIds.map(liveTopic))
    return [
      ...viewers.map((person) => ({ ...mosquittoLogins.viewer(person), mayRead, mayWrite: [] })),
      ...agents.map((agent) => ({ ...mosquittoLogins.agent(agent), mayRead: [], mayWrite: [FILTER] })),
    ]
  })
}

async function measure(rig: Rig, one: Case): Promise<Measured> {
  const { plan, loader, relay, ours, scenes, rivals } = rig
  const scene = scenes.get(keyOf(one))
  if (!scene) throw new Error(`nobody was made for ${one.name}`)
  const theirs = one.rivals.flatMap((name: RightsBy): Target[] => {
    const rival = rivals.get(`${name}/${one.devices}`)
    return rival ? [{ name, ...rival }] : []
  })
  const limit: Target[] = one.hasRelay ? [{ name: 'relay', ...relay }] : []
  const began = performance.now()
  const result = await measureCase(one, {
    plan,
    scene,
    loader,
    targets: [{ name: 'ours', ...ours }, ...theirs, ...limit],
  })
  const took = Math.round((performance.now() - began) / 1000)
  console.log(`${one.name}, QoS ${one.qos}, ${scene.granted} devices: done in ${took} s`)
  return result
}

async function droppedBy(rivals: ReadonlyMap<string, Mosquitto>): Promise<Record<string, number>> {
  const entries = [...rivals].map(async ([name, rival]) => [name, await rival.dropped()] as const)
  return Object.fromEntries(await Promise.all(entries))
}

function print(measured: readonly Measured[], idle: IdleRuns | undefined, found: readonly Verdict[]): void {
  printFull(measured)
  printLatency(measured)
  if (idle) printIdle(idle)
  printVerdicts(found)
}
