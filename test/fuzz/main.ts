// npm run fuzz -- --packets 10000000 --seed 1: bytes of every kind at a broker of its own, on a PostgreSQL of its own.
import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { printTable } from '../bench/figures.ts'
import { withPostgres } from '../model/postgres.ts'
import { type FuzzReport, runFuzz } from './run.ts'

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    /** Ends the run earlier. */
    seconds: { type: 'string', default: '86400' },
    /** This connection of the seed alone. */
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

console.error(`seed ${values.seed}`)
let said = 0
/** In life the sender has a machine of its own: here it must not take the processor from the broker and the watcher. */
const FUZZER_NICENESS = 5
const report = await withPostgres(async (newDatabase) =>
  runFuzz({
    databaseUrl: await newDatabase(),
    onStarted: () => setPriority(FUZZER_NICENESS),
    seed: Number(values.seed),
    packets: Number(values.packets),
    seconds: Number(values.seconds),
    only: values.only === undefined ? undefined : Number(values.only),
    healthMs: 100,
    onProgress: (line) => {
      said += 1
      if (said % 10 === 0) console.error(line)
    },
  }),
)
if (values.json)
  console.log(JSON.stringify(report, (_, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value)))
else show(report)
process.exit(report.violations.length > 0 ? 1 : 0)

function show(so: FuzzReport): void {
  printTable([
    ['sent', ''],
    ['packets that the broker has read', so.packets],
    ['of them with a fault', so.faults],
    ['packets per second', Math.round(so.packets / so.seconds)],
    ['connections', so.connections],
    ['signed in', so.opened.in],
    ['refused by CONNACK', so.opened.refused],
    ['closed before CONNACK', so.opened.closed],
    ['ended by the broker', so.endedByBroker],
    ['messages received by fuzzing clients', so.received],
  ])
  for (const [what, counts] of [
    ['packets refused', so.refused],
    ['connections cut', so.cut],
    ['CONNECTs by outcome', so.connects],
    ['limits that were met', so.limits],
  ] as const) {
    console.log()
    printTable([[what, ''], ...[...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => [`  ${name}`, count])])
  }
  console.log()
  const spreads = [
    ['/healthz, asked by another process', so.health],
    ['the canary: state, stored before it is delivered', so.canary.stored],
    ['the canary: live', so.canary.live],
  ] as const
  printTable([
    ['meanwhile', 'count', 'p50 ms', 'p99 ms', 'max ms'],
    ...spreads.map(([what, { count, p50, p99, max }]) => [what, count, p50, p99, max]),
  ])
  console.log()
  printTable([
    ['the broker', 'before', 'early', 'late', 'peak'],
    ['resident memory, MB', so.memoryMb.before, so.memoryMb.early, so.memoryMb.late, so.memoryMb.peak],
  ])
  console.log(
    `\n${so.canary.published} published by the canary, ${so.canary.delivered} delivered; ${so.logLines} lines of log`,
  )
  console.log(`seed ${so.seed}, ${so.seconds.toFixed(1)} s`)
  if (so.violations.length === 0) return
  console.log('\nWhat must not be:')
  for (const one of so.violations) console.log(`  ${one}`)
  console.log(
    `\nAgain: npm run fuzz -- --seed ${so.seed} --packets ${so.packets}, or one connection: --seed ${so.seed} --only N`,
  )
}
