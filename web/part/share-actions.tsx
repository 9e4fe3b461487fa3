// What can be done to a share as a whole: suspend and resume, send again, end; each says what it did at the servers.
import { Button, Group } from '@mantine/core'
import type { ShareChangeAnswer, ShareView } from '@ridethrough/protocol/http/share.ts'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { endShare, resendShare, resumeShare, SHARE_KEYS, suspendShare } from '../data/share.ts'
import { sayList } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { ConfirmChange, useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

type ActionsProps = {
  readonly share: ShareView
  /** Once it is over; a page that shows it alone goes elsewhere. */
  readonly onEnded?: () => Promise<void>
  readonly children?: ReactNode
}

export function ShareActions({ share, onEnded, children }: ActionsProps) {
  const [isEnding, setEnding] = useState(false)
  if (share.state !== 'pending' && share.state !== 'accepted')
    return children ? <Group gap="xs">{children}</Group> : null
  return (
    <>
      <Group gap="xs">
        {children}
        {share.side === 'owner' && <Pause share={share} />}
        {share.side === 'owner' && share.state === 'pending' && <Resend share={share} />}
        <EndButton share={share} onPress={() => setEnding(true)} />
      </Group>
      {isEnding && <EndQuestion share={share} onEnded={onEnded} onClose={() => setEnding(false)} />}
    </>
  )
}

function Pause({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { id, email: who, suspended } = share
  const step = suspended ? 'resume' : 'suspend'
  const change = useChange(
    () => (suspended ? resumeShare(id) : suspendShare(id)),
    SHARE_KEYS,
    ({ access }) => announce(`${t(`sharing.${step}Done`, { who })} ${sayReport(access, t)}`),
  )
  return (
    <ChangeButton change={change} label={t(`sharing.${step}Label`, { who })}>
      {t(`sharing.${step}`)}
    </ChangeButton>
  )
}

function Resend({ share: { id, email: who } }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const change = useChange(
    () => resendShare(id),
    SHARE_KEYS,
    () => announce(t('sharing.resent', { who })),
  )
  return (
    <ChangeButton change={change} label={t('sharing.resendLabel', { who })}>
      {t('sharing.resend')}
    </ChangeButton>
  )
}

type ChangeButtonProps = {
  readonly change: { readonly mutate: () => void; readonly isPending: boolean; readonly error: Error | null }
  readonly label: string
  readonly children: string
}

function ChangeButton({ change, label, children }: ChangeButtonProps) {
  const { t } = useTranslation()
  return (
    <>
      <Button variant="default" size="sm" aria-label={label} loading={change.isPending} onClick={() => change.mutate()}>
        {children}
      </Button>
      {change.error && <Alert kind="fault">{sayFault(change.error, t)}</Alert>}
    </>
  )
}

function EndButton({ share, onPress }: { readonly share: ShareView; readonly onPress: () => void }) {
  const { t } = useTranslation()
  const kind = endOf(share)
  return (
    <Button variant="default" size="sm" aria-label={t(`sharing.${kind}Label`, { who: whoOf(share) })} onClick={onPress}>
      {t(`sharing.${kind}`)}
    </Button>
  )
}

type EndQuestionProps = Pick<ActionsProps, 'share' | 'onEnded'> & { readonly onClose: () => void }

function EndQuestion({ share, onEnded, onClose }: EndQuestionProps) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const kind = endOf(share)
  const who = whoOf(share)
  const said = { leave: t('change.left'), withdraw: t('change.withdrawn'), revoke: t('change.revoked') }[kind]
  const done = async ({ access }: ShareChangeAnswer) => {
    onClose()
    await onEnded?.()
    announce(`${said} ${sayReport(access, t)}`)
  }
  return (
    <ConfirmChange
      title={t(`sharing.${kind}Title`, { who })}
      what={t(`sharing.${kind}What`, { who, devices: sayList(share.devices.map(({ name }) => name)) })}
      submit={t(`sharing.${kind}`)}
      run={() => endShare(share.id)}
      refresh={SHARE_KEYS}
      onDone={done}
      onCancel={onClose}
    />
  )
}

function endOf({ side, state }: ShareView): 'leave' | 'withdraw' | 'revoke' {
  if (side === 'recipient') return 'leave'
  return state === 'pending' ? 'withdraw' : 'revoke'
}

/** The other side. */
export function whoOf({ side, email, sharedBy }: ShareView): string {
  return side === 'owner' ? email : sharedBy.name
}
