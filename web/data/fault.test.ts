import { Fault } from '@ridethrough/protocol/fault.ts'
import { Credentials, NewAccount } from '@ridethrough/protocol/http/account.ts'
import { NewShare } from '@ridethrough/protocol/http/share.ts'
import { expect, test } from 'vitest'
import { createTexts } from '../text/i18n.ts'
import { checkFields, fieldFaults, sayFault } from './fault.ts'
import { AnswerUnreadable, Unreachable } from './request.ts'

const { t } = createTexts()

test('what the schema of the API refuses is said at its field, in words for people', () => {
  expect(checkFields(NewAccount, { email: 'x', password: 'short', name: ' ' }, t)).toEqual({
    email: 'This is not an e-mail address.',
    password: 'Use at least 10 characters.',
    name: 'Say how others should see you.',
  })
  expect(checkFields(Credentials, { email: 'a@example.org', password: '' }, t)).toEqual({ password: 'Fill this in.' })
  const share = {
    email: 'a@example.org',
    deviceIds: [],
    from: '2027-01-01T00:00:00.000Z',
    until: '2026-01-01T00:00:00.000Z',
  }
  expect(Object.keys(checkFields(NewShare, share, t))).toContain('deviceIds')
  expect(checkFields(Credentials, { email: 'a@example.org', password: 'x' }, t)).toEqual({})
})

test.each([
  ['email', 'email'],
  ['/body/email', 'email'],
  ['body.email', 'email'],
  ['deviceIds.0', 'deviceIds'],
  ['/deviceIds/0', 'deviceIds'],
])('a problem that names %s shows at the field %s', (path, field) => {
  const fault = new Fault('input-invalid', 'wrong', { fields: [{ path, message: 'not so' }] })
  expect(fieldFaults(fault)).toEqual({ [field]: 'Not so.' })
})

test('every fault is said plainly, with how long to wait where one must', () => {
  expect(sayFault(new Fault('share-limit', 'shared with five people already'), t)).toBe(
    'Shared with five people already.',
  )
  expect(sayFault(new Fault('too-many-tries', 'too many tries', { retryAfter: 29.2 }), t)).toBe(
    'Too many tries. Wait 30 seconds.',
  )
  expect(sayFault(new Unreachable(new TypeError('fetch failed')), t)).toContain('cannot be reached')
  expect(sayFault(new AnswerUnreadable(502), t)).toContain('502')
})
