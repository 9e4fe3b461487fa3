import { describe, expect, test } from 'vitest'
import { createSecretBox, parseSecretKey } from './secret-box.ts'

const KEY = Buffer.alloc(32, 1)

describe('a sealed secret', () => {
  test('opens with its key for its owner, and is another each time', () => {
    const box = createSecretBox(KEY, 'totp')
    const sealed = box.seal('JBSWY3DPEHPK3PXP', 'ann')
    expect(box.open(sealed, 'ann')).toBe('JBSWY3DPEHPK3PXP')
    expect(box.seal('JBSWY3DPEHPK3PXP', 'ann').equals(sealed)).toBe(false)
    expect(sealed.includes('JBSWY3')).toBe(false)
  })

  test('opens neither in another’s row, nor with another key, nor changed anywhere', () => {
    const box = createSecretBox(KEY, 'totp')
    const sealed = box.seal('JBSWY3DPEHPK3PXP', 'ann')
    expect(() => box.open(sealed, 'bob')).toThrow('SECRET_KEY')
    expect(() => createSecretBox(Buffer.alloc(32, 2), 'totp').open(sealed, 'ann')).toThrow('SECRET_KEY')
    expect(() => createSecretBox(KEY, 'other').open(sealed, 'ann')).toThrow('SECRET_KEY')
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8((changed[at] ?? 0) ^ 1, at)
      expect(() => box.open(changed, 'ann')).toThrow()
    }
    expect(() => box.open(sealed.subarray(0, 20), 'ann')).toThrow()
  })
})

test.each<[what: string, text: string, isKey: boolean]>([
  ['hex', 'ab'.repeat(32), true],
  ['base64', Buffer.alloc(32, 5).toString('base64'), true],
  ['base64url', Buffer.alloc(32, 5).toString('base64url'), true],
  ['a sentence', 'a sentence that nobody will guess so soon', true],
  ['too short', 'x'.repeat(31), false],
  ['half a key', 'ab'.repeat(15), false],
])('a key from %s', (_what, text, isKey) => {
  expect(parseSecretKey(text)?.length).toBe(isKey ? 32 : undefined)
})

test('the same bytes are the same key, however they are written', () => {
  const bytes = Buffer.alloc(32, 5)
  expect(parseSecretKey(bytes.toString('hex'))).toEqual(bytes)
  expect(parseSecretKey(bytes.toString('base64'))).toEqual(bytes)
})
