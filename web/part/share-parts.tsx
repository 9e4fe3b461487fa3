// Pieces that the sharing pages have in common: standing, rights, period.
import { List, Text } from '@mantine/core'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { PRIVILEGE_TEXT, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import { capital, sayDuration } from '../text/format.ts'
import { presetOf, type Standing, sayPeriod, standingOf } from '../text/sentence.ts'
import { sayWindows } from '../text/window.ts'
import { Status, type StatusTone } from '../ui/status.tsx'

const TONES: Readonly<Record<Standing, StatusTone>> = {
  pending: 'waiting',
  accepted: 'normal',
  suspended: 'warning',
  upcoming: 'notice',
  over: 'silent',
  declined: 'silent',
  withdrawn: 'silent',
  left: 'silent',
  revoked: 'silent',
  expired: 'silent',
}

export function ShareStanding({ share, now }: { readonly share: ShareView; readonly now: number }) {
  const { t } = useTranslation()
  const standing = standingOf(share, now)
  return <Status tone={TONES[standing]}>{t(`sharing.state.${standing}`)}</Status>
}

type RightsProps = PrivilegeTextsProps & { readonly role?: ShareView['role'] }

export function Rights({ privileges, role = null, isViewers = false }: RightsProps) {
  const { t } = useTranslation()
  const preset = presetOf(privileges)
  return (
    <details>
      <summary>{role?.name ?? t(`role.${preset}`)}</summary>
      <PrivilegeTexts privileges={privileges} isViewers={isViewers} />
    </details>
  )
}

type PrivilegeTextsProps = { readonly privileges: readonly Privilege[]; readonly isViewers?: boolean }

/** `isViewers`: they are the rights of the person who reads them. */
export function PrivilegeTexts({ privileges, isViewers = false }: PrivilegeTextsProps) {
  const { t } = useTranslation()
  return (
    <List size="sm" c="dimmed" withPadding>
      {privileges.map((privilege) => (
        <List.Item key={privilege}>
          {isViewers && privilege === 'notify' ? t('privilege.yourNotify') : PRIVILEGE_TEXT[privilege]}
        </List.Item>
      ))}
    </List>
  )
}

type TimesProps = {
  readonly terms: Pick<ShareView, 'from' | 'until' | 'windows'>
  readonly now: number
  readonly always?: string
}

/** Period and hours; the last two days count down. `always`: what to say where there is no end. */
export function Times({ terms, now, always }: TimesProps) {
  const { t } = useTranslation()
  const left = terms.until === null ? undefined : Date.parse(terms.until) - now
  return (
    <>
      {always !== undefined && isEndless(terms, now) ? always : sayPeriod(terms, now, t)}
      {left !== undefined && left > 0 && left < COUNTED_MS && (
        <strong> {t('sharing.endsIn', { duration: sayDuration(left / 1000, t) })}</strong>
      )}
      {terms.windows.length > 0 && (
        <Text span display="block">
          {capital(sayWindows(terms.windows, t))}
        </Text>
      )}
    </>
  )
}

const COUNTED_MS = 48 * 3_600_000

function isEndless({ from, until }: TimesProps['terms'], now: number): boolean {
  return until === null && (from === null || Date.parse(from) <= now)
}
