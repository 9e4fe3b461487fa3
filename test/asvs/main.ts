// Prints what OWASP ASVS 5.0.0 asks in chapters 6 to 8, and the tests that prove it, run just now. Ends with 1 when a
// requirement that we claim has no test, or one that does not pass.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { REQUIREMENTS, type Requirement } from './table.ts'
import { findTags, ROOT, tagsIn } from './tags.ts'

/** What we read of vitest's JSON report. */
const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

type Proof = { readonly name: string; readonly file: string; readonly passed: boolean }

const CHAPTERS = { 6: 'Authentication', 7: 'Session management', 8: 'Authorization' } as const

const files = [...new Set((await findTags()).map(({ file }) => file))]
console.log(`Running ${files.length} files of tests …\n`)
const proofs = await run(files)
const failing = REQUIREMENTS.filter((one) => one.claim !== 'open' && !isProved(one))
for (const [chapter, title] of Object.entries(CHAPTERS)) {
  console.log(`V${chapter} ${title}`)
  for (const requirement of REQUIREMENTS.filter(({ number }) => number.startsWith(`${chapter}.`))) print(requirement)
  console.log()
}
summarise()
if (failing.length > 0) process.exitCode = 1

async function run(paths: readonly string[]): Promise<ReadonlyMap<string, readonly Proof[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-asvs-'))
  try {
    const output = join(folder, 'report.json')
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
    const child = spawn(process.execPath, [vitest, 'run', ...paths, '--reporter=json', `--outputFile=${output}`], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await once(child, 'exit')
    return proofsIn(Report.parse(JSON.parse(await readFile(output, 'utf8'))))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function proofsIn({ testResults }: z.infer<typeof Report>): Map<string, Proof[]> {
  const found = new Map<string, Proof[]>()
  for (const { name: path, assertionResults } of testResults) {
    for (const { fullName, status } of assertionResults) {
      const proof = { name: fullName.trim(), file: relative(ROOT, path), passed: status === 'passed' }
      for (const number of tagsIn(fullName)) found.set(number, [...(found.get(number) ?? []), proof])
    }
  }
  return found
}

function isProved({ number }: Requirement): boolean {
  const own = proofs.get(number) ?? []
  return own.length > 0 && own.every(({ passed }) => passed)
}

function print(requirement: Requirement): void {
  const { number, level, words, claim, how } = requirement
  console.log(`${verdict(requirement).padEnd(8)} ${number.padEnd(7)} L${level}  ${words}`)
  console.log(`${' '.repeat(21)}${claim === 'foreign' ? 'not asked of us: ' : ''}${how}`)
  for (const { name, file, passed } of proofs.get(number) ?? []) {
    console.log(`${' '.repeat(21)}${passed ? '✓' : '✗'} ${name.replace(/ *\[ASVS [^\]]*\]/g, '')} (${file})`)
  }
}

function verdict(requirement: Requirement): string {
  if (requirement.claim === 'open') return 'open'
  if (!isProved(requirement)) return 'FAILS'
  return requirement.claim === 'foreign' ? 'absent' : 'proved'
}

function summarise(): void {
  const count = (which: string) => REQUIREMENTS.filter((one) => verdict(one) === which).length
  const tests = new Set([...proofs.values()].flat().map(({ file, name }) => `${file} ${name}`)).size
  console.log(
    `${count('proved')} requirements are proved and ${count('absent')} shown not to be asked of us, by ${tests} tests; ${count('open')} are open.`,
  )
  if (failing.length > 0) console.log(`Without a passing test: ${failing.map(({ number }) => number).join(' ')}`)
}
