// How many devices are how, the worst first.
import { Group } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Tone } from '../data/condition.ts'
import type { Tones } from '../data/live-store.ts'
import { Status } from '../ui/status.tsx'

const SHOWN: readonly Tone[] = ['critical', 'battery', 'silent', 'warning', 'special', 'waiting', 'notice', 'normal']

type Props = { readonly tones: Tones; readonly label: string }

export function ToneCounts({ tones, label }: Props) {
  const { t } = useTranslation()
  const shown = SHOWN.filter((tone) => tones[tone] !== undefined)
  if (shown.length === 0) return null
  return (
    <Group gap="xs" role="group" aria-label={label}>
      {shown.map((tone) => (
        <Status key={tone} tone={tone}>
          {t(`tone.${tone}`, { count: tones[tone] ?? 0 })}
        </Status>
      ))}
    </Group>
  )
}
