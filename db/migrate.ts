// Brings a database to the newest schema, forward only. Several processes may call it at once.
import { runMigrations } from 'graphile-worker'
import { Migrator } from 'kysely/migration'
import { MIGRATIONS } from './migration/index.ts'
import { checkServer } from './pool.ts'
import type { Db } from './schema.ts'

export async function migrate(db: Db, databaseUrl: string): Promise<void> {
  await checkServer(db)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'none'
    throw new Error(`the schema could not be brought up to date (at migration ${failed})`, { cause: error })
  }
  // graphile-worker keeps its own schema and its own list of migrations.
  await runMigrations({ connectionString: databaseUrl })
}
