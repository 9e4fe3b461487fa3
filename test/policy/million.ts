// `node test/policy/million.ts --worlds 1000000 [--seed 7]`: the policy against the reference model. `--only 123` repeats one world.
import { parseArgs } from 'node:util'
import { decide } from '@ridethrough/protocol/policy.ts'
import { disagreementIn } from './compare.ts'
import { type SmallWorld, worldOf } from './worlds.ts'

const { values } = parseArgs({
  options: { worlds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const worlds = wholeNumber(values.worlds, 1_000_000)
const seed = wholeNumber(values.seed, Date.now() % 2 ** 31)
process.exitCode = values.only === undefined ? run(seed, worlds) : run(wholeNumber(values.only, 0), 1)

/** World n of the run is the world of the number seed + n. */
function run(seed: number, worlds: number): number {
  const started = performance.now()
  const outcomes = new Map<string, number>()
  for (let index = 0; index < worlds; index += 1) {
    const number = (seed + index) % 2 ** 32
    const world = worldOf(number)
    const disagreement = disagreementIn(world)
    if (disagreement !== undefined) {
      console.error(`world ${index} of seed ${seed}: ${disagreement}`)
      console.error(render(world))
      console.error(`to repeat: node test/policy/million.ts --only ${number}`)
      return 1
    }
    if (index % 100_000 === 99_999) console.log(`${index + 1} worlds`)
    const outcome = outcomeOf(world)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  const seconds = (performance.now() - started) / 1000
  const rate = Math.round(worlds / seconds)
  console.log(`${worlds} worlds of seed ${seed} agree: ${seconds.toFixed(1)} s, ${rate} worlds/s`)
  for (const [outcome, count] of [...outcomes].sort((a, b) => b[1] - a[1])) console.log(`${count} ${outcome}`)
  return 0
}

/** What the worlds are about: a run in which everything is refused for one reason would show little. */
function outcomeOf({ subject, privilege, device, facts, now }: SmallWorld): string {
  const decision = decide(subject, privilege, device, facts, now)
  return decision.allow ? `allowed by ${decision.via.split(':')[0]}` : `refused: ${decision.why}`
}

function render(world: SmallWorld): string {
  return JSON.stringify(world, (_key, value) => (value instanceof Set ? [...value] : value), 2)
}

function wholeNumber(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^\d+$/.test(text)) throw new Error(`${text} is not a whole number`)
  return Number(text)
}
