// A PostgreSQL for programs of the test folder that run outside the test runner.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@ridethrough/db/database.ts'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { pino } from 'pino'

/** A server that ends with `use`, which may ask it for as many migrated, empty databases as it likes. */
export async function withPostgres<T>(use: (newDatabase: () => Promise<string>) => Promise<T>): Promise<T> {
  const log = pino({ level: 'error' })
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-model-'))
  await chmod(folder, 0o755)
  const settings = ['fsync=off', 'full_page_writes=off']
  const server = await startEmbeddedPostgres({ folder: join(folder, 'pg'), log, settings })
  try {
    await createDatabase(server.url, 'template', log)
    const template = openDb(server.urlOf('template'), log)
    await migrate(template, server.urlOf('template'))
    await template.destroy()
    let count = 0
    return await use(async () => {
      count += 1
      await createDatabase(server.url, `model_${count}`, log, 'template')
      return server.urlOf(`model_${count}`)
    })
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
