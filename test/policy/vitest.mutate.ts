// What is run for each mutant (`npm run mutate`): rows first, then properties with fewer runs.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const EFFORT = 0.05

export default defineConfig({
  // The mutants are in a copy of the sources; node_modules would lead back to the sources themselves.
  resolve: { alias: { '@ridethrough/protocol': fileURLToPath(new URL('../../protocol', import.meta.url)) } },
  test: {
    include: ['period', 'policy', 'ways', 'window', 'rights', 'model'].map((name) => `test/policy/${name}.test.ts`),
    provide: { effort: EFFORT },
    maxWorkers: 1,
    isolate: false,
    testTimeout: 60_000,
  },
})
