// One share in a list: with whom, of what, what may be done, until when, and how to change or end it.
import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { Facts } from './facts.tsx'
import { LinkButton } from './link.tsx'
import { ShareActions, whoOf } from './share-actions.tsx'
import styles from './share-card.module.css'
import { Rights, ShareStanding, Times } from './share-parts.tsx'

export function ShareCard({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const isGranted = share.side === 'owner'
  const who = whoOf(share)
  const mayChange = isGranted && (share.state === 'pending' || share.state === 'accepted')
  const isInvited = !isGranted && share.state === 'pending'
  return (
    <Paper component="li" withBorder p="md" bg="var(--surface)" aria-label={who}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2}>{share.recipient && isGranted ? `${share.recipient.name} (${share.email})` : who}</Title>
        <ShareStanding share={share} now={now} />
      </Group>
      <Stack gap="sm">
        <Facts
          facts={[
            ...(isGranted ? [] : [[t('sharing.from'), share.sharedBy.email] as const]),
            [t('sharing.devices'), <DeviceChips key="devices" devices={share.devices} />],
            [
              t(isGranted ? 'sharing.may' : 'sharing.youMay'),
              <Rights key="rights" privileges={share.privileges} role={share.role} isViewers={!isGranted} />,
            ],
            [t('sharing.period'), <Times key="times" terms={share} now={now} />],
          ]}
        />
        {share.state === 'pending' && share.invitationExpiresAt !== null && (
          <Text size="sm" c="dimmed">
            {t('sharing.invitationUntil', { time: sayTime(Date.parse(share.invitationExpiresAt), now) })}
          </Text>
        )}
        {isInvited ? (
          <LinkButton to={paths.invitation} params={{ id: share.id }} size="sm" style={{ alignSelf: 'flex-start' }}>
            {t('sharing.invitation')}
          </LinkButton>
        ) : (
          <ShareActions share={share}>
            <LinkButton
              to={paths.share}
              params={{ id: share.id }}
              size="sm"
              aria-label={t(
                mayChange ? 'sharing.changeLabel' : isGranted ? 'sharing.openGranted' : 'sharing.openReceived',
                { who },
              )}
            >
              {t(mayChange ? 'sharing.change' : 'sharing.open')}
            </LinkButton>
          </ShareActions>
        )}
      </Stack>
    </Paper>
  )
}

type ChipsProps = {
  readonly devices: readonly { readonly id: string; readonly name: string; readonly model?: string }[]
}

export function DeviceChips({ devices }: ChipsProps) {
  const { t } = useTranslation()
  if (devices.length === 0) return t('sharing.noDevices')
  return (
    <ul className={styles.devices} aria-label={t('sharing.devices')}>
      {devices.map(({ id, name, model }) => (
        <li key={id} className={styles.device} title={model}>
          {name}
        </li>
      ))}
    </ul>
  )
}
