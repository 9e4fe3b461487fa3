// One share in a list: with whom, of what, what may be done, until when, and how to end it.
import { Button, CloseButton, Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { ShareChangeAnswer, ShareView } from '@ridethrough/protocol/http/share.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { type Direction, endShare, endShareOfDevice, resendShare } from '../data/share.ts'
import { paths } from '../paths.ts'
import { sayList, sayTime } from '../text/format.ts'
import { sayPeriod, sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Facts } from './facts.tsx'
import { LinkButton } from './link.tsx'
import { useAnnounce } from './notice.tsx'
import styles from './share-card.module.css'
import { ConfirmShareChange, Rights, ShareStanding, useShareChange } from './share-parts.tsx'

type CardProps = { readonly share: ShareView; readonly direction: Direction }

/** What is asked about now: the whole share, or one of its devices. */
type Asked = 'end' | { readonly deviceId: string }

export function ShareCard({ share, direction }: CardProps) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const [asked, setAsked] = useState<Asked>()
  const isGranted = direction === 'granted'
  const isOpen = share.state === 'pending' || share.state === 'accepted'
  const mayThin = share.state === 'accepted' && share.devices.length > 1
  return (
    <Paper component="li" withBorder p="md" bg="var(--surface)" aria-label={whoOf(share, direction)}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2}>{isGranted ? share.email : share.sharedBy.name}</Title>
        <ShareStanding share={share} now={now} />
      </Group>
      <Stack gap="sm">
        <Facts
          facts={[
            ...(isGranted ? [] : [[t('sharing.from'), share.sharedBy.email] as const]),
            [
              t('sharing.devices'),
              <Devices
                key="devices"
                share={share}
                onRemove={mayThin ? (deviceId) => setAsked({ deviceId }) : undefined}
              />,
            ],
            [
              t(isGranted ? 'sharing.may' : 'sharing.youMay'),
              <Rights key="rights" privileges={share.privileges} isViewers={!isGranted} />,
            ],
            [t('sharing.period'), sayPeriod(share, now, t)],
          ]}
        />
        {share.state === 'pending' && share.invitationExpiresAt !== null && (
          <Text size="sm" c="dimmed">
            {t('sharing.invitationUntil', { time: sayTime(Date.parse(share.invitationExpiresAt), now) })}
          </Text>
        )}
        {isOpen &&
          (isGranted ? (
            <OwnerActions share={share} onEnd={() => setAsked('end')} />
          ) : (
            <RecipientActions share={share} onEnd={() => setAsked('end')} />
          ))}
      </Stack>
      {asked !== undefined && (
        <EndQuestion share={share} direction={direction} asked={asked} onClose={() => setAsked(undefined)} />
      )}
    </Paper>
  )
}

type DevicesProps = { readonly share: ShareView; readonly onRemove: ((deviceId: string) => void) | undefined }

function Devices({ share, onRemove }: DevicesProps) {
  const { t } = useTranslation()
  return (
    <ul className={styles.devices} aria-label={t('sharing.devices')}>
      {share.devices.map(({ id, name, model }) => (
        <li key={id} className={styles.device} title={model}>
          {name}
          {onRemove && (
            <CloseButton size="sm" aria-label={t('sharing.removeDevice', { name })} onClick={() => onRemove(id)} />
          )}
        </li>
      ))}
    </ul>
  )
}

type ActionsProps = { readonly share: ShareView; readonly onEnd: () => void }

function OwnerActions({ share, onEnd }: ActionsProps) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const who = share.email
  const resend = useShareChange(
    () => resendShare(share.id),
    () => announce(t('sharing.resent', { who })),
  )
  const isPending = share.state === 'pending'
  return (
    <>
      {resend.error && <Alert kind="fault">{sayFault(resend.error, t)}</Alert>}
      <Group gap="xs">
        <Button
          variant="default"
          size="sm"
          aria-label={t(isPending ? 'sharing.withdrawLabel' : 'sharing.revokeLabel', { who })}
          onClick={onEnd}
        >
          {t(isPending ? 'sharing.withdraw' : 'sharing.revoke')}
        </Button>
        {isPending && (
          <Button
            variant="default"
            size="sm"
            loading={resend.isPending}
            aria-label={t('sharing.resendLabel', { who })}
            onClick={() => resend.mutate()}
          >
            {t('sharing.resend')}
          </Button>
        )}
      </Group>
    </>
  )
}

function RecipientActions({ share, onEnd }: ActionsProps) {
  const { t } = useTranslation()
  if (share.state === 'pending') {
    return (
      <LinkButton to={paths.invitation} params={{ id: share.id }} size="sm" style={{ alignSelf: 'flex-start' }}>
        {t('sharing.invitation')}
      </LinkButton>
    )
  }
  return (
    <Button
      variant="default"
      size="sm"
      aria-label={t('sharing.leaveLabel', { who: share.sharedBy.name })}
      onClick={onEnd}
      style={{ alignSelf: 'flex-start' }}
    >
      {t('sharing.leave')}
    </Button>
  )
}

type QuestionProps = CardProps & { readonly asked: Asked; readonly onClose: () => void }

function EndQuestion({ share, direction, asked, onClose }: QuestionProps) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const done = (said: string) => (answer: ShareChangeAnswer) => {
    onClose()
    announce(`${said} ${sayReport(answer.access, t)}`)
  }
  const who = whoOf(share, direction)
  const devices = sayList(share.devices.map((device) => device.name))
  if (asked !== 'end') {
    const name = share.devices.find((device) => device.id === asked.deviceId)?.name ?? ''
    return (
      <ConfirmShareChange
        title={t('sharing.removeDevice', { name })}
        what={t(direction === 'granted' ? 'sharing.removeWhatGranted' : 'sharing.removeWhatReceived', { who, name })}
        submit={t('sharing.removeSubmit', { name })}
        run={() => endShareOfDevice(share.id, asked.deviceId)}
        onDone={done(t('change.removed', { name }))}
        onCancel={onClose}
      />
    )
  }
  const kind = direction === 'received' ? 'leave' : share.state === 'pending' ? 'withdraw' : 'revoke'
  const said = { leave: t('change.left'), withdraw: t('change.withdrawn'), revoke: t('change.revoked') }[kind]
  return (
    <ConfirmShareChange
      title={t(`sharing.${kind}Title`, { who })}
      what={t(`sharing.${kind}What`, { who, devices })}
      submit={t(`sharing.${kind}`)}
      run={() => endShare(share.id)}
      onDone={done(said)}
      onCancel={onClose}
    />
  )
}

function whoOf(share: ShareView, direction: Direction): string {
  return direction === 'granted' ? share.email : share.sharedBy.name
}
