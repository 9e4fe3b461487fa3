// One PostgreSQL for a whole test run, with a migrated template that each test file clones.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@ridethrough/db/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { type Logger, pino } from 'pino'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the test server's maintenance database. */
    postgresUrl: string
  }
}

export const TEMPLATE = 'ridethrough_template'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { url, stop } = await startTestServer()
  project.provide('postgresUrl', url)
  return stop
}

/** For programs that run tests by themselves: the server with its template. */
export async function startTestServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const log = pino({ level: 'warn' })
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-test-'))
  await chmod(folder, 0o755)
  // The data ends with the run, so nothing needs to reach the disk; tests of durability start a server of their own.
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'pg'),
    log,
    settings: ['fsync=off', 'full_page_writes=off'],
  })
  try {
    await makeTemplate(server, log)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    url: server.url,
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function makeTemplate(server: EmbeddedPostgres, log: Logger): Promise<void> {
  await createDatabase(server.url, TEMPLATE, log)
  const template = openDb(server.urlOf(TEMPLATE), log)
  await migrate(template, server.urlOf(TEMPLATE))
  await template.destroy()
}
