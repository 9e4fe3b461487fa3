import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makePerson } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deletePasskey, findPasskey, insertPasskey, usePasskey } from './passkey.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())

const at = new Date('2026-11-21T12:00:00Z')

async function makePasskey(counter: number) {
  const { accountId } = await makePerson(database.db, 'Ann')
  const common = { accountId, credentialId: crypto.randomUUID(), publicKey: Buffer.alloc(3), transports: ['usb'] }
  const made = await insertPasskey(database.db, { ...common, counter, name: 'key', at })
  if (!made) throw new Error('it was there already')
  return made
}

test('a counter only grows; of two that say the same one counts', async () => {
  const { id } = await makePasskey(3)
  const use = (counter: number) => usePasskey(database.db, id, counter, at)
  expect([await use(2), await use(3), await use(0)]).toEqual([false, false, false])
  const same = await Promise.all([use(4), use(4), use(4)])
  expect(same.filter(Boolean)).toHaveLength(1)
})

test('authenticators that count nothing say 0 for ever', async () => {
  const { id } = await makePasskey(0)
  const use = (counter: number) => usePasskey(database.db, id, counter, at)
  expect([await use(0), await use(0), await use(7), await use(0)]).toEqual([true, true, true, false])
})

test('one belongs to one account, and only that one removes it', async () => {
  const passkey = await makePasskey(0)
  const other = await makePerson(database.db, 'Bob')
  const again = { ...passkey, accountId: other.accountId, at }
  expect(await insertPasskey(database.db, again)).toBeUndefined()
  expect((await findPasskey(database.db, passkey.credentialId))?.accountId).toBe(passkey.accountId)
  expect(await deletePasskey(database.db, other.accountId, passkey.id)).toBeUndefined()
  expect(await deletePasskey(database.db, passkey.accountId, passkey.id)).toMatchObject({ name: 'key' })
  expect(await findPasskey(database.db, passkey.credentialId)).toBeUndefined()
})
