// Who has access to a device and why: to its owner the people, to a recipient their own terms.
import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { hindranceTo } from '../data/may.ts'
import { useNow } from '../data/now.ts'
import { sharesQuery } from '../data/share.ts'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { presetOf, sayPeriod } from '../text/sentence.ts'
import { TextLink } from './link.tsx'
import { PrivilegeTexts, ShareStanding } from './share-parts.tsx'

type Props = { readonly device: DeviceView }

export function DeviceAccess({ device }: Props) {
  const { t } = useTranslation()
  return (
    <Paper component="section" withBorder p="md" bg="var(--surface)" aria-label={t('device.access')}>
      <Title order={2} mb="xs">
        {t('device.access')}
      </Title>
      {device.sharedBy ? <OwnTerms device={device} sharedBy={device.sharedBy} /> : <Recipients device={device} />}
    </Paper>
  )
}

type OwnTermsProps = Props & { readonly sharedBy: NonNullable<DeviceView['sharedBy']> }

function OwnTerms({ device, sharedBy }: OwnTermsProps) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <Stack gap="xs">
      <Text>
        {t('device.sharedBy', sharedBy)}
        {device.until !== null && ` ${t('device.sharedUntil', { until: sayTime(Date.parse(device.until), now) })}`}
      </Text>
      <div>
        <Text>{t('device.youMay')}</Text>
        <PrivilegeTexts privileges={device.privileges} isViewers />
      </div>
      <TextLink to={paths.sharing} search={{ tab: 'received' }}>
        {t('invitation.toSharing')}
      </TextLink>
    </Stack>
  )
}

function Recipients({ device }: Props) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const maySee = hindranceTo('share', device) === undefined
  const shares = useQuery({ ...sharesQuery('granted'), enabled: maySee }).data ?? []
  const open = shares.filter(
    (share) =>
      (share.state === 'pending' || share.state === 'accepted') && share.devices.some(({ id }) => id === device.id),
  )
  return (
    <Stack gap="xs">
      <Text c="dimmed">{device.via === 'owner' ? t('device.owner') : t('device.member')}</Text>
      {maySee && open.length === 0 && <Text>{t('device.nobody')}</Text>}
      {open.length > 0 && (
        <ul
          aria-label={t('device.recipients')}
          style={{ display: 'grid', gap: '0.5rem', listStyle: 'none', margin: 0, padding: 0 }}
        >
          {open.map((share) => (
            <Group component="li" key={share.id} gap="sm">
              <Text fw={600}>{share.email}</Text>
              <ShareStanding share={share} now={now} />
              <Text size="sm" c="dimmed">
                {t(`role.${presetOf(share.privileges)}`)} · {sayPeriod(share, now, t)}
              </Text>
            </Group>
          ))}
        </ul>
      )}
      <TextLink to={paths.sharing}>{t('invitation.toSharing')}</TextLink>
    </Stack>
  )
}
