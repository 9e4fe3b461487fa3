// The mail of a notice: what happened to a share, a guest entry or a link.
import type { NewMail } from '@ridethrough/db/query/mail.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { TFunction } from 'i18next'
import type { MailPart } from './layout.ts'
import { withoutLinks } from './name.ts'

/** Invitations have a mail of their own, which carries the code. */
export type MailedKind = Exclude<NoticeKind, `${string}.invited`>

export type NoticeMails = {
  /** `to.name`: `null` where the address has no account. */
  happened(
    to: { readonly name: string | null; readonly email: string },
    kind: MailedKind,
    subject: NoticeSubject,
  ): NewMail
}

type Person = NoticeSubject['by']
type Write = (recipient: string, subject: string, parts: readonly MailPart[]) => NewMail

export function createNoticeMails(t: TFunction, publicUrl: () => string, write: Write): NoticeMails {
  // An address that stands for a name has been proved or invited: it may be read as one.
  const nameOf = (person: Person) => {
    if (person?.email && person.name === person.email) return person.email
    return withoutLinks(person?.name ?? '') || (person?.email ?? t('happened.somebody'))
  }
  const fullOf = (person: Person) => {
    const name = nameOf(person)
    return person?.email && person.email !== name ? `${name} (${person.email})` : name
  }
  return {
    happened: (to, kind, subject) => {
      const about = kind.slice(0, kind.indexOf('.')) as 'share' | 'guest' | 'link'
      const until = subject.until === null ? '' : instant(new Date(subject.until))
      const words = {
        ...{ by: nameOf(subject.by), byFull: fullOf(subject.by), other: nameOf(subject.other) },
        ...{ otherFull: fullOf(subject.other), until },
        company: withoutLinks(subject.company ?? '') || t('happened.aCompany'),
      }
      const say = (part: 'subject' | 'lead') =>
        t(
          variantsOf(to, kind, subject).map((variant) => `happened.${kind}.${variant}.${part}`),
          words,
        )
      const devices = subject.devices.map(({ name }) => withoutLinks(name))
      const isOver = kind.endsWith('.ended') || kind.endsWith('.declined')
      return write(to.email, say('subject'), [
        text(to.name === null ? t('greetingPlain') : t('greeting', { name: withoutLinks(to.name) })),
        text(say('lead')),
        ...(devices.length > 0 ? [text(t('happened.devices')), { kind: 'list', items: devices } as const] : []),
        ...(until !== '' && !isOver ? [text(t('happened.until', { until }))] : []),
        { kind: 'link', label: t(`happened.${about}.action`), href: `${publicUrl()}${PAGES[about]}` },
      ])
    },
  }
}

const PAGES = { share: '/sharing', link: '/sharing', guest: '/companies' } as const

const text = (words: string): MailPart => ({ kind: 'text', text: words })

/** Whose words fit, the most exact first. */
function variantsOf(to: { readonly email: string }, kind: MailedKind, subject: NoticeSubject): string[] {
  const { by, state, until } = subject
  if (by === null) {
    // An invitation that ran out never had an end of its own to come to.
    const isUnanswered = kind.endsWith('.ended') && state === 'expired' && until === null
    return [...(isUnanswered ? ['time_unanswered'] : []), 'time', 'other']
  }
  const who = by.email !== null && foldAddress(by.email) === foldAddress(to.email) ? 'own' : 'other'
  return [`${who}_${state}`, who, 'other', 'time']
}

function instant(at: Date): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
    .format(at)
    .concat(' UTC')
}
