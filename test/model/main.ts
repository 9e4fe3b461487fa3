// npm run test:model -- --operations 1000000 --seed 1: the model test at length, on a PostgreSQL of its own.
import { parseArgs } from 'node:util'
import { withPostgres } from './postgres.ts'
import { type ModelReport, runModel } from './run.ts'

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    /** A reader that does not read while its access ends, each so many rounds. */
    'stall-every': { type: 'string', default: '1500' },
    /** Of a migrated, empty database; without it a server is started for this run. */
    database: { type: 'string' },
    /** The report as one line of JSON, for programs that read it. */
    json: { type: 'boolean', default: false },
  },
})

const run = (databaseUrl: string) =>
  runModel({
    databaseUrl,
    seed: Number(values.seed),
    operations: Number(values.operations),
    stallEvery: Number(values['stall-every']),
    onProgress: (so) => values.json || console.log(line(so)),
  })
const report =
  values.database === undefined
    ? await withPostgres(async (newDatabase) => run(await newDatabase()))
    : await run(values.database)
if (values.json) console.log(JSON.stringify(report))
else show(report)
process.exitCode = report.disagreement ? 1 : 0

function line({ seed, operations, rounds, deliveries, seconds }: ModelReport): string {
  return `seed ${seed}: ${operations} operations in ${rounds} rounds, ${deliveries} deliveries judged, ${seconds} s`
}

function show(so: ModelReport): void {
  console.log(line(so))
  const counts = Object.entries(so.kinds).sort(([, a], [, b]) => b - a)
  console.log(counts.map(([kind, count]) => `${kind} ${count}`).join(', '))
  if (so.lapses > 0) console.log(`${so.lapses} times the machine was too slow for the lease, and everybody was cut off`)
  if (!so.disagreement) {
    console.log('0 deliveries that the model forbids, 0 that it grants and are missing')
    return
  }
  console.log(`\nThe broker and the model disagree after ${so.operations} operations: ${so.disagreement.what}`)
  for (const one of so.disagreement.standing) console.log(`  ${one}`)
  console.log('What led there:')
  for (const one of so.disagreement.after) console.log(`  ${one}`)
  console.log(`\nAgain: npm run test:model -- --seed ${so.seed} --operations ${so.operations + 100}`)
}
