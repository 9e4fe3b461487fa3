import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createDatabase } from '@ridethrough/db/database.ts'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { appendEvent } from '@ridethrough/db/query/event.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'

type Said = { readonly code: number; readonly said: string; readonly complaint: string }

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  for (const name of ['first', 'second', 'third']) {
    await database.db.transaction().execute((tx) =>
      appendEvent(tx, {
        at: new Date(),
        companyId: null,
        accountId: null,
        credentialId: null,
        address: '192.0.2.1',
        kind: 'session.started',
        outcome: 'refused',
        subject: { name },
      }),
    )
  }
})
afterAll(() => database.stop())

async function ridethrough(args: readonly string[], settings: Record<string, string>): Promise<Said> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'ridethrough.ts'), ...args], {
    env: { ...process.env, DATABASE_URL: '', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, said, complaint }
}

const verifyLog = (settings: Record<string, string>) => ridethrough(['admin', 'verify-log'], settings)

test('verify-log says that the chain holds, and names the row in which one byte was changed', async () => {
  const intact = await verifyLog({ DATABASE_URL: database.url })
  expect(intact.code).toBe(0)
  expect(intact.said).toMatch(/^3 rows, the chain holds\nIts newest hash is [0-9a-f]{64}:/)
  await database.db.transaction().execute(async (tx) => {
    await sql`alter table event disable trigger all`.execute(tx)
    await sql`update event set subject = replace(subject::text, 'second', 'zecond')::jsonb where seq = 2`.execute(tx)
  })
  const { code, said } = await verifyLog({ DATABASE_URL: database.url })
  expect(code).toBe(1)
  expect(said).toMatch(/^row 2 does not match its hash/)
})

test('the database of `start` is found while it runs, and started for the while when it does not', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ridethrough-admin-'))
  let stop = async () => {}
  try {
    expect(await verifyLog({ DATA_DIR: join(dataDir, 'none') })).toMatchObject({
      code: 1,
      complaint: expect.stringMatching(/^there is no database in/),
    })
    await chmod(dataDir, 0o755)
    const log = pino({ level: 'silent' })
    const server = await startEmbeddedPostgres({ folder: join(dataDir, 'postgres'), log, settings: ['fsync=off'] })
    stop = server.stop
    await createDatabase(server.url, 'ridethrough', log)
    const holds = { code: 0, said: '0 rows, the chain holds\n', complaint: '' }
    expect(await verifyLog({ DATA_DIR: dataDir })).toEqual(holds)
    await server.stop()
    expect(await verifyLog({ DATA_DIR: dataDir })).toEqual(holds)
  } finally {
    await stop()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
})
