import { NOTICE_KINDS, type NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import { SHARE_STATES } from '@ridethrough/protocol/policy.ts'
import { expect, test } from 'vitest'
import { withoutLinks } from './name.ts'
import type { MailedKind } from './notice.ts'
import { createMailWriter } from './template.ts'
import { createMailTexts } from './text.ts'

const mails = createMailWriter(await createMailTexts(), () => 'https://power.example')
const ID = '0198a000-0000-7000-8000-000000000001'
const ann = { name: 'Ann', email: 'ann@example.org' }
const bob = { name: 'Bob', email: 'bob@example.org' }
const MAILED = NOTICE_KINDS.filter((kind): kind is MailedKind => !kind.endsWith('.invited'))

const subject = (change: Partial<NoticeSubject> = {}): NoticeSubject => ({
  ...{ id: ID, by: ann, other: ann, company: 'Acme', devices: [{ id: ID, name: 'Rack' }] },
  ...{ until: '2026-11-22T12:00:00Z', state: null },
  ...change,
})

const cases = MAILED.flatMap((kind) =>
  [ann, bob, null].flatMap((by) => [null, ...SHARE_STATES].map((state) => [kind, by?.name ?? 'time', state] as const)),
)

test.each(cases)('%s by %s, state %s: there are words for it, the same in both forms', (kind, who, state) => {
  const by = [ann, bob].find(({ name }) => name === who) ?? null
  const { recipient, subject: line, text, html } = mails.happened(bob, kind, subject({ by, state }))
  expect(recipient).toBe('bob@example.org')
  for (const part of [line, text, html]) {
    expect(part).not.toMatch(/\{\{|undefined|\[object|happened\./)
  }
  expect(line.length).toBeGreaterThan(10)
  expect(text).toContain('  * Rack')
  expect(text).toMatch(/: https:\/\/power\.example\/(sharing|companies)$/m)
})

test.each([
  ['share.accepted', { by: ann }, 'Ann accepted what you shared'],
  ['share.accepted', { by: bob }, 'You accepted what Ann shared'],
  ['share.ended', { by: ann, state: 'revoked' }, 'Ann ended a share with you'],
  ['share.ended', { by: ann, state: 'left' }, 'Ann left what you shared'],
  ['share.ended', { by: null, state: 'expired' }, 'A share with Ann has ended'],
  ['share.ended', { by: null, state: 'expired', until: null }, 'Ann did not answer your invitation'],
  ['share.ending', { by: null }, 'A share with Ann ends soon'],
  ['guest.ended', { by: null, state: 'expired' }, 'A guest entry of Acme has ended'],
  ['link.ended', { by: null, other: { name: 'For the plumber', email: null } }, 'A link has ended'],
] as const)('%s %o: the subject says what happened [R12]', (kind, change, expected) => {
  expect(mails.happened(bob, kind, subject(change)).subject).toBe(expected)
})

test('when it ends is said of what is still to end, not of what is over', () => {
  expect(mails.happened(bob, 'share.ending', subject({ by: null })).text).toContain('22 November 2026 at 12:00 UTC')
  expect(mails.happened(bob, 'share.ended', subject({ by: null, state: 'expired' })).text).not.toContain('November')
})

const EVIL = [
  'https://evil.example/login',
  'evil.example',
  'www.evil.example',
  '//evil',
  'me@evil.example',
  'a\r\n\r\nYour account is blocked:\r\nevil.example',
  '{{until}} $t(footer)',
  '<a href="x">',
]
test.each(EVIL)('a name such as %j carries no link, no line and no markup into a mail', (name) => {
  const evil = { name, email: null }
  const named = subject({ by: evil, other: evil, company: name, devices: [{ id: ID, name }] })
  for (const kind of MAILED) {
    for (const by of [evil, null]) {
      const { subject: line, text, html } = mails.happened({ name, email: 'bob@example.org' }, kind, { ...named, by })
      const ours = (part: string) => part.replaceAll(/https:\/\/power\.example(\/\w+)?/g, '')
      for (const part of [line, ours(text)]) {
        expect(part).not.toMatch(/\p{L}\.\p{L}|:\/\/|@|\bwww\b/u)
      }
      expect(ours(html).replaceAll('system-ui,sans-serif', '')).not.toMatch(/evil\.\p{L}|href="x|mailto/u)
      expect(text).not.toMatch(/^Your account/m)
      expect(line).not.toMatch(/[\r\n]/)
      if (name.startsWith('{{')) expect(text).toContain('{{until}} $t(footer)')
    }
  }
})

test.each([
  ['Dr. Ann Smith', 'Dr. Ann Smith'],
  ['UPS 2.1', 'UPS 2.1'],
  ['Rack 3/4', 'Rack 3 / 4'],
  ['Zoë', 'Zoë'],
])('the name %j is told as %j', (name, told) => {
  expect(withoutLinks(name)).toBe(told)
})
