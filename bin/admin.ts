// What the operator of an installation does on its server: `ridethrough admin …`.
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { newestHash, verifyEvents } from '@ridethrough/db/query/event.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { pino } from 'pino'
import { lockFolder } from './lock.ts'

export type AdminConfig = { readonly dataDir: string; readonly databaseUrl: string | undefined }

/** The database of DATABASE_URL, or that of `start` in DATA_DIR, which is started for the while when it is not running. */
export async function withDatabase<T>(config: AdminConfig, run: (db: Db, url: string) => Promise<T>): Promise<T> {
  const log = pino({ name: 'admin', level: 'warn' })
  const folder = join(config.dataDir, 'postgres')
  const running = config.databaseUrl ?? (await runningDatabase(folder))
  if (running !== undefined) return onDatabase(running, run)
  await realpath(folder).catch((cause: unknown) => {
    throw new Error(`there is no database in ${config.dataDir}: set DATA_DIR or DATABASE_URL`, { cause })
  })
  const unlock = await lockFolder(config.dataDir)
  try {
    const server = await startEmbeddedPostgres({ folder, log })
    try {
      const url = server.urlOf('ridethrough')
      return await onDatabase(url, run)
    } finally {
      await server.stop()
    }
  } finally {
    await unlock()
  }
}

async function onDatabase<T>(url: string, run: (db: Db, url: string) => Promise<T>): Promise<T> {
  const db = openDb(url, pino({ name: 'admin', level: 'warn' }), { max: 2 })
  try {
    await migrate(db, url)
    return await run(db, url)
  } finally {
    await db.destroy()
  }
}

/** Its pid file names where a running PostgreSQL listens: the process, and in line 5 the folder of the socket. */
async function runningDatabase(folder: string): Promise<string | undefined> {
  try {
    const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n')
    const name = await readFile(`/proc/${Number(lines[0])}/comm`, 'utf8')
    const socket = lines[4]?.trim()
    if (name.trim() !== 'postgres' || !socket) return undefined
    return `postgresql://postgres@localhost/ridethrough?host=${encodeURIComponent(socket)}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const BROKEN = {
  changed: 'does not match its hash: it, or the row before it, was changed or moved',
  missing: 'is missing',
  head: 'is the last one, but the head of the log says otherwise: rows were cut off or added at the end',
} as const

/** Says whether the event log is as it was written; false when it is not. */
export async function verifyLog(db: Db, say: (line: string) => void): Promise<boolean> {
  const { rows, fault } = await verifyEvents(db)
  if (!fault) {
    say(`${rows} ${rows === 1 ? 'row' : 'rows'}, the chain holds`)
    if (rows > 0)
      say(
        `Its newest hash is ${(await newestHash(db)).toString('hex')}: noted down elsewhere, it would show a log rewritten as a whole`,
      )
    return true
  }
  say(`row ${fault.row} ${BROKEN[fault.what]}`)
  say(`${rows} ${rows === 1 ? 'row' : 'rows'} before it hold`)
  return false
}
