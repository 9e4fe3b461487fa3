// The mail that invites a guest: who, into which company, what they may do there, and until when (R30).
import type { NewMail } from '@ridethrough/db/query/mail.ts'
import type { GuestMode } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGE_TEXT, type PrivilegeMask, privilegesOf, SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import type { TFunction } from 'i18next'
import type { MailPart } from './layout.ts'
import { withoutLinks } from './name.ts'

export type GuestInvitation = {
  readonly id: string
  readonly email: string
  readonly company: { readonly name: string }
  readonly invitedBy: { readonly name: string; readonly email: string }
  readonly active: boolean
  readonly mode: GuestMode
  readonly privileges: PrivilegeMask
  readonly groups: readonly { readonly name: string; readonly privileges: PrivilegeMask }[]
  readonly devices: readonly { readonly name: string }[]
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
  readonly sentAt: Date
  readonly code: string
  readonly codeExpiresAt: Date
}

export type GuestMails = { guestInvitation(invitation: GuestInvitation): NewMail }

type Write = (recipient: string, subject: string, parts: readonly MailPart[]) => NewMail

export function createGuestMails(t: TFunction, publicUrl: () => string, write: Write): GuestMails {
  return {
    guestInvitation: (invitation) => {
      const { id, email, code, codeExpiresAt, startsAt, endsAt, sentAt, active } = invitation
      const who = {
        inviter: withoutLinks(invitation.invitedBy.name),
        inviterEmail: invitation.invitedBy.email,
        company: withoutLinks(invitation.company.name),
      }
      const say = (key: string, values = {}) => text(t(`guestInvitation.${key}`, { ...who, ...values }))
      return write(email, t('guestInvitation.subject', who), [
        text(t('greetingPlain')),
        say('lead'),
        ...whatIsGiven(t, invitation),
        // Only a start that is still to come is worth a line.
        ...(startsAt && startsAt > sentAt ? [say('from', { from: instant(startsAt) })] : []),
        ...(endsAt ? [say('until', { until: instant(endsAt) })] : []),
        ...(invitation.windows.length > 0 ? [say('windows'), timesOf(t, invitation.windows)] : []),
        ...(active ? [] : [say('inactive')]),
        say('code'),
        { kind: 'code', code },
        {
          kind: 'link',
          label: t('guestInvitation.action'),
          // After the #, so that neither our log nor a proxy's ever sees the code.
          href: `${publicUrl()}/companies/invitations/${id}#code=${encodeURIComponent(code)}`,
        },
        say('validity', { until: instant(codeExpiresAt) }),
        say('account', { email }),
        say('ignore'),
      ])
    },
  }
}

function whatIsGiven(t: TFunction, { mode, privileges, groups, devices }: GuestInvitation): MailPart[] {
  const may = { privileges: inWords(privileges) }
  if (mode === 'groups-and-devices') return [text(t('guestInvitation.everywhere', may))]
  if (mode === 'groups') {
    if (groups.length === 0) return [text(t('guestInvitation.ungrouped'))]
    const items = groups.map((group) =>
      t('guestInvitation.group', { name: withoutLinks(group.name), privileges: inWords(group.privileges) }),
    )
    return [text(t('guestInvitation.grouped')), { kind: 'list', items }]
  }
  if (devices.length === 0) return [text(t('guestInvitation.none', may))]
  const items = devices.map(({ name }) => withoutLinks(name))
  return [text(t('guestInvitation.chosen', may)), { kind: 'list', items }]
}

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

function timesOf(t: TFunction, windows: readonly WeeklyWindow[]): MailPart {
  const items = windows.map(({ days, from, until }) => {
    const names = days.toSorted((a, b) => a - b).map((day) => DAYS[day - 1] ?? '')
    return t('guestInvitation.window', { days: conjoined(names), from, until })
  })
  return { kind: 'list', items }
}

function inWords(privileges: PrivilegeMask): string {
  return conjoined(privilegesOf(privileges & SHAREABLE).map((privilege) => PRIVILEGE_TEXT[privilege]))
}

function conjoined(words: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(words)
}

const text = (words: string): MailPart => ({ kind: 'text', text: words })

function instant(at: Date): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
    .format(at)
    .concat(' UTC')
}
