// The first start of an installation: no default password, one code, one operator.
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makePerson } from '@ridethrough/test/support/world.ts'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningApi, startApi } from '../main.ts'
import { type Client, clientOf, configFor } from '../support/harness.ts'

let database: TestDatabase
let api: RunningApi
let anybody: Client

const start = () => startApi(configFor(database.url, { setup: 'code' }), pino({ level: 'silent' }))
const OPERATOR = { email: 'Olga@example.org', name: 'Olga', password: 'seven green bottles' }

beforeEach(async () => {
  database = await testDatabase()
  api = await start()
  anybody = clientOf(api)
})
afterEach(async () => {
  await api.stop()
  await database.stop()
})

test('a new installation has no account, and lets nobody make one without the code [ASVS 6.3.2]', async () => {
  const accounts = await database.db.selectFrom('account').select('id').execute()
  expect(accounts).toEqual([])
  expect((await anybody('GET', '/setup')).body).toEqual({ needsOperator: true })
  const signUp = await anybody('POST', '/accounts', OPERATOR)
  expect([signUp.status, signUp.body.code]).toEqual([409, 'setup-needed'])
  const guessed = await anybody('POST', '/setup', { ...OPERATOR, code: '0000-0000-0000' })
  expect([guessed.status, guessed.body.code]).toEqual([422, 'code-wrong'])
})

test('the code makes the operator once: signed in, verified, owner; after that everybody may sign up [ASVS 6.4.1]', async () => {
  const code = api.operatorCode
  expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/)
  const kept = await database.db.selectFrom('setup').selectAll().executeTakeFirstOrThrow()
  expect(JSON.stringify(kept)).not.toContain(code)
  const made = await anybody('POST', '/setup', { ...OPERATOR, code })
  expect([made.status, made.body.account?.role]).toEqual([201, 'owner'])
  expect((await clientOf(api, made.body.token)('GET', '/company')).body.counts.active).toBe(1)
  const { email, password } = OPERATOR
  expect((await anybody('POST', '/sessions', { email, password })).status).toBe(201)
  expect((await anybody('GET', '/setup')).body).toEqual({ needsOperator: false })
  const again = await anybody('POST', '/setup', { ...OPERATOR, email: 'second@example.org', code })
  expect([again.status, again.body.code]).toEqual([409, 'setup-done'])
  expect((await anybody('POST', '/accounts', { ...OPERATOR, email: 'next@example.org' })).status).toBe(202)
  const events = await database.db.selectFrom('event').select(['kind', 'outcome']).orderBy('seq').execute()
  expect(events).toContainEqual({ kind: 'operator.made', outcome: 'done' })
  expect(events).toContainEqual({ kind: 'operator.made', outcome: 'refused' })
})

test('two with the code at the same moment make one operator', async () => {
  const code = api.operatorCode
  const both = await Promise.all(
    ['a@example.org', 'b@example.org'].map((email) => anybody('POST', '/setup', { ...OPERATOR, email, code })),
  )
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
  const accounts = await database.db.selectFrom('account').select('id').execute()
  expect(accounts).toHaveLength(1)
})

test('five wrong codes close it until the next start, which has another code [ASVS 6.4.1]', async () => {
  const code = api.operatorCode
  const guess = () => anybody('POST', '/setup', { ...OPERATOR, code: '0000-0000-0000' })
  await Promise.all(Array.from({ length: 5 }, guess))
  expect((await anybody('POST', '/setup', { ...OPERATOR, code })).body.code).toBe('too-many-tries')
  await api.stop()
  api = await start()
  anybody = clientOf(api)
  expect(api.operatorCode).not.toBe(code)
  expect((await anybody('POST', '/setup', { ...OPERATOR, code })).body.code).toBe('code-wrong')
  expect((await anybody('POST', '/setup', { ...OPERATOR, code: api.operatorCode })).status).toBe(201)
})

test('a code that is a day old makes nobody [ASVS 6.4.1]', async () => {
  await database.db
    .updateTable('setup')
    .set({ operator_code_expires_at: new Date(Date.now() - 1000) })
    .execute()
  const late = await anybody('POST', '/setup', { ...OPERATOR, code: api.operatorCode })
  expect([late.status, late.body.code]).toEqual([410, 'code-expired'])
})

test('the operator’s password is held to the same rules as any other [ASVS 6.2.4]', async () => {
  const common = { ...OPERATOR, password: 'password123', code: api.operatorCode }
  expect((await anybody('POST', '/setup', common)).body.code).toBe('password-common')
  expect((await anybody('POST', '/setup', { ...common, password: 'short' })).body.code).toBe('input-invalid')
})

test('an installation that has accounts, such as the demonstration, waits for nobody', async () => {
  await makePerson(database.db, 'Olivia')
  expect((await anybody('GET', '/setup')).body).toEqual({ needsOperator: false })
  expect((await anybody('POST', '/setup', { ...OPERATOR, code: api.operatorCode })).body.code).toBe('setup-done')
  await api.stop()
  api = await start()
  expect(api.operatorCode).toBeUndefined()
})
