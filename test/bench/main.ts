// `npm run bench -- NAME`: measures on real processes and prints what it found; writes the same as JSON where asked.
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { benchBroker } from './broker.ts'
import { benchFair } from './fair.ts'
import { benchHostile } from './hostile.ts'
import { benchIngest } from './ingest.ts'
import { benchRevoke } from './revoke.ts'
import { benchScale } from './scale.ts'
import { benchStalled } from './stalled.ts'
import { benchStorm } from './storm.ts'

/** Figures by name, to be kept as JSON. */
export type Figures = Readonly<Record<string, unknown>>

const BENCHES: Readonly<
  Record<
    string,
    { readonly what: string; readonly run: (options: Numbers, args: readonly string[]) => Promise<Figures> }
  >
> = {
  broker: {
    what: 'beside mosquitto: --quick --only fan-in,fan-in-1000,fan-out,pairs --devices 10,1000 --qos 0,1 --rounds 3 --seconds 3',
    run: benchBroker,
  },
  ingest: {
    what: 'samples stored, beside plain COPY: --samples 100000 --rounds 3 --agents 50 --devices 1000',
    run: benchIngest,
  },
  fair: {
    what: 'beside an agent that publishes as fast as it can: --seconds 10 --hz 50 --bytes 200',
    run: benchFair,
  },
  hostile: {
    what: 'those who mean no good, beside an honest agent: --connections 1000',
    run: benchHostile,
  },
  revoke: {
    what: 'revocations under load: --revocations 10000 --rate 200 --viewers 100 --hz 25',
    run: benchRevoke,
  },
  scale: {
    what: 'the same requests with 1,000 and with 1,000,000 shares: --small 1000 --large 1000000',
    run: benchScale,
  },
  stalled: {
    what: 'readers that stop reading: --viewers 1000 --stalled 100 --rate 20 --bytes 300 --seconds 15',
    run: benchStalled,
  },
  storm: {
    what: 'all agents come back at once: --agents 10000 --interval 20 (s)',
    run: benchStorm,
  },
}

export type Numbers = Readonly<Record<string, number>>

const { positionals, values } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { json: { type: 'string' } },
})
const bench = BENCHES[positionals[0] ?? '']
if (!bench) {
  console.error('Name one of:')
  for (const [name, { what }] of Object.entries(BENCHES)) console.error(`  npm run bench -- ${name}   ${what}`)
  process.exit(2)
}
const figures = await bench.run(numbersIn(process.argv.slice(2)), process.argv.slice(3))
if (typeof values.json === 'string') await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`)
process.exit(0)

/** `--name 5` and `--name=5`. */
function numbersIn(args: readonly string[]): Numbers {
  const found: Record<string, number> = {}
  for (const [index, arg] of args.entries()) {
    const match = /^--([a-z]+)(?:=(\d+))?$/.exec(arg)
    if (!match?.[1]) continue
    const value = Number(match[2] ?? args[index + 1])
    if (Number.isFinite(value)) found[match[1]] = value
  }
  return found
}
