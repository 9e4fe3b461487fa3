// The mails that we send, one function each.
import type { NewMail } from '@ridethrough/db/query/mail.ts'
import { PRIVILEGE_TEXT, type PrivilegeMask, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { TFunction } from 'i18next'
import { createGuestMails, type GuestMails } from './guest.ts'
import { type MailPart, renderMail } from './layout.ts'
import { createNoticeMails, type NoticeMails } from './notice.ts'
import { createSafetyMails, type SafetyMails } from './safety.ts'

export type MailWriter = SafetyMails &
  NoticeMails &
  GuestMails & {
    verify(to: { email: string; name: string }, code: string, until: Date): NewMail
    registered(to: { email: string; name: string }): NewMail
    invitation(invitation: Invitation): NewMail
    teamInvitation(invitation: TeamInvitation): NewMail
    teamJoined(to: Addressee, member: Addressee, company: string): NewMail
    teamDeactivated(to: Addressee, owners: readonly Addressee[]): NewMail
  }

export type MailDevice = {
  readonly name: string
  readonly mfr: string
  readonly model: string
  readonly serial: string
}

export type Addressee = { readonly name: string; readonly email: string }

export type TeamInvitation = {
  readonly id: string
  readonly email: string
  readonly company: { readonly name: string }
  readonly invitedBy: Addressee
  readonly role: 'owner' | 'member'
  readonly code: string
  readonly expiresAt: Date
}

export type Invitation = {
  readonly shareId: string
  readonly email: string
  readonly sharer: { readonly name: string; readonly email: string }
  readonly devices: readonly MailDevice[]
  readonly privileges: PrivilegeMask
  /** Only a start that is still to come is worth a line. */
  readonly from: Date | null
  readonly until: Date | null
  readonly code: string
  readonly codeExpiresAt: Date
}

/** `publicUrl` is asked at each mail: without PUBLIC_URL it is known only once the server listens. */
export function createMailWriter(t: TFunction, publicUrl: () => string): MailWriter {
  const write = (recipient: string, subject: string, parts: readonly MailPart[]) =>
    renderMail({ recipient, subject, parts, footer: t('footer', { publicUrl: publicUrl() }) })
  return {
    verify: (to, code, until) =>
      write(to.email, t('verify.subject'), [
        // Anybody can have this mail sent to anybody, under a name of their choice: it must not carry their link.
        text(isLinkLike(to.name) ? t('greetingPlain') : t('greeting', { name: to.name })),
        text(isLinkLike(to.name) ? t('verify.leadPlain') : t('verify.lead', { name: to.name })),
        { kind: 'code', code },
        // After the #, so that neither our log nor a proxy's ever sees the code.
        link(t('verify.action'), `${publicUrl()}/verify#${fragment({ email: to.email, code })}`),
        text(t('verify.validity', { until: instant(until) })),
        text(t('verify.ignore')),
      ]),
    registered: (to) =>
      write(to.email, t('registered.subject'), [
        text(t('greeting', { name: to.name })),
        text(t('registered.lead')),
        text(t('registered.ignore')),
        link(t('registered.action'), publicUrl()),
      ]),
    invitation: (invitation) => {
      const sharer = invitation.sharer.name
      const count = invitation.devices.length
      return write(invitation.email, t('invitation.subject', { sharer, count }), [
        text(t('greetingPlain')),
        text(t('invitation.lead', { sharer, sharerEmail: invitation.sharer.email, count })),
        list(invitation.devices),
        text(t('invitation.may', { privileges: inWords(invitation.privileges) })),
        ...(invitation.from ? [text(t('invitation.from', { from: instant(invitation.from) }))] : []),
        ...(invitation.until ? [text(t('invitation.until', { until: instant(invitation.until) }))] : []),
        text(t('invitation.code')),
        { kind: 'code', code: invitation.code },
        link(
          t('invitation.action'),
          `${publicUrl()}/sharing/invitations/${invitation.shareId}#${fragment({ code: invitation.code })}`,
        ),
        text(t('invitation.validity', { until: instant(invitation.codeExpiresAt) })),
        text(t('invitation.account', { email: invitation.email })),
        text(t('invitation.ignore')),
      ])
    },
    teamInvitation: ({ id, email, company, invitedBy, role, code, expiresAt }) => {
      const who = { inviter: invitedBy.name, inviterEmail: invitedBy.email, company: company.name }
      return write(email, t('teamInvitation.subject', who), [
        text(t('greetingPlain')),
        text(t('teamInvitation.lead', who)),
        text(t(`teamInvitation.${role}`)),
        text(t('teamInvitation.code')),
        { kind: 'code', code },
        // After the #, as for shares.
        link(t('teamInvitation.action'), `${publicUrl()}/companies/invitations/${id}#code=${encodeURIComponent(code)}`),
        text(t('teamInvitation.validity', { until: instant(expiresAt) })),
        text(t('teamInvitation.account', { email })),
        text(t('teamInvitation.own')),
        text(t('teamInvitation.ignore')),
      ])
    },
    teamJoined: (to, member, company) =>
      write(to.email, t('teamJoined.subject', { member: member.name, company }), [
        text(t('greeting', { name: to.name })),
        text(t('teamJoined.lead', { member: member.name, memberEmail: member.email, company })),
        link(t('teamJoined.action'), `${publicUrl()}/company`),
      ]),
    teamDeactivated: (to, owners) =>
      write(to.email, t('teamDeactivated.subject'), [
        text(t('greeting', { name: to.name })),
        text(t('teamDeactivated.lead')),
        text(t('teamDeactivated.ask')),
        { kind: 'list', items: owners.map(({ name, email }) => `${name} (${email})`) },
      ]),
    ...createNoticeMails(t, publicUrl, write),
    ...createGuestMails(t, publicUrl, write),
    ...createSafetyMails(t, publicUrl, write),
  }
}

const text = (words: string): MailPart => ({ kind: 'text', text: words })
const link = (label: string, href: string): MailPart => ({ kind: 'link', label, href })
/** What mail programs turn into a link by themselves. */
const isLinkLike = (name: string) => /[/\\@]|\p{L}\.\p{L}|www/iu.test(name)

const fragment = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')

const list = (devices: readonly MailDevice[]): MailPart => ({ kind: 'list', items: devices.map(identification) })

/** R13: enough to tell one UPS from another: its name, make, model and serial number. */
function identification({ name, mfr, model, serial }: MailDevice): string {
  const particulars = [`${mfr} ${model}`.trim(), serial].filter((one) => one !== '')
  return particulars.length > 0 ? `${name} (${particulars.join(', ')})` : name
}

function inWords(privileges: PrivilegeMask): string {
  const words = privilegesOf(privileges).map((privilege) => PRIVILEGE_TEXT[privilege])
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(words)
}

function instant(at: Date): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
    .format(at)
    .concat(' UTC')
}
