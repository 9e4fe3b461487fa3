import type { NewMail } from '@ridethrough/db/query/mail.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { expect, test } from 'vitest'
import { createMailWriter, type MailWriter } from './template.ts'
import { createMailTexts } from './text.ts'

const PUBLIC_URL = 'https://power.example'
const mails = createMailWriter(await createMailTexts(), () => PUBLIC_URL)

const EVIL = `<b onload="x">&'\r\nBcc: evil@example.org`
const ann = { name: EVIL, email: 'ann@example.org' }
const bob = { name: EVIL, email: 'bob@example.org' }
const device = { name: EVIL, mfr: 'APC', model: '<i>', serial: 'S1' }
const at = new Date('2026-11-21T12:34:00Z')

const SAMPLES: { readonly [Name in keyof MailWriter]?: () => NewMail } = {
  verify: () => mails.verify(bob, 'ABCD-EFGH', at),
  registered: () => mails.registered(bob),
  invitation: () =>
    mails.invitation({
      shareId: 'some-share',
      email: bob.email,
      sharer: ann,
      devices: [device, device],
      privileges: BUILT_IN_ROLES.operator,
      from: at,
      until: at,
      code: 'ABCDE-FGHIJ',
      codeExpiresAt: at,
    }),
  teamInvitation: () =>
    mails.teamInvitation({
      id: 'some-invitation',
      email: bob.email,
      company: { name: EVIL },
      invitedBy: ann,
      role: 'owner',
      code: 'ABCDE-FGHIJ',
      expiresAt: at,
    }),
  teamJoined: () => mails.teamJoined(bob, ann, EVIL),
  teamDeactivated: () => mails.teamDeactivated(bob, [ann]),
}

test.each(Object.entries(SAMPLES))(
  '%s: the same in plain text and in HTML, and nothing in it is code',
  (_name, write) => {
    const { recipient, subject, text, html } = write()
    expect(recipient).toBe(bob.email)
    expect(subject).not.toMatch(/[\r\n]/)
    for (const part of [subject, text, html]) {
      expect(part).not.toMatch(/\{\{|\}\}|undefined|\[object/)
      // A key that has no words comes out as itself.
      expect(part).not.toMatch(/\b[a-z]+[A-Za-z]*\.(subject|lead|action|code|validity|ignore|account)\b/)
    }
    const tags = new Set([...html.matchAll(/<\/?([a-z!]+)/g)].map((match) => match[1]))
    for (const tag of tags) {
      expect(['!doctype', 'html', 'head', 'meta', 'title', 'body', 'div', 'p', 'ul', 'li', 'a']).toContain(tag)
    }
    expect(html).not.toMatch(/<img|src=|http-equiv|<script/)
    const inHtml = [...html.matchAll(/href="([^"]*)"/g)].map((match) => decodeHtml(match[1] ?? ''))
    const inText = [...text.matchAll(/: (https:\S+)$/gm)].map((match) => match[1])
    expect(inHtml).toEqual(inText)
    for (const link of inHtml) expect(link.startsWith(`${PUBLIC_URL}/`) || link === PUBLIC_URL).toBe(true)
    expect(text).toMatch(/\n-- \nRidethrough · https:\/\/power\.example\n$/)
    for (const line of text.split('\n')) expect(line.length).toBeLessThan(500)
  },
)

function decodeHtml(html: string): string {
  return html.replace(/&#(\d+);/g, (_all, code) => String.fromCharCode(Number(code)))
}

test('an invitation names each device so that it can be told from others, and carries the code [R13]', () => {
  const rack = { name: 'Rack', mfr: 'APC', model: 'SMT1500', serial: 'AS1' }
  const { subject, text } = mails.invitation({
    ...{ shareId: 'some-share', email: bob.email, sharer: { name: 'Ann', email: ann.email } },
    ...{ devices: [rack, { ...rack, name: 'Desk', serial: 'AS2' }], privileges: BUILT_IN_ROLES.viewer },
    ...{ from: null, until: at, code: 'ABCDE-FGHIJ', codeExpiresAt: at },
  })
  expect(subject).toBe('Ann shares 2 devices with you')
  for (const line of ['  * Rack (APC SMT1500, AS1)', '  * Desk (APC SMT1500, AS2)', '    ABCDE-FGHIJ']) {
    expect(text.split('\n')).toContain(line)
  }
  expect(text).toContain('https://power.example/sharing/invitations/some-share#code=ABCDE-FGHIJ')
  expect(text).toContain('It ends at 21 November 2026 at 12:34 UTC.')
})

test('the code stands on a line of its own, and behind the # of the link', () => {
  const { text } = mails.verify({ name: 'Bob', email: 'bob+ups@example.org' }, 'ABCD-EFGH', at)
  expect(text).toMatch(/^ {4}ABCD-EFGH$/m)
  expect(text).toContain('https://power.example/verify#email=bob%2Bups%40example.org&code=ABCD-EFGH')
  expect(text).toContain('21 November 2026 at 12:34 UTC')
  expect(text).toContain('Hello Bob,')
})

test.each(['evil.example', 'https://evil', 'www', 'a@b', 'see \\\\evil', 'click Evil.Example now'])(
  'a stranger who signs up as %j does not get that into a mail to somebody else',
  (name) => {
    const { text, html } = mails.verify({ name, email: 'bob@example.org' }, 'ABCD-EFGH', at)
    expect(text).toMatch(/^Hello,$/m)
    for (const part of [text, html]) expect(part).not.toContain(name === 'www' || name === 'a@b' ? `${name},` : name)
  },
)

test('a doctor keeps the title', () => {
  expect(mails.verify({ name: 'Dr. Ann-Kathrin O’Hara Jr.', email: 'a@example.org' }, 'A', at).text).toContain(
    'Hello Dr. Ann-Kathrin O’Hara Jr.,',
  )
})
