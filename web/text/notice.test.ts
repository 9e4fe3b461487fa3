import { NOTICE_KINDS, type NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import { expect, test } from 'vitest'
import { createTexts } from './i18n.ts'
import { sayNotice } from './notice.ts'

const { t } = createTexts()
const NOW = new Date(2026, 10, 21, 20, 0).getTime()
const subject: NoticeSubject = {
  id: '00000000-0000-4000-8000-000000000000',
  by: { name: 'Ann', email: 'ann@example.org' },
  other: { name: 'Bob', email: 'bob@example.org' },
  company: 'Acme',
  devices: [
    { id: 'a', name: 'Rack 4' },
    { id: 'b', name: 'Rack 5' },
  ],
  until: new Date(2026, 10, 21, 22, 0).toISOString(),
  state: 'accepted',
}
const say = (kind: (typeof NOTICE_KINDS)[number], change: Partial<NoticeSubject> = {}) =>
  sayNotice({ id: 'n', kind, at: '', read: false, subject: { ...subject, ...change } }, NOW, t)

test('every kind of notice has a whole sentence', () => {
  for (const kind of NOTICE_KINDS) {
    expect(say(kind)).toMatch(/^[A-Z].*\.$/)
    expect(say(kind)).not.toContain('{{')
    expect(say(kind, { by: null, other: null, company: null, devices: [] })).not.toMatch(/ {2}|\{\{|undefined|null/)
  }
})

test('it says who did it, to what, and until when', () => {
  expect(say('share.suspended')).toBe('Ann suspended the share of Rack 4 and Rack 5.')
  expect(say('share.ending', { by: null })).toBe('The share of Rack 4 and Rack 5 with Bob ends 22:00.')
  expect(say('share.ended', { by: null })).toBe('The share of Rack 4 and Rack 5 with Bob has run out.')
})
