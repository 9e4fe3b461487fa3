// What the database itself refuses about people and companies, whatever code asks: the last line of R45.
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Db } from '../schema.ts'
import { deactivate, listMembers, moveAccount, setRole } from './member.ts'

let database: TestDatabase
let db: Db
let ann: Person

beforeAll(async () => {
  database = await testDatabase()
  db = database.db
})
afterAll(() => database.stop())
beforeEach(async () => {
  ann = await makePerson(db, 'Ann')
})

async function colleague(role: 'owner' | 'member'): Promise<Person> {
  const person = await makePerson(db, 'Bob')
  await moveAccount(db, person.accountId, { companyId: ann.companyId, role }, new Date())
  return { ...person, companyId: ann.companyId }
}

const noOwner = { code: 'RT003' }
const inTransaction = (change: (tx: Db) => Promise<unknown>) => db.transaction().execute(change)

test.each<[how: string, change: (tx: Db) => Promise<unknown>]>([
  ['demoted', (tx) => setRole(tx, ann.accountId, 'member')],
  ['deactivated', (tx) => deactivate(tx, ann.accountId, new Date())],
  [
    'deleted',
    (tx) => tx.updateTable('account').set({ deleted_at: new Date() }).where('id', '=', ann.accountId).execute(),
  ],
  [
    'moved away',
    async (tx) => {
      const { companyId } = await makePerson(tx, 'Cid')
      await moveAccount(tx, ann.accountId, { companyId, role: 'member' }, new Date())
    },
  ],
])('the only active owner is not %s while anybody is left, active or not', async (_how, change) => {
  const bob = await colleague('member')
  await expect(inTransaction(change)).rejects.toMatchObject(noOwner)
  await deactivate(db, bob.accountId, new Date())
  await expect(inTransaction(change)).rejects.toMatchObject(noOwner)
})

test('nor while there is a device, nobody else being there', async () => {
  await makeDevice(db, ann, await makeAgent(db), 'Rack 4')
  const erase = () =>
    inTransaction((tx) =>
      tx.updateTable('account').set({ deleted_at: new Date() }).where('id', '=', ann.accountId).execute(),
    )
  await expect(erase()).rejects.toMatchObject(noOwner)
  await db.deleteFrom('device').where('company_id', '=', ann.companyId).execute()
  await erase()
})

test('what counts is the end of the transaction: one takes over from the other in one', async () => {
  const bob = await colleague('member')
  await inTransaction(async (tx) => {
    await setRole(tx, ann.accountId, 'member')
    await setRole(tx, bob.accountId, 'owner')
  })
})

test('of two transactions that each take away one of two owners, without any lock of ours, one is refused', async () => {
  for (let round = 0; round < 25; round++) {
    ann = await makePerson(db, 'Ann')
    const bob = await colleague('owner')
    const outcomes = await Promise.allSettled([
      inTransaction((tx) => setRole(tx, ann.accountId, 'member')),
      inTransaction((tx) => deactivate(tx, bob.accountId, new Date())),
    ])
    const refused = outcomes.filter((one) => one.status === 'rejected')
    expect(refused.map((one) => one.reason.code)).toEqual(['RT003'])
  }
})

test('nobody comes into a company without an owner, and no device either', async () => {
  const empty = await db
    .insertInto('company')
    .values({ name: 'Empty', member_privileges: 1 })
    .returning('id')
    .executeTakeFirstOrThrow()
  const join = inTransaction((tx) =>
    moveAccount(tx, ann.accountId, { companyId: empty.id, role: 'member' }, new Date()),
  )
  await expect(join).rejects.toMatchObject(noOwner)
  const claim = makeDevice(db, { ...ann, companyId: empty.id }, await makeAgent(db), 'Rack 4')
  await expect(claim).rejects.toMatchObject(noOwner)
})

test('the deleted and those who never proved their address are in no list', async () => {
  const bob = await colleague('member')
  const cid = await colleague('member')
  await db.updateTable('account').set({ deleted_at: new Date() }).where('id', '=', bob.accountId).execute()
  await db.updateTable('account').set({ verified_at: null }).where('id', '=', cid.accountId).execute()
  const found = await listMembers(db, ann.companyId, {}, { limit: 10 })
  expect(found.map((member) => member.id)).toEqual([ann.accountId])
})
