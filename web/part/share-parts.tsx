// Pieces that the sharing pages have in common: standing, rights, period, and the questions before something ends.
import { List } from '@mantine/core'
import type { ShareChangeAnswer, ShareView } from '@ridethrough/protocol/http/share.ts'
import { PRIVILEGE_TEXT, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { presetOf, standingOf } from '../text/sentence.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Status, type StatusTone } from '../ui/status.tsx'

const TONES: Readonly<Record<ReturnType<typeof standingOf>, StatusTone>> = {
  pending: 'waiting',
  accepted: 'normal',
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

export function Rights({ privileges, isViewers = false }: PrivilegeTextsProps) {
  const { t } = useTranslation()
  const preset = presetOf(privileges)
  return (
    <details>
      <summary>{t(`role.${preset}`)}</summary>
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

/** Both lists and the devices follow every change of a share. */
export function useShareChange(run: () => Promise<ShareChangeAnswer>, onDone: (answer: ShareChangeAnswer) => void) {
  const queries = useQueryClient()
  const refresh = () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['shares'] }),
      queries.invalidateQueries({ queryKey: ['share'] }),
      queries.invalidateQueries({ queryKey: ['devices'] }),
    ])
  return useMutation({
    mutationFn: run,
    onSuccess: onDone,
    // Also after a refusal: the share may have changed under the viewer's hands.
    onSettled: refresh,
  })
}

type EndShareProps = {
  readonly title: string
  readonly what: string
  readonly submit: string
  readonly run: () => Promise<ShareChangeAnswer>
  readonly onDone: (answer: ShareChangeAnswer) => void
  readonly onCancel: () => void
}

export function ConfirmShareChange({ title, what, submit, run, onDone, onCancel }: EndShareProps) {
  const { t } = useTranslation()
  const change = useShareChange(run, onDone)
  return (
    <Confirm
      title={title}
      what={what}
      submit={submit}
      cancel={t('app.cancel')}
      closeLabel={t('app.close')}
      isBusy={change.isPending}
      fault={change.error ? sayFault(change.error, t) : undefined}
      onConfirm={() => change.mutate()}
      onCancel={onCancel}
    />
  )
}
