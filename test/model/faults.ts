// Is the model test any good? Each of these faults, planted in a copy of the product, must be found by it.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULTS, type Fault } from './fault-table.ts'
import { withPostgres } from './postgres.ts'

const ROOT = join(import.meta.dirname, '../..')
const OPERATIONS = 30_000
const PATIENCE_MS = 600_000

export type Found = { readonly name: string; readonly after: number | undefined; readonly what: string }

/** A copy in which one file at a time is made wrong; packages are those of the original, our own parts are the copy's. */
export async function withCopy<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-faults-'))
  try {
    const parts = ['protocol', 'db', 'broker']
    const options = { recursive: true, filter: (path: string) => !/node_modules|\/dist(\/|$)/.test(path) }
    for (const part of parts) await cp(join(ROOT, part), join(folder, part), options)
    for (const place of ['model', 'policy']) await cp(join(ROOT, 'test', place), join(folder, 'test', place), options)
    await cp(join(ROOT, 'package.json'), join(folder, 'package.json'))
    await mkdir(join(folder, 'node_modules/@ridethrough'), { recursive: true })
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      if (name !== '@ridethrough') await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
    }
    for (const part of parts) await symlink(join(folder, part), join(folder, 'node_modules/@ridethrough', part))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Plants it, lets the model test look for it, and takes it out again. */
export async function lookFor(fault: Fault, folder: string, databaseUrl: string): Promise<Found> {
  const originals = new Map<string, string>()
  try {
    for (const { file, find, replace } of fault.patches) {
      const path = join(folder, file)
      const text = await readFile(path, 'utf8')
      if (text.split(find).length !== 2) throw new Error(`${fault.name}: ${file} does not hold this once: ${find}`)
      if (!originals.has(path)) originals.set(path, text)
      await writeFile(
        path,
        text.replace(find, () => replace),
      )
    }
    return { name: fault.name, ...(await run(folder, databaseUrl, fault)) }
  } finally {
    for (const [path, text] of originals) await writeFile(path, text)
  }
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
    withCopy(async (folder) => {
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
