// The mails that we send, one function each.
import type { NewMail } from '@ridethrough/db/query/mail.ts'
import { PRIVILEGE_TEXT, type PrivilegeMask, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { TFunction } from 'i18next'
import { type MailPart, renderMail } from './layout.ts'

export type MailWriter = {
  verify(to: { email: string; name: string }, code: string, until: Date): NewMail
  registered(to: { email: string; name: string }): NewMail
  invitation(invitation: Invitation): NewMail
  accepted(to: { email: string; name: string }, recipient: string, devices: readonly MailDevice[]): NewMail
  revoked(to: { email: string }, sharer: string, devices: readonly MailDevice[]): NewMail
}

export type MailDevice = {
  readonly name: string
  readonly mfr: string
  readonly model: string
  readonly serial: string
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
        text(t('greeting', { name: to.name })),
        text(t('verify.lead', { name: to.name })),
        { kind: 'code', code },
        text(t('verify.validity', { until: instant(until) })),
        text(t('verify.ignore')),
        link(t('verify.action'), publicUrl()),
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
        // After the #, so that neither our log nor a proxy's ever sees the code.
        link(
          t('invitation.action'),
          `${publicUrl()}/sharing/invitations/${invitation.shareId}#code=${encodeURIComponent(invitation.code)}`,
        ),
        text(t('invitation.validity', { until: instant(invitation.codeExpiresAt) })),
        text(t('invitation.account', { email: invitation.email })),
        text(t('invitation.ignore')),
      ])
    },
    accepted: (to, recipient, devices) =>
      write(to.email, t('accepted.subject', { recipient }), [
        text(t('greeting', { name: to.name })),
        text(t('accepted.lead', { recipient })),
        list(devices),
        link(t('accepted.action'), `${publicUrl()}/sharing`),
      ]),
    revoked: (to, sharer, devices) =>
      write(to.email, t('revoked.subject', { sharer }), [
        text(t('greetingPlain')),
        text(t('revoked.lead', { sharer })),
        list(devices),
        link(t('revoked.action'), `${publicUrl()}/sharing`),
      ]),
  }
}

const text = (words: string): MailPart => ({ kind: 'text', text: words })
const link = (label: string, href: string): MailPart => ({ kind: 'link', label, href })
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
