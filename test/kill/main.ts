// npm run test:kill -- --times 100 --seed 1: SIGKILL for the broker under load; nothing that it has acknowledged may be lost.
import { parseArgs } from 'node:util'
import { printTable } from '../bench/figures.ts'
import { withPostgres } from '../model/postgres.ts'
import { randomFrom } from '../model/random.ts'
import { runKills } from './run.ts'

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
})
console.error(`seed ${values.seed}`)
const times = Number(values.times)
const found = await withPostgres(async (newDatabase) =>
  runKills({
    databaseUrl: await newDatabase(),
    times,
    random: randomFrom(Number(values.seed)),
    ...{ agents: 8, devicesEach: 5, everyMs: 25 },
    onKill: (count, acknowledged) => {
      if (count % 10 === 0) console.error(`${count} kills, ${acknowledged} samples acknowledged`)
    },
  }),
)
if (values.json) console.log(JSON.stringify({ seed: Number(values.seed), kills: times, ...found }))
else {
  printTable([
    ['kills', times],
    ['samples acknowledged', found.acknowledged],
    ['samples stored', found.stored],
    ['acknowledged and lost', found.lost],
    ['stored twice', found.twice],
    ['stored, and not as sent', found.wrong],
    ['seconds', found.seconds],
  ])
}
process.exit(found.lost + found.twice + found.wrong > 0 ? 1 : 0)
