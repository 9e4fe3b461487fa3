import { expect, test } from 'vitest'
import { localPath, readFragment } from './fragment.ts'

test.each([
  ['/devices/1?range=1h', '/devices/1?range=1h'],
  ['/', '/'],
  ['//evil.example', undefined],
  ['/\\evil.example', undefined],
  ['/a\\b', undefined],
  ['https://evil.example', undefined],
  ['javascript:alert(1)', undefined],
  ['/\t/evil.example', undefined],
  ['', undefined],
  [undefined, undefined],
])('after signing in, %j leads to %j', (wanted, path) => {
  expect(localPath(wanted)).toBe(path)
})

test('a fragment is read as the mail wrote it', () => {
  const fragment = readFragment('#email=a%2Bb%40example.org&code=AB-CD')
  expect([fragment.get('email'), fragment.get('code')]).toEqual(['a+b@example.org', 'AB-CD'])
})
