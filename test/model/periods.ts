// node test/model/periods.ts --shares 1000 --seconds 60: how late is the last delivery of a share that has ended?
import { parseArgs } from 'node:util'
import { runEnds } from './ends.ts'
import { withPostgres } from './postgres.ts'

const { values } = parseArgs({
  options: {
    shares: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
  },
})
const report = await withPostgres(async (newDatabase) =>
  runEnds({
    databaseUrl: await newDatabase(),
    seed: Number(values.seed),
    shares: Number(values.shares),
    seconds: Number(values.seconds),
  }),
)
for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(12)} ${value}`)
process.exitCode = report.tooLate > 0 || report.missing > 0 ? 1 : 0
