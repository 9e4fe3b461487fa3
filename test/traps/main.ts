// npm run mutate:traps -- --only T3,T8: takes each fix of the trap table out of a copy, and expects its test to fail.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, withCopy, withPatches } from '../support/copy.ts'
import { startTestServer } from '../support/postgres.ts'
import type { Outcome } from './one-run.ts'
import { BESIDES, type Row, TRAPS } from './table.ts'

const PARTS = ['protocol', 'db', 'broker', 'api', 'agent', 'simulator', 'web', 'test']
const FOLDERS = ['bin', 'docs']
/** One run of one file, with all its time-outs. */
const PATIENCE_MS = 300_000
const AT_ONCE = 2
/** Of an error that says that there is nothing to test, not that something goes wrong. */
const NO_VERDICT = /^(SyntaxError|ReferenceError)|Failed to load|does not provide an export|Cannot find/

type Verdict = { readonly row: Row; readonly isRed: boolean; readonly what: string; readonly seconds: number }
type Place = { readonly folder: string; readonly database: string }

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' } } })
  const only = values.only?.split(',')
  const rows = TRAPS.filter(({ trap }) => only === undefined || only.includes(trap))
  const server = await startTestServer()
  try {
    const verdicts = await inCopies(server.url, async (places) => {
      if (!(await areAllGreen(places, rows))) return undefined
      return inTurns(places, rows, async (place, row) => {
        const verdict = await judge(place, row)
        show(verdict)
        return verdict
      })
    })
    process.exitCode = verdicts && sumUp(verdicts) ? 0 : 1
  } finally {
    await server.stop()
  }
}

async function inCopies<T>(database: string, use: (places: readonly Place[]) => Promise<T>): Promise<T> {
  const open = (folders: readonly string[]): Promise<T> =>
    folders.length === AT_ONCE
      ? use(folders.map((folder) => ({ folder, database })))
      : withCopy({ parts: PARTS, folders: FOLDERS }, (folder) => open([...folders, folder]))
  return open([])
}

/** Each place does one thing at a time; answers are in the order of the items. */
async function inTurns<Item, T>(
  places: readonly Place[],
  items: readonly Item[],
  work: (place: Place, item: Item) => Promise<T>,
): Promise<T[]> {
  const answers: T[] = []
  const queue = items.entries()
  const run = async (place: Place) => {
    for (const [index, item] of queue) answers[index] = await work(place, item)
  }
  await Promise.all(places.map(run))
  return answers
}

/** Without anything taken out, every test that is named passes. */
async function areAllGreen(places: readonly Place[], rows: readonly Row[]): Promise<boolean> {
  const names = new Map<string, Set<string>>()
  for (const row of rows) {
    const { file, name } = row.test
    const besides = besidesOf(row)
    names.set(file, new Set([...(names.get(file) ?? []), name, ...(besides === undefined ? [] : [besides])]))
  }
  const all = await inTurns(places, [...names], async (place, [file, wanted]) => {
    const outcomes = await runTests(place, file, [...wanted])
    return [...wanted].flatMap((name) => {
      const outcome = outcomes.find((one) => one.name === name)
      return outcome?.state === 'passed' ? [] : [`${file}: ${name}: ${outcome?.errors[0] ?? 'was not run'}`]
    })
  })
  for (const line of all.flat()) console.log(`not green as it is: ${line}`)
  if (all.flat().length === 0)
    console.log(`${[...names.values()].flatMap((each) => [...each]).length} tests are green\n`)
  return all.flat().length === 0
}

async function judge(place: Place, row: Row): Promise<Verdict> {
  const started = performance.now()
  const [isRed, what] = await verdictOn(place, row)
  return { row, isRed, what, seconds: (performance.now() - started) / 1000 }
}

async function verdictOn(place: Place, row: Row): Promise<readonly [isRed: boolean, what: string]> {
  const { file, name } = row.test
  const besides = besidesOf(row)
  const names = besides === undefined ? [name] : [name, besides]
  const outcomes = await withPatches(place.folder, row.patches, () => runTests(place, file, names)).catch(
    (error: Error) => error,
  )
  if (outcomes instanceof Error) return [false, outcomes.message]
  const of = (wanted: string) => outcomes.find((one) => one.name === wanted)
  const outcome = of(name)
  if (!outcome || outcome.state === 'skipped') return [false, 'NOT RUN: what is left does not load']
  if (outcome.state !== 'failed') return [false, 'STILL GREEN']
  const [error = ''] = outcome.errors
  if (NO_VERDICT.test(error)) return [false, `NO VERDICT: ${error}`]
  const beside = besides === undefined ? undefined : of(besides)
  if (besides !== undefined && beside?.state !== 'passed') {
    return [false, `RED, AND SO IS: ${besides}: ${beside?.errors[0] ?? 'not run'}`]
  }
  return [true, error]
}

function besidesOf({ test }: Row): string | undefined {
  return BESIDES[test.file]?.find((name) => name !== test.name)
}

function runTests({ folder, database }: Place, file: string, names: readonly string[]): Promise<readonly Outcome[]> {
  const program = join(ROOT, 'test/traps/one-run.ts')
  const args = [program, '--root', folder, '--database', database, '--file', file, '--', ...names]
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' } as const
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const last = stdout.trim().split('\n').at(-1) ?? ''
      if (last.startsWith('[')) resolve(JSON.parse(last))
      else {
        console.error(`${file} gave no report: ${error?.message ?? ''} ${stderr.slice(-2000)}`)
        resolve([])
      }
    })
  })
}

function show({ row, isRed, what, seconds }: Verdict): void {
  const verdict = isRed ? 'red (as it must)' : 'NOT RED'
  const why = what.replaceAll(/\s+/g, ' ').slice(0, isRed ? 90 : 400)
  console.log(
    `${row.trap.padEnd(4)} ${row.fix.padEnd(68)} ${verdict.padEnd(17)} ${seconds.toFixed(0).padStart(3)} s  ${why}`,
  )
}

function sumUp(verdicts: readonly Verdict[]): boolean {
  const traps = new Set(verdicts.map(({ row }) => row.trap))
  const open = new Set(verdicts.filter(({ isRed }) => !isRed).map(({ row }) => row.trap))
  const red = verdicts.filter(({ isRed }) => isRed).length
  console.log(
    `\n${red} of ${verdicts.length} fixes taken out are noticed: ${traps.size - open.size} of ${traps.size} traps`,
  )
  if (open.size > 0) console.log(`not so: ${[...open].join(', ')}`)
  return open.size === 0
}

await main()
