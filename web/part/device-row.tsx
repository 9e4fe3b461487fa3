// One device in a list. It listens to its own device only, so that a thousand others may change around it.
import { Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import { useLiveDevice } from '../data/live.ts'
import { paths } from '../paths.ts'
import styles from './device-row.module.css'
import { Age, ChargeBar, DeviceStatus, LoadBar, SilenceReason } from './device-status.tsx'
import { DeviceTerm } from './device-term.tsx'

export function DeviceList({ label, ids }: { readonly label: string; readonly ids: readonly string[] }) {
  return (
    <ul className={styles.list} aria-label={label}>
      {ids.map((id) => (
        <DeviceRow key={id} id={id} />
      ))}
    </ul>
  )
}

const DeviceRow = memo(function DeviceRow({ id }: { readonly id: string }) {
  const { t } = useTranslation()
  const device = useLiveDevice(id)
  if (!device) return null
  const { state } = device
  return (
    <li className={styles.row} data-silent={state.stale}>
      <div className={styles.who}>
        <Link to={paths.device} params={{ id }} className={styles.name}>
          {device.name}
        </Link>
        <Text size="xs" c="dimmed">
          {device.sharedBy ? t('overview.from', { model: device.model, name: device.sharedBy.name }) : device.model}
        </Text>
        <DeviceTerm device={device} />
      </div>
      <div className={styles.status}>
        <DeviceStatus state={state} />
      </div>
      <div className={styles.charge}>
        <ChargeBar state={state} />
      </div>
      <LoadBar state={state} />
      <div className={styles.age}>
        <Age state={state} />
      </div>
      {state.stale && (
        <div className={styles.reason}>
          <SilenceReason state={state} />
        </div>
      )}
    </li>
  )
})
