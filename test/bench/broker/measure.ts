// One case after the other, all brokers by turns in each round, so that they see the same machine.
import type { RunResult } from './job.ts'
import type { Loader } from './loader.ts'
import type { Case, Plan } from './plan.ts'
import { mosquittoLogins, ourLogins, rolesIn, type Scene } from './scene.ts'

export type TargetName = 'ours' | 'acl_file' | 'dynamic-security' | 'relay'
export type Target = { readonly name: TargetName; readonly pid: number; readonly port: number }

export type Runs = Readonly<Partial<Record<TargetName, readonly RunResult[]>>>
export type Measured = {
  readonly case: Case
  readonly granted: number
  readonly full: Runs
  /** At half of what mosquitto with a file of rights can do, both. */
  readonly atTheirHalf: Runs
  /** Ours at half of what it can do itself. */
  readonly atOurHalf: Runs
}

const WARM_MS = 700
const PACED_S = 2

export async function measureCase(
  one: Case,
  options: { readonly plan: Plan; readonly scene: Scene; readonly targets: readonly Target[]; readonly loader: Loader },
): Promise<Measured> {
  const { plan, scene, targets, loader } = options
  const run = (target: Target, publishedPerSecond?: number) => {
    const logins = target.name === 'ours' ? ourLogins : mosquittoLogins
    const { publishers, viewers } = rolesIn(scene, logins, one.speaking ?? scene.granted * scene.groups.length)
    return loader.run({
      do: 'run',
      speaks: target.name === 'relay' ? 'relay' : 'mqtt',
      port: target.port,
      brokerPid: target.pid,
      qos: one.qos,
      ...{
        publishers,
        viewers,
        payloadBytes: plan.payloadBytes,
        windowBytes: plan.windowBytes,
        burst: one.burst ?? plan.burst,
      },
      ...{ unanswered: plan.unanswered, warmMs: WARM_MS, isEachTopicWarmed: target.name === 'ours' },
      pace: publishedPerSecond === undefined ? 'full' : { publishedPerSecond },
      measureMs: (publishedPerSecond === undefined ? plan.seconds : Math.min(PACED_S, plan.seconds)) * 1000,
    })
  }
  const full = await byTurns(targets, plan.rounds, (target) => run(target))
  const halfOf = (name: TargetName) => median((full[name] ?? []).map((result) => result.publishedPerSecond)) / 2
  const named = (names: readonly TargetName[]) => targets.filter(({ name }) => names.includes(name))
  const paced = (names: readonly TargetName[], of: TargetName): Promise<Runs> =>
    one.hasLatency && halfOf(of) > 0
      ? byTurns(named(names), plan.rounds, (target) => run(target, halfOf(of)))
      : Promise.resolve({})
  const atTheirHalf = await paced(['ours', 'acl_file'], 'acl_file')
  const atOurHalf = await paced(['ours'], 'ours')
  return { case: one, granted: scene.granted, full, atTheirHalf, atOurHalf }
}

/** Another one begins in each round. */
async function byTurns(
  targets: readonly Target[],
  rounds: number,
  run: (target: Target) => Promise<RunResult>,
): Promise<Runs> {
  const runs: Partial<Record<TargetName, RunResult[]>> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = targets[(turn + round) % targets.length]
      if (!target) continue
      const results = runs[target.name] ?? []
      runs[target.name] = results
      try {
        results.push(await run(target))
      } catch (error) {
        console.log(`  ${target.name}: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
  return runs
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
