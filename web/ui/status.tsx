// A state as icon, word and colour.
import {
  IconAlertOctagon,
  IconAlertTriangle,
  IconBattery2,
  IconCircleDashed,
  IconFlask,
  IconInfoCircle,
  IconPlug,
  IconPlugConnectedX,
} from '@tabler/icons-react'
import type { ComponentType } from 'react'
import styles from './status.module.css'

const ICONS = {
  normal: IconPlug,
  notice: IconInfoCircle,
  special: IconFlask,
  warning: IconAlertTriangle,
  battery: IconBattery2,
  critical: IconAlertOctagon,
  silent: IconPlugConnectedX,
  waiting: IconCircleDashed,
} satisfies Record<string, ComponentType<{ size?: number }>>

export type StatusTone = keyof typeof ICONS

export function Status({ tone, children }: { readonly tone: StatusTone; readonly children: string }) {
  const Icon = ICONS[tone]
  return (
    <span className={styles.badge} data-tone={tone}>
      <Icon size={17} stroke={2} aria-hidden />
      <span>{children}</span>
    </span>
  )
}
