// A PostgreSQL for programs of the test folder that run outside the test runner.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { pino } from 'pino'

/** A migrated, empty database; its server ends with `use`. */
export async function withDatabase<T>(use: (databaseUrl: string) => Promise<T>): Promise<T> {
  const log = pino({ level: 'error' })
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-model-'))
  await chmod(folder, 0o755)
  const settings = ['fsync=off', 'full_page_writes=off']
  const server = await startEmbeddedPostgres({ folder: join(folder, 'pg'), log, settings })
  try {
    const db = openDb(server.url, log)
    await migrate(db, server.url)
    await db.destroy()
    return await use(server.url)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
