// Mails about an account's own safety: codes that prove something, and word of what has happened.
import type { NewMail } from '@ridethrough/db/query/mail.ts'
import type { TFunction } from 'i18next'
import type { MailPart } from './layout.ts'
import type { safetyEn } from './safety-text.ts'

type To = { readonly name: string; readonly email: string }

export type Notice = Exclude<keyof (typeof safetyEn)['notice'], 'where' | 'notYou' | 'action'>

/** From where something was done, for people. */
export type Whereabouts = { readonly at: Date; readonly address: string; readonly device: string }

export type SafetyMails = {
  resetCode(to: { email: string }, code: string, until: Date): NewMail
  resetUnknown(to: { email: string }): NewMail
  addressOld(to: To, newEmail: string, code: string, until: Date): NewMail
  addressNew(to: { email: string }, code: string, until: Date): NewMail
  /** `name` is what a passkey or a token is called, or the new address. */
  notice(to: To, notice: Notice, where: Whereabouts, name?: string): NewMail
}

type Write = (recipient: string, subject: string, parts: readonly MailPart[]) => NewMail

export function createSafetyMails(t: TFunction, publicUrl: () => string, write: Write): SafetyMails {
  const resetUrl = (fragment = '') => `${publicUrl()}/reset-password${fragment}`
  return {
    resetCode: ({ email }, code, until) =>
      write(email, t('resetCode.subject'), [
        text(t('greetingPlain')),
        text(t('resetCode.lead')),
        { kind: 'code', code },
        // After the #, so that neither our log nor a proxy's ever sees the code.
        link(t('resetCode.action'), resetUrl(`#email=${encodeURIComponent(email)}&code=${encodeURIComponent(code)}`)),
        text(t('resetCode.validity', { until: instant(until) })),
        text(t('resetCode.ignore')),
      ]),
    resetUnknown: ({ email }) =>
      write(email, t('resetUnknown.subject'), [
        text(t('greetingPlain')),
        text(t('resetUnknown.lead')),
        link(t('resetUnknown.action'), publicUrl()),
        text(t('resetUnknown.ignore')),
      ]),
    addressOld: (to, newEmail, code, until) =>
      write(to.email, t('addressOld.subject'), [
        text(t('greeting', { name: to.name })),
        text(t('addressOld.lead', { email: newEmail })),
        { kind: 'code', code },
        text(t('addressOld.validity', { until: instant(until) })),
        text(t('addressOld.ignore')),
      ]),
    addressNew: ({ email }, code, until) =>
      write(email, t('addressNew.subject'), [
        text(t('greetingPlain')),
        text(t('addressNew.lead')),
        { kind: 'code', code },
        text(t('addressNew.validity', { until: instant(until) })),
        text(t('addressNew.ignore')),
      ]),
    notice: (to, notice, { at, address, device }, name = '') =>
      write(to.email, t(`notice.${notice}.subject`), [
        text(t('greeting', { name: to.name })),
        text(t(`notice.${notice}.lead`, { name })),
        text(t('notice.where', { at: instant(at), address, device })),
        ...(notice === 'accountDeleted' ? [] : [text(t('notice.notYou')), link(t('notice.action'), resetUrl())]),
      ]),
  }
}

const text = (words: string): MailPart => ({ kind: 'text', text: words })
const link = (label: string, href: string): MailPart => ({ kind: 'link', label, href })

function instant(at: Date): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
    .format(at)
    .concat(' UTC')
}
