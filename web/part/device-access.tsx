// Who has access to a device and why: to its owner everybody, at any instant; to a recipient their own terms.
import { Paper, SegmentedControl, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accessQuery } from '../data/access.ts'
import { sayFault } from '../data/fault.ts'
import { hindranceTo } from '../data/may.ts'
import { useNow } from '../data/now.ts'
import { instantOf, viewerZone, wallAt } from '../data/zone.ts'
import { Loading } from '../page/nothing.tsx'
import { paths } from '../paths.ts'
import { capital, sayTime } from '../text/format.ts'
import { sayWindows } from '../text/window.ts'
import { Alert } from '../ui/alert.tsx'
import { AccessTable } from './device-access-table.tsx'
import { TextLink } from './link.tsx'
import { PrivilegeTexts } from './share-parts.tsx'

type Props = { readonly device: DeviceView }

export function DeviceAccess({ device }: Props) {
  const { t } = useTranslation()
  // Who has access is shown whatever the plan sells: the API says so too.
  const hindrance = hindranceTo('share', device)
  const mayAsk = device.via === 'owner' || hindrance === undefined
  return (
    <Paper component="section" withBorder p="md" bg="var(--surface)" aria-label={t('device.access')}>
      <Title order={2} mb="xs">
        {t(mayAsk ? 'access.title' : 'device.access')}
      </Title>
      {mayAsk ? <Everybody device={device} /> : <OwnTerms device={device} />}
    </Paper>
  )
}

function OwnTerms({ device }: Props) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <Stack gap="xs">
      <Text>
        {sayWay(device, t)}
        {device.until !== null && ` ${t('device.sharedUntil', { until: sayTime(Date.parse(device.until), now) })}`}
      </Text>
      {device.windows.length > 0 && <Text>{capital(sayWindows(device.windows, t))}</Text>}
      <div>
        <Text>{t('device.youMay')}</Text>
        <PrivilegeTexts privileges={device.privileges} isViewers />
      </div>
      {device.sharedBy && (
        <TextLink to={paths.sharing} search={{ tab: 'received' }}>
          {t('invitation.toSharing')}
        </TextLink>
      )}
    </Stack>
  )
}

function sayWay({ sharedBy, via, company }: DeviceView, t: TFunction): string {
  if (sharedBy) return t('device.sharedBy', sharedBy)
  return via === 'guest' ? t('access.guest', { company: company?.name ?? '' }) : t('device.member')
}

function Everybody({ device }: Props) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const [wall, setWall] = useState<{ readonly date: string; readonly time: string }>()
  const at = wall === undefined ? null : (instantOf(wall, viewerZone()) ?? null)
  const { data: access, error } = useQuery(accessQuery(device.id, at))
  const field = (name: 'date' | 'time') => ({
    value: wall?.[name] ?? '',
    onChange: (event: { currentTarget: { value: string } }) =>
      setWall({ ...(wall ?? wallAt(now, viewerZone())), [name]: event.currentTarget.value }),
  })
  return (
    <Stack gap="sm">
      <Text c="dimmed">{t('access.lead')}</Text>
      <SegmentedControl
        aria-label={t('access.at')}
        value={wall === undefined ? 'now' : 'then'}
        data={[
          { value: 'now', label: t('access.now') },
          { value: 'then', label: t('access.moment') },
        ]}
        onChange={(value) => setWall(value === 'now' ? undefined : wallAt(now, viewerZone()))}
        style={{ alignSelf: 'flex-start' }}
      />
      {wall !== undefined && (
        <>
          <SimpleGrid cols={2} maw={360} spacing="xs">
            <TextInput type="date" label={t('access.date')} {...field('date')} />
            <TextInput type="time" label={t('access.time')} {...field('time')} />
          </SimpleGrid>
          <Text size="xs" c="dimmed">
            {t('access.zone', { zone: viewerZone() })}
          </Text>
        </>
      )}
      {error && !access && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {!access && !error && <Loading />}
      {access && <AccessTable access={access} isPast={at !== null && at < now} />}
    </Stack>
  )
}
