import { expect, test } from 'vitest'
import type { Notice } from './safety.ts'
import { safetyEn } from './safety-text.ts'
import { createMailWriter } from './template.ts'
import { createMailTexts } from './text.ts'

const mails = createMailWriter(await createMailTexts(), () => 'https://power.example')
const EVIL = `<b>&'\r\nBcc: evil@example.org`
const ann = { name: EVIL, email: 'ann@example.org' }
const at = new Date('2026-11-21T12:34:00Z')
const where = { at, address: '192.0.2.7', device: 'Firefox on Linux' }
const notices = Object.keys(safetyEn.notice).filter((key) => !['where', 'notYou', 'action'].includes(key)) as Notice[]

test.each([
  mails.resetCode(ann, 'ABCD-EFGH', at),
  mails.resetUnknown(ann),
  mails.addressOld(ann, EVIL, 'ABCD-EFGH', at),
  mails.addressNew(ann, 'ABCD-EFGH', at),
  ...notices.map((notice) => mails.notice(ann, notice, where, EVIL)),
])('$subject: the words are there, and what others wrote is no markup', ({ recipient, subject, text, html }) => {
  expect(recipient).toBe('ann@example.org')
  expect(subject).not.toMatch(/[\r\n]/)
  for (const part of [subject, text, html]) {
    expect(part).not.toMatch(/\{\{|undefined|\[object/)
    expect(part).not.toMatch(/\.(subject|lead|action|validity|ignore|where|notYou)\b/)
  }
  expect(html).not.toContain('<b>')
})

test('a notice says when, from where and with what, and what to do if it was somebody else', () => {
  const { text } = mails.notice(ann, 'newPlace', where)
  for (const part of ['21 November 2026', '192.0.2.7', 'Firefox on Linux', 'https://power.example/reset-password']) {
    expect(text).toContain(part)
  }
})
