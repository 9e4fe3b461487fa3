// A notice as one sentence.
import type { NoticeView } from '@ridethrough/protocol/http/notice.ts'
import type { TFunction } from 'i18next'
import { sayList, sayTime } from './format.ts'

export function sayNotice({ kind, subject }: NoticeView, now: number, t: TFunction): string {
  const { by, other, company, devices, until } = subject
  const words = {
    by: by?.name ?? t('notices.somebody'),
    other: other?.name ?? t('notices.somebody'),
    company: company ?? t('notices.aCompany'),
    devices: devices.length > 0 ? sayList(devices.map(({ name }) => name)) : t('notices.devices'),
    until: until === null ? '' : sayTime(Date.parse(until), now),
  }
  // What time has done was nobody's act.
  if (by === null && (kind === 'share.ended' || kind === 'guest.ended')) return t(`notices.byTime.${kind}`, words)
  return t(`notices.kind.${kind}`, words)
}
