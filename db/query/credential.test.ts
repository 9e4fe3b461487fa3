import { decide, FULL_SCOPE } from '@ridethrough/protocol/policy.ts'
import { ALL_PRIVILEGES, bitOf, maskOf, PRIVILEGES, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { compileRights, mayOn } from '@ridethrough/protocol/rights.ts'
import { arbDevice, arbFacts, arbNow, arbPrivilege } from '@ridethrough/test/support/arbitrary.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Principal, reload } from '../principal.ts'
import { findCredential, IDLE_MS, liveCredentials, TOUCH_MS, touchCredential } from './credential.ts'
import { insertSession, renewSession } from './session.ts'
import { endToken, insertToken } from './token.ts'

const now = new Date('2026-11-21T12:00:00Z')
const after = (ms: number) => new Date(now.getTime() + ms)
const YEAR = 365 * 24 * 3_600_000

let database: TestDatabase
let ann: Person
beforeAll(async () => {
  database = await testDatabase()
  ann = await makePerson(database.db, 'Ann')
})
afterAll(() => database.stop())

const session = (expiresAt = after(YEAR)) =>
  insertSession(database.db, { accountId: ann.accountId, expiresAt, address: '127.0.0.1', userAgent: 'test', at: now })

const token = (privileges = ALL_PRIVILEGES, deviceIds: string[] | null = null) =>
  insertToken(database.db, {
    accountId: ann.accountId,
    name: 'script',
    privileges,
    deviceIds,
    at: now,
    expiresAt: after(YEAR),
  })

describe('a bearer token', () => {
  test('stands for the session or the API token that it was made for, and what that reaches', async () => {
    const { db } = database
    const one = await session()
    expect(await findCredential(db, one.token, now)).toMatchObject({
      ...{ credentialId: one.sessionId, kind: 'session', accountId: ann.accountId, scope: FULL_SCOPE },
      ...{ authenticatedAt: now, owesSecondFactor: false, isStepUpAsked: false },
    })
    const other = await token(maskOf(['monitor', 'history']), [ann.companyId])
    expect(await findCredential(db, other.token, now)).toMatchObject({
      ...{ credentialId: other.view.id, kind: 'token', accountId: ann.accountId, authenticatedAt: null },
      scope: { privileges: maskOf(['monitor', 'history']), devices: new Set([ann.companyId]) },
    })
  })

  test.each([
    ['unknown', `rt_${'A'.repeat(43)}`],
    ['no token', 'rt_short'],
    ['empty', ''],
    ["quoted'", `rt_${"'".repeat(43)}`],
  ])('%s is nobody', async (_what, text) => {
    expect(await findCredential(database.db, text, now)).toBeUndefined()
  })

  test('that ran out, or was ended, is nobody, from that instant on [ASVS 7.3.2 7.4.1]', async () => {
    const { db } = database
    const short = await session(after(1000))
    expect(await findCredential(db, short.token, after(999))).toBeDefined()
    expect(await findCredential(db, short.token, after(1000))).toBeUndefined()
    const { token: text, view } = await token()
    expect(await endToken(db, crypto.randomUUID(), view.id, now)).toBeUndefined()
    expect(await findCredential(db, text, now)).toBeDefined()
    expect(await endToken(db, ann.accountId, view.id, now)).toMatchObject({ name: 'script' })
    expect(await endToken(db, ann.accountId, view.id, now)).toBeUndefined()
    expect(await findCredential(db, text, now)).toBeUndefined()
  })

  test('of a session that was idle for seven days opens nothing; of an API token it does [ASVS 7.3.1]', async () => {
    const { db } = database
    const one = await session()
    const other = await token()
    expect(await findCredential(db, one.token, after(IDLE_MS - 1))).toBeDefined()
    expect(await findCredential(db, one.token, after(IDLE_MS))).toBeUndefined()
    expect(await findCredential(db, other.token, after(IDLE_MS))).toBeDefined()
    // What it holds open is in use.
    expect((await liveCredentials(db, [one.sessionId], after(IDLE_MS))).has(one.sessionId)).toBe(true)
  })

  test('that was renewed opens nothing; the new one stands for the same session [ASVS 7.2.4]', async () => {
    const { db } = database
    const one = await session()
    const renewed = await db
      .transaction()
      .execute((tx) => renewSession(tx, one.sessionId, { at: after(5), factors: ['totp', 'password'] }))
    expect(await findCredential(db, one.token, after(5))).toBeUndefined()
    expect(await findCredential(db, renewed?.token ?? '', after(5))).toMatchObject({
      credentialId: one.sessionId,
      authenticatedAt: after(5),
    })
  })

  test('of somebody who is not active, or deleted, is nobody [ASVS 7.4.2]', async () => {
    const { db } = database
    for (const change of [{ active: false }, { deleted_at: now }]) {
      const bob = await makePerson(db, 'Bob')
      const made = await insertSession(db, {
        accountId: bob.accountId,
        expiresAt: after(1000),
        address: '',
        userAgent: '',
        at: now,
      })
      // With nobody left in it the company needs no owner.
      await db
        .updateTable('account')
        .set({ ...change, verified_at: null })
        .where('id', '=', bob.accountId)
        .execute()
      expect(await findCredential(db, made.token, now)).toBeUndefined()
      expect((await liveCredentials(db, [made.sessionId], now)).size).toBe(0)
    }
  })
})

test('the last use is written at most once a minute, however many ask at once', async () => {
  const { db } = database
  const one = await session()
  const lastUse = async () =>
    (await db.selectFrom('session').select('last_used_at').where('id', '=', one.sessionId).executeTakeFirstOrThrow())
      .last_used_at
  const useAt = async (at: Date) => {
    const credential = await findCredential(db, one.token, at)
    if (credential) await touchCredential(db, credential, at)
  }
  await useAt(after(TOUCH_MS - 1))
  expect(await lastUse()).toEqual(now)
  await Promise.all([useAt(after(TOUCH_MS)), useAt(after(TOUCH_MS + 1)), useAt(after(TOUCH_MS + 2))])
  const written = await lastUse()
  expect(written.getTime()).toBeGreaterThanOrEqual(after(TOUCH_MS).getTime())
  await useAt(after(2 * TOUCH_MS - 1))
  expect(await lastUse()).toEqual(written)
})

test('where the company asks for a second factor, credentials of an account without one reach nothing [ASVS 6.3.3]', async () => {
  const { db } = database
  const bob = await makePerson(db, 'Bob')
  const device = await makeDevice(db, bob, await makeAgent(db), 'rack')
  const made = await insertToken(db, {
    ...{
      accountId: bob.accountId,
      name: 'script',
      privileges: ALL_PRIVILEGES,
      deviceIds: null,
      at: now,
      expiresAt: after(YEAR),
    },
  })
  const rightsOf = async (credentialId: string) => {
    const principal = new Principal('person', bob.accountId, credentialId)
    await reload(db, [principal], now.getTime())
    return mayOn(principal.rights, 'monitor', device, now.getTime())
  }
  const credentials = [bob.sessionId, made.view.id]
  for (const id of credentials) expect(await rightsOf(id)).toBe('owner')
  await db
    .updateTable('company')
    .set({ requires_second_factor: true, requires_step_up: true })
    .where('id', '=', bob.companyId)
    .execute()
  for (const id of credentials) expect(await rightsOf(id)).toBeUndefined()
  expect(await findCredential(db, bob.token, now)).toMatchObject({ owesSecondFactor: true, isStepUpAsked: true })
  await db
    .insertInto('totp')
    .values({ account_id: bob.accountId, secret: Buffer.alloc(1) })
    .execute()
  for (const id of credentials) expect(await rightsOf(id)).toBeUndefined()
  await db.updateTable('totp').set({ confirmed_at: now }).where('account_id', '=', bob.accountId).execute()
  for (const id of credentials) expect(await rightsOf(id)).toBe('owner')
  expect(await findCredential(db, bob.token, now)).toMatchObject({ owesSecondFactor: false })
})

describe('an API token is never stronger than its account', () => {
  test('whatever the facts are, what it may, the account may, and it may nothing beyond its scope [ASVS 8.3.3]', async () => {
    // Every scope goes through the database, as it does in use; ids of devices are uuids there.
    const ids = { rack: crypto.randomUUID(), desk: crypto.randomUUID() }
    const names = new Map<string, string>(Object.entries(ids).map(([name, id]) => [id, name]))
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: ALL_PRIVILEGES }),
        fc.option(fc.subarray(Object.values(ids)), { nil: null }),
        fc.array(fc.tuple(arbFacts, arbDevice, arbPrivilege, arbNow, fc.constantFrom('ann', 'bob', 'cid')), {
          minLength: 20,
          maxLength: 20,
        }),
        async (privileges, deviceIds, cases) => {
          const { token: text } = await token(privileges, deviceIds)
          const found = await findCredential(database.db, text, now)
          const devices = found?.scope.devices && new Set([...found.scope.devices].map((id) => names.get(id) ?? ''))
          const scope = { ...(found?.scope ?? FULL_SCOPE), devices: devices ?? null }
          for (const [facts, device, privilege, at, accountId] of cases) {
            if (!decide({ accountId, scope }, privilege, device, facts, at).allow) continue
            expect(decide({ accountId, scope: FULL_SCOPE }, privilege, device, facts, at).allow).toBe(true)
            expect(privileges & bitOf(privilege)).not.toBe(0)
            if (deviceIds) expect(deviceIds.map((id) => names.get(id))).toContain(device.id)
          }
          // And no further than the account by what the edges hold.
          const [facts, device] = cases[0] ?? []
          if (!facts || !device) return
          const compiled = compileRights({ accountId: 'ann', scope }, [device], facts, 1)
          const full = compileRights({ accountId: 'ann', scope: FULL_SCOPE }, [device], facts, 1)
          for (const privilege of PRIVILEGES) {
            if (mayOn(compiled, privilege, device.id, 2)) expect(mayOn(full, privilege, device.id, 2)).toBeDefined()
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('with the share that it lives on it ends', async () => {
    const { db } = database
    const [bob, agent] = [await makePerson(db, 'Bob'), await makeAgent(db)]
    const device = await makeDevice(db, bob, agent, 'rack')
    const share = await makeShare(db, bob, ann, [device])
    const { view } = await token(maskOf(['monitor', 'reboot']))
    const principal = new Principal('person', ann.accountId, view.id)
    await reload(db, [principal], now.getTime())
    const may = PRIVILEGES.filter((privilege) => mayOn(principal.rights, privilege, device, now.getTime()))
    // The share makes a viewer, the token has no history: what both have is left.
    expect(may).toEqual(privilegesOf(maskOf(['monitor'])))
    await db.updateTable('share').set({ state: 'revoked' }).where('id', '=', share.shareId).execute()
    await reload(db, [principal], now.getTime())
    expect(principal.rights.byDevice.size).toBe(0)
  })
})
