// One device as a link shows it: what it names and nothing else, so whatever is not there leaves no gap.
import { Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { LinkDeviceView } from '@ridethrough/protocol/http/link.ts'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { readPastByLink } from '../data/link.ts'
import { chartable, HEADLINE, numberOf } from '../data/reading.ts'
import type { Range } from '../paths.ts'
import { Age, ChargeBar, DeviceStatus, LoadBar, SilenceReason } from './device-status.tsx'
import { DeviceValues } from './device-values.tsx'
import { HistoryChart } from './history-chart.tsx'
import { Measures } from './measures.tsx'

type LinkDeviceProps = { readonly device: LinkDeviceView; readonly bearer: string; readonly isAlone: boolean }

export function LinkDevice({ device, bearer, isAlone }: LinkDeviceProps) {
  const { t } = useTranslation()
  const hasPast = device.privileges.includes('history') && chartable(device.state.variables).length > 0
  const hasValues = Object.keys(device.state.variables).length > 0
  const details = (
    <Stack gap="lg">
      {hasPast && <Past device={device} bearer={bearer} />}
      <DeviceValues state={device.state} />
    </Stack>
  )
  return (
    <section aria-label={device.name}>
      <Stack gap="sm">
        <Now device={device} isAlone={isAlone} />
        {isAlone && details}
        {!isAlone && hasValues && (
          <details>
            <summary>{t(hasPast ? 'viaLink.more' : 'viaLink.valuesMore', { name: device.name })}</summary>
            <div style={{ marginTop: '0.75rem' }}>{details}</div>
          </details>
        )}
      </Stack>
    </section>
  )
}

function Now({ device, isAlone }: Omit<LinkDeviceProps, 'bearer'>) {
  const { t } = useTranslation()
  const { state, name, mfr, model } = device
  const hasCharge = [HEADLINE.charge, HEADLINE.runtime].some((variable) => numberOf(state, variable) !== undefined)
  const hasLoad = numberOf(state, HEADLINE.load) !== undefined
  // Without the status the badge would say that there is no reading; that it is silent is said always.
  const hasBadge = state.status !== null || state.stale || state.problem !== null
  return (
    <Paper withBorder p="md" bg="var(--surface)">
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="md">
          {!isAlone && <Title order={2}>{name}</Title>}
          {hasBadge && <DeviceStatus state={state} />}
        </Group>
        <Group gap="md">
          <Age state={state} />
          <Text size="sm" c="dimmed">
            {[mfr, model].filter((text) => text !== '').join(' · ')}
          </Text>
        </Group>
      </Group>
      <SilenceReason state={state} />
      {state.at === null && <Text c="dimmed">{t('viaLink.nothingYet')}</Text>}
      {(hasCharge || hasLoad) && (
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg" mt="xs">
          {hasCharge && <ChargeBar state={state} />}
          {hasLoad && <LoadBar state={state} />}
        </SimpleGrid>
      )}
      <Measures state={state} />
    </Paper>
  )
}

function Past({ device, bearer }: Omit<LinkDeviceProps, 'isAlone'>) {
  const [range, setRange] = useState<Range>('1h')
  const [show, setShow] = useState<readonly string[]>()
  const read = useMemo(() => readPastByLink(bearer, device.id), [bearer, device.id])
  return (
    <HistoryChart
      past={{ state: device.state, isHindered: false, read }}
      range={range}
      show={show}
      onRange={setRange}
      onShow={setShow}
    />
  )
}
