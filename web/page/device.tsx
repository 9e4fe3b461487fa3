// One device: how it is now, its chart, all its readings, who has access.
import { Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { getDevice } from '../data/device.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { useConnection, useLive, useLiveDevice } from '../data/live.ts'
import { DeviceAccess } from '../part/device-access.tsx'
import { DeviceActions } from '../part/device-actions.tsx'
import { DeviceChart } from '../part/device-chart.tsx'
import { Age, ChargeBar, DeviceStatus, LoadBar, SilenceReason } from '../part/device-status.tsx'
import { DeviceValues } from '../part/device-values.tsx'
import { LinkButton } from '../part/link.tsx'
import { Measures } from '../part/measures.tsx'
import { Page } from '../part/page.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

export function DevicePage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: '/signed-in/devices/$id' })
  const device = useLiveDevice(id)
  const asked = useAsked(id, device !== undefined)
  if (device) return <KnownDevice device={device} />
  if (asked.isPending) return <Loading />
  const isGone = !asked.error || hasCode(asked.error, 'not-found') || hasCode(asked.error, 'input-invalid')
  return (
    <Page title={t('device.gone')}>
      {isGone ? (
        <Empty title={t('device.gone')} action={<LinkButton to={paths.overview}>{t('app.toOverview')}</LinkButton>}>
          {t('device.goneWhy')}
        </Empty>
      ) : (
        <Alert kind="fault">{sayFault(asked.error, t)}</Alert>
      )}
    </Page>
  )
}

/** Asks for a device that the stream has not told of: it may be new, or not there. */
function useAsked(id: string, isKnown: boolean) {
  const { store } = useLive()
  const { phase } = useConnection()
  return useQuery({
    queryKey: ['device', id, phase],
    queryFn: async ({ signal }) => {
      store.put(await getDevice(id, signal))
      return id
    },
    enabled: !isKnown,
    gcTime: 0,
    staleTime: 0,
  })
}

function KnownDevice({ device }: { readonly device: DeviceView }) {
  const { t } = useTranslation()
  return (
    <Page title={device.name} isLive actions={<DeviceActions device={device} />}>
      <Stack gap="lg">
        <Now device={device} />
        {device.state.at === null && !device.state.silence ? (
          <Empty title={t('status.waiting')}>{t('device.noReadings')}</Empty>
        ) : (
          <>
            <DeviceChart key={device.id} device={device} />
            <DeviceValues state={device.state} />
          </>
        )}
        <DeviceAccess device={device} />
      </Stack>
    </Page>
  )
}

function Now({ device: { state, mfr, model, serial } }: { readonly device: DeviceView }) {
  const { t } = useTranslation()
  return (
    <Paper component="section" withBorder p="md" bg="var(--surface)" aria-label={t('device.live')}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2} fz="md" fw={400}>
          <DeviceStatus state={state} />
        </Title>
        <Group gap="md">
          <Age state={state} />
          <Text size="sm" c="dimmed">
            {[mfr, model, serial].filter((text) => text !== '').join(' · ')}
          </Text>
        </Group>
      </Group>
      <SilenceReason state={state} />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg" mt="xs">
        <ChargeBar state={state} />
        <LoadBar state={state} />
      </SimpleGrid>
      <Measures state={state} />
    </Paper>
  )
}
