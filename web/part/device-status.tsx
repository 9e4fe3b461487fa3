// How a device is, in one badge and, where it is silent, the reason in words.
import { Text } from '@mantine/core'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { conditionOf } from '../data/condition.ts'
import { useNow } from '../data/now.ts'
import { HEADLINE, numberOf } from '../data/reading.ts'
import { sayAge, sayDuration, sayTime, sayWords } from '../text/format.ts'
import { Bar } from '../ui/bar.tsx'
import { Status } from '../ui/status.tsx'

export function DeviceStatus({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const { tone, words } = conditionOf(state)
  if (tone === 'silent') return <Status tone="silent">{t('status.silent')}</Status>
  if (tone === 'waiting') return <Status tone="waiting">{t('status.waiting')}</Status>
  return <Status tone={tone}>{sayWords(words)}</Status>
}

/** Why nothing newer is known, since when, and what was last known. Nothing while all is well. */
export function SilenceReason({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { tone, words } = conditionOf(state)
  if (tone !== 'silent') return null
  const since = state.silence?.since ?? state.at
  const reason = reasonOf(state, t)
  return (
    <Text size="sm" c="dimmed">
      {since === null ? reason : t('silence.since', { reason, time: sayTime(Date.parse(since), now) })}.
      {words.length > 0 && ` ${t('status.lastKnown', { words: sayWords(words) })}.`}
    </Text>
  )
}

function reasonOf(state: StateView, t: TFunction): string {
  if (state.problem === 'nonsense') return t('silence.nonsense')
  return t(`silence.${state.silence?.reason ?? (state.problem ? 'device-not-answering' : 'unknown')}`)
}

/** The age of what is shown, once it is not fresh any more. */
export function Age({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const now = useNow()
  if (state.at === null) return null
  const at = Date.parse(state.at)
  const age = sayAge(at, now, t)
  if (age === undefined) return null
  return (
    <Text size="xs" c="dimmed" component="time" dateTime={state.at} title={new Date(at).toLocaleString('en-GB')}>
      {age}
    </Text>
  )
}

export function ChargeBar({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const charge = numberOf(state, HEADLINE.charge)
  const runtime = numberOf(state, HEADLINE.runtime)
  const { tone } = conditionOf(state)
  const words = [
    ...(charge === undefined ? [] : [`${Math.round(charge)} %`]),
    ...(runtime === undefined ? [] : [t('unit.left', { duration: sayDuration(runtime, t) })]),
  ]
  return (
    <Bar
      label={t('reading.charge')}
      percent={charge}
      text={words.join(' · ') || t('unit.unknown')}
      tone={tone === 'battery' || tone === 'critical' ? tone : 'normal'}
      isOld={state.stale}
    />
  )
}

/** A load that leaves no reserve is worth a colour: 80 % is what makers call full. */
const HIGH_LOAD = 80

export function LoadBar({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const load = numberOf(state, HEADLINE.load)
  return (
    <Bar
      label={t('reading.load')}
      percent={load}
      text={load === undefined ? t('unit.unknown') : `${Math.round(load)} %`}
      tone={load === undefined || load < HIGH_LOAD ? 'normal' : load <= 100 ? 'battery' : 'critical'}
      isOld={state.stale}
    />
  )
}
