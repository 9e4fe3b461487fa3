import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { startEmbeddedPostgres } from './embedded.ts'
import { migrate } from './migrate.ts'
import { openDb } from './pool.ts'

const log = pino({ level: 'silent' })
const folders: string[] = []

async function newFolder(mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-embedded-'))
  await chmod(folder, mode)
  folders.push(folder)
  return folder
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

test('works under a private folder, goes on with its data, and survives a parent that was killed', async () => {
  const folder = join(await newFolder(0o700), 'deep', 'pg')
  const first = await startEmbeddedPostgres({ folder, log })
  const db = openDb(first.url, log)
  await migrate(db, first.url)
  await migrate(db, first.url)
  await db.insertInto('company').values({ name: 'Kept', member_privileges: 1 }).execute()
  await db.destroy()

  // The parent is gone without stopping it: a second start finds the server running and takes the cluster over.
  const second = await startEmbeddedPostgres({ folder, log })
  expect(second.pid).not.toBe(first.pid)
  const again = openDb(second.url, log)
  expect(await again.selectFrom('company').select('name').execute()).toEqual([{ name: 'Kept' }])
  await again.destroy()
  await second.stop()
  await second.stop()
})

test('a path too long for a socket is no obstacle', async () => {
  const folder = join(await newFolder(0o755), 'x'.repeat(90))
  await mkdir(join(folder, '..'), { recursive: true })
  const server = await startEmbeddedPostgres({ folder, log })
  const db = openDb(server.url, log)
  expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  await db.destroy()
  await server.stop()
})
