import { expect, test } from 'vitest'
import { codeAt, offerOf, STEP_MS, stepOf } from './totp.ts'

// RFC 6238 appendix B, cut to six digits: the secret is the ASCII text 12345678901234567890.
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

test.each<[seconds: number, code: string]>([
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
])('at %i s the code is %s, as RFC 6238 says', (seconds, code) => {
  expect(codeAt(SECRET, seconds * 1000)).toBe(code)
  expect(stepOf(SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30))
})

test('a code counts in its step and one step either way, not longer [ASVS 6.5.5]', () => {
  const now = 40_000_000 * STEP_MS
  const code = codeAt(SECRET, now)
  const counts = [-2, -1, 0, 1, 2].map((steps) => stepOf(SECRET, code, now + steps * STEP_MS) !== undefined)
  expect(counts).toEqual([false, true, true, true, false])
})

test.each(['', '28708', '2870822', 'abcdef', '２８７０８２'])('%s is no code', (text) => {
  expect(stepOf(SECRET, text, 59_000)).toBeUndefined()
})

test('a code may be typed as apps show it', () => {
  expect(stepOf(SECRET, '287 082', 59_000)).toBe(1)
})

test('a secret has 160 random bits, and the picture is that of its address [ASVS 6.5.3]', async () => {
  const offers = await Promise.all([offerOf('ann@example.org'), offerOf('ann@example.org')])
  expect(new Set(offers.map((offer) => offer.secret)).size).toBe(2)
  for (const { secret, uri, svg } of offers) {
    expect(secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(uri).toMatch(/^otpauth:\/\/totp\/Ridethrough:ann%40example\.org\?/)
    expect(new URL(uri).searchParams.get('secret')).toBe(secret)
    expect(svg).toMatch(/^<svg /)
  }
})
