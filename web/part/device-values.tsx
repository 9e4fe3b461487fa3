// Every reading of a device, grouped; NUT's own names for those who know them.
import { Group, Paper, Switch, Text, Title } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import { groupReadings, type Value } from '../data/reading.ts'
import { labelOf, sayReading } from '../text/format.ts'
import styles from './device-values.module.css'

export function DeviceValues({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const [isNamed, setNamed] = useLocalStorage({ key: 'ridethrough.nut-names', defaultValue: false })
  const groups = groupReadings(state.variables)
  if (groups.length === 0) return null
  return (
    <section aria-label={t('device.values')}>
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t('device.values')}</Title>
        <Switch
          label={t('device.details')}
          checked={isNamed}
          onChange={(event) => setNamed(event.currentTarget.checked)}
        />
      </Group>
      <div className={styles.groups}>
        {groups.map(({ group, readings }) => {
          const title = t(`reading.group.${group}`)
          return (
            <Paper key={group} withBorder p="sm" bg="var(--surface)" className={styles.group}>
              <table className={styles.table} aria-label={title} data-old={state.stale}>
                <caption>
                  <Title order={3}>{title}</Title>
                </caption>
                <tbody>
                  {readings.map(({ name, value }) => (
                    <ReadingRow key={name} name={name} value={value} isNamed={isNamed} />
                  ))}
                </tbody>
              </table>
            </Paper>
          )
        })}
      </div>
    </section>
  )
}

type RowProps = { readonly name: string; readonly value: Value; readonly isNamed: boolean }

// Most readings stay as they are from one sample to the next.
const ReadingRow = memo(function ReadingRow({ name, value, isNamed }: RowProps) {
  const { t } = useTranslation()
  const { number, unit } = sayReading(name, value, t)
  const label = labelOf(name)
  return (
    <tr>
      <th scope="row" title={name}>
        {label}
        {isNamed && label !== name && (
          <Text component="code" size="xs" c="dimmed" ff="monospace" display="block">
            {name}
          </Text>
        )}
      </th>
      <td>
        {number} <span className={styles.unit}>{unit}</span>
      </td>
    </tr>
  )
})
