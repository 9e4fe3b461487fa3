// Until when a shared device stays: its end, its hours of the week, and a countdown once it is near.
import { Text } from '@mantine/core'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { compileSchedule } from '@ridethrough/protocol/window.ts'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { sayDuration, sayTime } from '../text/format.ts'
import { sayWindows } from '../text/window.ts'

/** From here on it is counted down; the last two minutes by the second. */
const NEAR_MS = 24 * 3_600_000
const LAST_MS = 120_000

export function DeviceTerm({ device }: { readonly device: DeviceView }) {
  const { t } = useTranslation()
  const { until, windows, timeZone } = device
  const closes = useCloses(device)
  const coarse = useNow(10_000)
  const isLast = closes !== undefined && closes.at - coarse < LAST_MS
  const now = useNow(isLast ? 1000 : 10_000)
  const isElsewhere = timeZone !== Intl.DateTimeFormat().resolvedOptions().timeZone
  const hours = windows.length > 0 ? sayWindows(windows, t) : ''
  const left = closes === undefined ? Number.POSITIVE_INFINITY : closes.at - now
  const said = [
    ...(until === null ? [] : [t('term.until', { time: sayTime(Date.parse(until), now) })]),
    ...(hours === '' ? [] : [isElsewhere ? t('term.hoursIn', { hours, zone: timeZone }) : hours]),
  ]
  if (closes && left < NEAR_MS)
    said.push(t(`term.${closes.by}`, { duration: sayDuration(Math.max(0, left) / 1000, t) }))
  if (said.length === 0) return null
  return (
    <Text size="xs" c={isLast ? 'var(--tone-battery)' : 'dimmed'} fw={isLast ? 600 : 400}>
      {said.join(' · ')}
    </Text>
  )
}

/** What ends first: the period, or the hours of this day. */
function useCloses({ until, windows, timeZone }: DeviceView): { at: number; by: 'ends' | 'closes' } | undefined {
  const schedule = useMemo(() => compileSchedule(windows, timeZone), [windows, timeZone])
  const now = useNow(60_000)
  const closes = schedule?.nextChange(now) ?? Number.POSITIVE_INFINITY
  const ends = until === null ? Number.POSITIVE_INFINITY : Date.parse(until)
  const at = Math.min(closes, ends)
  return Number.isFinite(at) ? { at, by: ends <= closes ? 'ends' : 'closes' } : undefined
}
