// Is the model test any good? Each of these faults, planted in a copy of the product, must be found by it.
import { execFile } from 'node:child_process'
import { parseArgs } from 'node:util'
import { withCopy, withPatches } from '../support/copy.ts'
import { FAULTS, type Fault } from './fault-table.ts'
import { withPostgres } from './postgres.ts'

const OPERATIONS = 30_000
const PATIENCE_MS = 600_000

export type Found = { readonly name: string; readonly after: number | undefined; readonly what: string }

const COPIED = { parts: ['protocol', 'db', 'broker'], folders: ['test/model', 'test/policy'] }

/** Plants it, lets the model test look for it, and takes it out again. */
export async function lookFor(fault: Fault, folder: string, databaseUrl: string): Promise<Found> {
  const found = await withPatches(folder, fault.patches, () => run(folder, databaseUrl, fault))
  return { name: fault.name, ...found }
}

function run(folder: string, databaseUrl: string, fault: Fault): Promise<Omit<Found, 'name'>> {
  const flags = [
    '--operations',
    `${fault.operations ?? OPERATIONS}`,
    '--seed',
    '7',
    '--json',
    '--database',
    databaseUrl,
  ]
  if (fault.stallEvery !== undefined) flags.push('--stall-every', `${fault.stallEvery}`)
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, ['test/model/main.ts', ...flags], options, (error, stdout, stderr) => {
      const last = stdout.trim().split('\n').at(-1) ?? ''
      if (!last.startsWith('{')) {
        resolve({ after: undefined, what: `no report: ${stderr.slice(-300) || error?.message}` })
        return
      }
      const { operations, disagreement } = JSON.parse(last)
      resolve({ after: disagreement ? operations : undefined, what: disagreement?.what ?? 'not found' })
    })
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' } } })
  const wanted = FAULTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
  let missed = 0
  await withPostgres((newDatabase) =>
    withCopy(COPIED, async (folder) => {
      for (const fault of wanted) {
        const { name, after, what } = await lookFor(fault, folder, await newDatabase())
        if (after === undefined) missed += 1
        const ids = /[0-9a-f]{8}-[0-9a-f-]{27}/g
        const found = after === undefined ? 'NOT FOUND' : `after ${after}`
        console.log(`${name.padEnd(58)} ${found.padStart(13)}  ${what.replace(ids, '…').slice(0, 110)}`)
      }
    }),
  )
  console.log(`${wanted.length - missed} of ${wanted.length} planted faults were found`)
  process.exitCode = missed > 0 ? 1 : 0
}

if (import.meta.main) await main()
