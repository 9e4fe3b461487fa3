// What went wrong or what was done, said where it happened.
import { Alert as MantineAlert } from '@mantine/core'
import { IconAlertOctagon, IconAlertTriangle, IconCheck, IconInfoCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import styles from './alert.module.css'

const KINDS = {
  fault: { icon: IconAlertOctagon, role: 'alert' },
  warning: { icon: IconAlertTriangle, role: undefined },
  note: { icon: IconInfoCircle, role: undefined },
  done: { icon: IconCheck, role: undefined },
} as const

type AlertProps = {
  readonly kind: keyof typeof KINDS
  readonly title?: string
  readonly children: ReactNode
  readonly closeLabel?: string
  readonly onClose?: () => void
}

export function Alert({ kind, title, children, closeLabel, onClose }: AlertProps) {
  const { icon: Icon, role } = KINDS[kind]
  return (
    <MantineAlert
      // Mantine says role=alert for all; only faults may interrupt.
      role={role ?? 'group'}
      title={title}
      icon={<Icon aria-hidden />}
      classNames={{ root: styles.root, icon: styles.icon, title: styles.title, message: styles.message }}
      data-kind={kind}
      withCloseButton={onClose !== undefined}
      closeButtonLabel={closeLabel}
      onClose={onClose}
    >
      {children}
    </MantineAlert>
  )
}
