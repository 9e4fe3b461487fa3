// PostgreSQL that really writes to the disk, a broker and an API, each a process of its own.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@ridethrough/db/database.ts'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { pino } from 'pino'
import { startPart } from '../support/part.ts'

export type BenchCloud = {
  readonly db: Db
  readonly http: string
  readonly mqtt: string
  readonly brokerPid: number
  readonly apiPid: number
  readonly postgresPid: number
  stop(): Promise<void>
}

export type BenchDatabase = { readonly db: Db; readonly url: string; readonly pid: number; stop(): Promise<void> }

export async function startBenchDatabase(): Promise<BenchDatabase> {
  const log = pino({ level: 'warn' })
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-bench-'))
  await chmod(folder, 0o755)
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'pg'),
    log,
    settings: ['shared_buffers=1GB', 'max_wal_size=8GB', 'checkpoint_timeout=30min'],
  })
  await createDatabase(server.url, 'bench', log)
  const url = server.urlOf('bench')
  const db = openDb(url, log)
  await migrate(db, url)
  return {
    db,
    url,
    pid: server.pid,
    stop: async () => {
      await db.destroy()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function startBenchCloud(database: BenchDatabase): Promise<BenchCloud> {
  const env = {
    DATABASE_URL: database.url,
    HOST: '127.0.0.1',
    HTTP_PORT: '0',
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    SECRET_KEY: 'a key that only measurements are sealed with',
    SETUP: 'open',
    // All of the load comes from one address.
    REQUESTS_PER_MINUTE: '1000000',
  }
  const broker = await startPart(['broker'], env)
  const api = await startPart(['api'], env)
  return {
    db: database.db,
    http: api.ready.http ?? '',
    mqtt: broker.ready.mqtt ?? '',
    brokerPid: broker.process.pid ?? 0,
    apiPid: api.process.pid ?? 0,
    postgresPid: database.pid,
    stop: async () => {
      await api.stop()
      await broker.stop()
    },
  }
}
