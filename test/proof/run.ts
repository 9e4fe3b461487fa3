// Runs tests and says which of them passed, by the requirements that their names claim to prove.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { ROOT, type TagsIn } from './tags.ts'

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

export type Proof = { readonly name: string; readonly file: string; readonly passed: boolean }

/** By number. A test that was left out has not passed. */
export async function runProofs(
  files: readonly string[],
  tagsIn: TagsIn,
): Promise<ReadonlyMap<string, readonly Proof[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-proofs-'))
  try {
    const output = join(folder, 'report.json')
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
    const child = spawn(process.execPath, [vitest, 'run', ...files, '--reporter=json', `--outputFile=${output}`], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await once(child, 'exit')
    return proofsIn(Report.parse(JSON.parse(await readFile(output, 'utf8'))), tagsIn)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function proofsIn({ testResults }: z.infer<typeof Report>, tagsIn: TagsIn): Map<string, Proof[]> {
  const found = new Map<string, Proof[]>()
  for (const { name: path, assertionResults } of testResults) {
    for (const { fullName, status } of assertionResults) {
      const proof = { name: fullName.trim(), file: relative(ROOT, path), passed: status === 'passed' }
      for (const number of tagsIn(fullName)) found.set(number, [...(found.get(number) ?? []), proof])
    }
  }
  return found
}

/** Something is proved when tests claim to prove it, and all of them pass. */
export function isProved(proofs: readonly Proof[] | undefined): boolean {
  return proofs !== undefined && proofs.length > 0 && proofs.every(({ passed }) => passed)
}
