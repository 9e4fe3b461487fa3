// The chart of a device: what was recorded, and what arrives while one watches.
import { Chip, Group, Paper, SegmentedControl, Stack, Text, Title, useComputedColorScheme } from '@mantine/core'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { findVariable } from '@ridethrough/protocol/variable.ts'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { historyQuery, type ReadPast } from '../data/device.ts'
import { sayFault } from '../data/fault.ts'
import { alignSeries, appendState, NO_POINTS, type Plot } from '../data/history.ts'
import { useConnection } from '../data/live.ts'
import { useNow } from '../data/now.ts'
import { chartable, FIRST_CHARTED } from '../data/reading.ts'
import { RANGES, type Range, SPANS } from '../paths.ts'
import { labelOf, sayList, sayReading } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'

const Chart = lazy(() => import('../ui/chart.tsx').then(({ Chart }) => ({ default: Chart })))

const MOST = 4
/** So many can be chosen without opening the rest. */
const AT_HAND = 6
const NO_NAMES: readonly string[] = []

/** Where what was recorded comes from. */
export type Past = {
  readonly state: StateView
  /** Only what arrives while one watches is drawn then. */
  readonly isHindered: boolean
  readonly read: ReadPast
}

type HistoryChartProps = {
  readonly past: Past
  readonly range: Range
  /** `undefined`: nobody has chosen yet. */
  readonly show: readonly string[] | undefined
  readonly onRange: (range: Range) => void
  readonly onShow: (names: string[]) => void
}

export function HistoryChart({ past, range, show, onRange, onShow }: HistoryChartProps) {
  const { t } = useTranslation()
  const possible = chartable(past.state.variables)
  const chosen = show ?? FIRST_CHARTED.filter((name) => possible.includes(name))
  return (
    <Paper component="section" withBorder p="md" bg="var(--surface)" aria-label={t('device.chart')}>
      <Group justify="space-between" mb="sm">
        <Title order={2}>{t('device.chart')}</Title>
        <SegmentedControl
          size="xs"
          aria-label={t('device.range')}
          value={range}
          data={RANGES.map((each) => ({ value: each, label: t(`device.ranges.${each}`) }))}
          onChange={(value) => {
            const next = RANGES.find((each) => each === value)
            if (next) onRange(next)
          }}
        />
      </Group>
      <Drawing past={past} range={range} variables={chosen} />
      <Choice possible={possible} chosen={chosen} onChange={onShow} />
    </Paper>
  )
}

type DrawingProps = { readonly past: Past; readonly range: Range; readonly variables: readonly string[] }

function Drawing({ past, range, variables }: DrawingProps) {
  const { t } = useTranslation()
  const { state, isHindered } = past
  const isDark = useComputedColorScheme('light') === 'dark'
  const now = useNow(SPANS[range] > 6 * 3_600_000 ? 60_000 : 1000)
  const { plot, error } = usePlot(past, variables, SPANS[range], now)
  if (variables.length === 0) return <Text c="dimmed">{t('device.chooseOne')}</Text>
  const series = variables.map((name) => {
    const value = state.variables[name]
    const said = value === undefined ? undefined : sayReading(name, value, t)
    return {
      key: name,
      label: labelOf(name),
      unit: findVariable(name)?.unit ?? '',
      text: said ? `${said.number} ${said.unit}`.trim() : t('unit.unknown'),
    }
  })
  const label = t('device.chartOf', {
    names: sayList(series.map((each) => each.label)),
    range: t(`device.ranges.${range}`),
  })
  return (
    <>
      {isHindered && <Alert kind="note">{t('device.historyHindered')}</Alert>}
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      <Suspense fallback={<div style={{ height: 290 }} />}>
        <Chart
          label={label}
          series={series}
          times={plot.times}
          columns={plot.columns}
          from={(now - SPANS[range]) / 1000}
          to={now / 1000}
          isDark={isDark}
        />
      </Suspense>
    </>
  )
}

function usePlot({ state, isHindered, read }: Past, variables: readonly string[], span: number, now: number) {
  const { epoch } = useConnection()
  const history = useQuery({
    ...historyQuery(state.deviceId, variables, span, epoch, read),
    enabled: !isHindered && variables.length > 0,
  })
  const names = variables.length > 0 ? variables : NO_NAMES
  const key = names.join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the names
  const recorded = useMemo(
    () => (history.data ? alignSeries(history.data, names) : { ...NO_POINTS, columns: names.map(() => []) }),
    [history.data, key],
  )
  const [grown, setGrown] = useState<{ readonly base: Plot; readonly plot: Plot }>({ base: recorded, plot: recorded })
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new state is what adds a point, the passing of time is not
  useEffect(() => {
    setGrown((before) => {
      const plot = before.base === recorded ? before.plot : recorded
      return { base: recorded, plot: appendState(plot, names, state, (now - span) / 1000) }
    })
  }, [recorded, state])
  return { plot: grown.base === recorded ? grown.plot : recorded, error: history.error }
}

type ChoiceProps = {
  readonly possible: readonly string[]
  readonly chosen: readonly string[]
  readonly onChange: (names: string[]) => void
}

function Choice({ possible, chosen, onChange }: ChoiceProps) {
  const { t } = useTranslation()
  const units = new Set(chosen.map(unitOf))
  const first = possible.filter((name, index) => index < AT_HAND || chosen.includes(name))
  const rest = possible.filter((name) => !first.includes(name))
  const chips = (names: readonly string[]) =>
    names.map((name) => {
      const isChosen = chosen.includes(name)
      // Two units have an axis each; a third has none left.
      const isOut = !isChosen && (chosen.length >= MOST || (units.size >= 2 && !units.has(unitOf(name))))
      return (
        <Chip
          key={name}
          size="xs"
          variant="outline"
          checked={isChosen}
          disabled={isOut}
          onChange={() => onChange(isChosen ? chosen.filter((each) => each !== name) : [...chosen, name])}
        >
          {labelOf(name)}
        </Chip>
      )
    })
  return (
    <Stack gap="xs" role="group" aria-label={t('device.drawn')}>
      <Group gap={6} mt="md">
        {chips(first)}
      </Group>
      {rest.length > 0 && (
        <details>
          <summary>{t('device.moreToDraw', { count: rest.length })}</summary>
          <Group gap={6} mt="xs">
            {chips(rest)}
          </Group>
        </details>
      )}
    </Stack>
  )
}

function unitOf(name: string): string {
  return findVariable(name)?.unit ?? ''
}
