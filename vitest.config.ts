import { defineConfig } from 'vitest/config'

// Two kinds of tests: those that need a PostgreSQL (one is started for all of them), and those that don't wait for one.
const needNone = ['protocol/**', 'agent/**', 'simulator/**', 'web/**', 'test/policy/**', 'test/bench/**', 'test']
const needDatabase = [
  'db/**',
  'broker/**',
  'api/**',
  'test/system/**',
  'test/fault/**',
  'test/kill/**',
  'test/model/**',
  'test/fuzz/**',
  'test/browser/**',
  'test/asvs/**',
  'bin/**',
]

export default defineConfig({
  test: {
    // Two cores, and every file brings real servers: more workers only take time from one another.
    maxWorkers: 2,
    pool: 'forks',
    // Patience, not a bound: machines are shared, and what hangs is found all the same.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'plain', include: needNone.map((place) => `${place}/*.test.ts`) },
      },
      {
        extends: true,
        test: {
          name: 'database',
          include: needDatabase.map((place) => `${place}/*.test.ts`),
          globalSetup: ['test/support/postgres.ts'],
        },
      },
    ],
  },
})
