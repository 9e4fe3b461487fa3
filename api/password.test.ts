import { expect, test } from 'vitest'
import { createPasswords, hashPassword, verifyPassword } from './password.ts'

test('the hash is argon2id as a PHC string, salted, and verifies its own password only', async () => {
  const phc = await hashPassword('pass phrase')
  expect(phc).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(await hashPassword('pass phrase')).not.toBe(phc)
  expect(await verifyPassword('pass phrase', phc)).toBe(true)
  expect(await verifyPassword('pass phrasE', phc)).toBe(false)
})

test('a hash made by the reference implementation verifies', async () => {
  // phc-winner-argon2 test.c: hashtest(version 0x13, t=2, m=16, p=1, "password", "somesalt"), argon2id.
  const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  expect(await verifyPassword('password', phc)).toBe(true)
})

test('two ways to type an accent are one password', async () => {
  expect(await verifyPassword('cafe\u0301 au lait', await hashPassword('caf\u00e9 au lait'))).toBe(true)
})

test('nobody is nobody, and a broken hash is said to be one', async () => {
  expect(await createPasswords().verify('anything', undefined)).toBe(false)
  await expect(verifyPassword('x', 'plain text')).rejects.toThrow('PHC')
})

test('beyond the queue people are asked to come back, and all others get their turn', async () => {
  const passwords = createPasswords()
  const outcomes = await Promise.allSettled(Array.from({ length: 104 }, () => passwords.verify('x', undefined)))
  const refused = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason.code)
  expect(refused).toEqual(['too-many-tries', 'too-many-tries'])
})
