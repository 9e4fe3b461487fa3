import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeAgent, makeDevice, makePerson } from '@ridethrough/test/support/world.ts'
import fastify from 'fastify'
import { sql } from 'kysely'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from './config.ts'
import { startApi } from './main.ts'
import { authenticateRequests } from './plugin/auth.ts'
import { clientOf, configFor, startHarness } from './support/harness.ts'

test('stopping lets a request in flight end, tells viewers to come back, and does not wait for idle connections', async () => {
  const harness = await startHarness()
  const { db } = harness.database
  const ann = await makePerson(db, 'Ann')
  const device = await makeDevice(db, ann, await makeAgent(db), 'Rack')
  const client = clientOf(harness.api, ann.token)
  await client('GET', '/account')
  const viewer = new WebSocket(`${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${ann.token}` },
  })
  await once(viewer, 'open')
  const closed = once(viewer, 'close')
  let read: Promise<{ status: number }> | undefined
  let stopped: Promise<void> | undefined
  await db.transaction().execute(async (tx) => {
    await sql`lock table device_state in access exclusive mode`.execute(tx)
    read = client('GET', `/devices/${device}/state`)
    const waiting = sql<{ n: number }>`select count(*) as n from pg_locks where not granted`
    await expect.poll(async () => (await waiting.execute(db)).rows[0]?.n).toBe(1)
    stopped = harness.api.stop()
    expect((await closed)[0]).toBe(1012)
  })
  expect((await read)?.status).toBe(200)
  await stopped
  await harness.api.stop()
  await expect(client('GET', '/account')).rejects.toThrow()
  const edges = await db.selectFrom('edge').select('id').execute()
  expect(edges).toEqual([])
  await harness.database.stop()
})

test('a route that does not say who may call it keeps the server from starting', async () => {
  const app = fastify()
  await app
    .register(async (own) => {
      // Only what the hook at start needs; no request is made.
      await authenticateRequests(own, {} as Parameters<typeof authenticateRequests>[1])
      own.get('/open', async () => 'by mistake')
    })
    .then(
      () => expect.unreachable('it was registered'),
      (error: unknown) => expect(String(error)).toContain('/open does not say who may call it'),
    )
})

test('the console is served where it is built: its pages by any of their addresses, unknown files not at all', async () => {
  const dist = await mkdtemp(join(tmpdir(), 'ridethrough-console-'))
  await mkdir(join(dist, 'assets'))
  await writeFile(join(dist, 'index.html'), '<!doctype html><title>Console</title>')
  await writeFile(join(dist, 'assets', 'main-1a2b.js'), 'export {}')
  const harness = await startHarness({ webDist: dist })
  const get = async (path: string) => {
    const { status, body, headers } = await clientOf(harness.api)('GET', `/${path}`)
    return { status, body, cache: headers.get('cache-control'), csp: headers.get('content-security-policy') }
  }
  for (const path of ['/', '/devices/1', '/sharing/invitations/x']) {
    expect(await get(path)).toMatchObject({ status: 200, body: expect.stringContaining('Console'), cache: 'no-cache' })
  }
  expect((await get('/')).csp).toContain("script-src 'self'")
  expect(await get('/assets/main-1a2b.js')).toMatchObject({ status: 200, cache: expect.stringContaining('immutable') })
  expect(await get('/assets/other.js')).toMatchObject({ status: 404, body: { code: 'not-found' } })
  expect(await get('/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not-found' } })
  expect(await get('/api/v1/accounts')).toMatchObject({ status: 405, body: { code: 'method-unknown' } })
  await harness.stop()
  await rm(dist, { recursive: true })
})

test('on https the cookie is bound to the host, and plain http counts as another site', async () => {
  const harness = await startHarness({ publicUrl: 'https://ups.example.org' })
  const client = clientOf(harness.api)
  const email = 'ann@example.org'
  await client('POST', '/accounts', { email, password: 'a long enough one', name: 'Ann' })
  const { body } = await client('GET', '//dev/mailbox.json')
  expect(body.items[0].text).toContain('https://ups.example.org')
  const code = /^ {4}(\S+)$/m.exec(body.items[0].text)?.[1]
  const verify = (origin: string) => client('POST', '/accounts/verify', { email, code }, { origin })
  expect((await verify('http://ups.example.org')).body.code).toBe('origin-refused')
  expect((await verify(harness.api.httpUrl)).body.code).toBe('origin-refused')
  const verified = await verify('https://ups.example.org')
  expect(verified.headers.get('set-cookie')).toMatch(/^__Host-rt=.*Path=\/;.*HttpOnly; Secure; SameSite=Lax$/)
  expect(verified.headers.get('strict-transport-security')).not.toBeNull()
  await harness.stop()
})

test('mistakes in the environment are named, all of them', () => {
  const wrong = { DATABASE_URL: 'postgres://x', HTTP_PORT: 'high', SMTP_URL: 'http://x', PUBLIC_URL: '' }
  expect(() => readConfig(wrong)).toThrow(/HTTP_PORT.*\n.*SMTP_URL.*\n.*SECRET_KEY: is needed/)
  expect(() => readConfig({ DATABASE_URL: 'postgres://x', SECRET_KEY: 'short' })).toThrow(/SECRET_KEY: is too short/)
  expect(readConfig({ DATABASE_URL: 'postgres://x', SECRET_KEY: 'ab'.repeat(32), SMTP_URL: '' })).toMatchObject({
    secretKey: Buffer.alloc(32, 0xab),
    smtpUrl: undefined,
    httpPort: 8080,
  })
})

test('a port that is taken is an error, and leaves nothing open', async () => {
  const harness = await startHarness()
  const httpPort = Number(new URL(harness.api.httpUrl).port)
  const again = startApi(configFor(harness.database.url, { httpPort }), pino({ level: 'silent' }))
  await expect(again).rejects.toThrow('EADDRINUSE')
  expect(await harness.database.db.selectFrom('edge').select('id').execute()).toHaveLength(1)
  await harness.stop()
})
