// Runs named tests of one file in a copy of the sources, and says of each what became of it. A process of its own: what is
// planted there may end it.
import { parseArgs } from 'node:util'
import type { TestCase, Vitest } from 'vitest/node'
import { startVitest } from 'vitest/node'

export type Outcome = {
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending'
  readonly errors: readonly string[]
}

/** Long enough for every test that passes, on a busy machine too; one that waits for what cannot come any more fails by it. */
const TEST_TIMEOUT_MS = 60_000
const POLL_TIMEOUT_MS = 15_000

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { root: { type: 'string' }, database: { type: 'string' }, file: { type: 'string' } },
  })
  const { root = '', database = '', file = '' } = values
  const pattern = positionals.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const vitest = await startVitest('test', [file], {
    ...{ root, config: false, watch: false, reporters: [], pool: 'forks', maxWorkers: 1 },
    provide: { postgresUrl: database },
    testNamePattern: new RegExp(`^(?:${pattern})$`),
    ...{ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS, expect: { poll: { timeout: POLL_TIMEOUT_MS } } },
  })
  console.log(`\n${JSON.stringify(outcomesOf(vitest))}`)
  await vitest.close()
  // what hangs in what was planted has no say
  process.exit(0)
}

function outcomesOf(vitest: Vitest): Outcome[] {
  const modules = vitest.state.getTestModules()
  return modules.flatMap((one) => [...one.children.allTests()]).map(outcomeOf)
}

function outcomeOf(test: TestCase): Outcome {
  const { state, errors = [] } = test.result()
  return { name: test.fullName, state, errors: errors.map(({ name, message }) => `${name}: ${message}`) }
}

await main()
