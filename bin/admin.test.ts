import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { appendEvent } from '@ridethrough/db/query/event.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'

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

async function ridethrough(...args: string[]): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'ridethrough.ts'), ...args], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return { code, said }
}

test('verify-log says that the chain holds, and names the row in which one byte was changed', async () => {
  const intact = await ridethrough('admin', 'verify-log')
  expect(intact.code).toBe(0)
  expect(intact.said).toMatch(/^3 rows, the chain holds\nIts newest hash is [0-9a-f]{64}:/)
  await database.db.transaction().execute(async (tx) => {
    await sql`alter table event disable trigger all`.execute(tx)
    await sql`update event set subject = replace(subject::text, 'second', 'zecond')::jsonb where seq = 2`.execute(tx)
  })
  const { code, said } = await ridethrough('admin', 'verify-log')
  expect(code).toBe(1)
  expect(said).toMatch(/^row 2 does not match its hash/)
})
