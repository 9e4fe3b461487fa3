// From when until when: off, it lasts until it is revoked; on, start and end each by day and time of a named zone (R15).
import { NativeSelect, SimpleGrid, Stack, Switch, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { listZones, viewerZone } from '../data/zone.ts'
import { FIELD_IDS } from './share-fields.tsx'
import { boundsOf, type PeriodValues, periodOf } from './share-terms.ts'

type PeriodFieldsProps = {
  readonly values: PeriodValues
  readonly faults: Readonly<Record<string, string>>
  /** Zones of the chosen devices: offered first. */
  readonly zones: readonly string[]
  readonly off: string
  readonly onChange: (values: PeriodValues) => void
}

export function PeriodFields({ values, faults, zones, off, onChange }: PeriodFieldsProps) {
  const { t } = useTranslation()
  const { hasPeriod, fromDate, untilDate, zone } = values
  const field = (name: 'fromDate' | 'fromTime' | 'untilDate' | 'untilTime') => ({
    value: values[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      onChange({ ...values, [name]: event.currentTarget.value }),
  })
  // The moments stay the same; another zone only names them anew.
  const rename = (next: string) => {
    const { from, until } = boundsOf(values)
    const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString())
    onChange({ ...periodOf({ from: iso(from), until: iso(until) }, next), hasPeriod })
  }
  const nothing = fromDate === '' && untilDate === '' ? t('period.needed') : undefined
  return (
    <Stack gap="sm">
      <Switch
        id={FIELD_IDS.from}
        label={t('period.toggle')}
        description={hasPeriod ? t('period.on') : off}
        checked={hasPeriod}
        onChange={(event) => onChange({ ...values, hasPeriod: event.currentTarget.checked })}
      />
      {hasPeriod && (
        <>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
            <SimpleGrid cols={2} spacing="xs">
              <TextInput type="date" label={t('period.fromDate')} error={faults.from} {...field('fromDate')} />
              <TextInput type="time" label={t('period.fromTime')} {...field('fromTime')} />
            </SimpleGrid>
            <SimpleGrid cols={2} spacing="xs">
              <TextInput
                id={FIELD_IDS.until}
                type="date"
                label={t('period.untilDate')}
                error={faults.until && (nothing ?? faults.until)}
                {...field('untilDate')}
              />
              <TextInput type="time" label={t('period.untilTime')} {...field('untilTime')} />
            </SimpleGrid>
          </SimpleGrid>
          <NativeSelect
            label={t('period.zone')}
            description={t('period.zoneHint')}
            maw={340}
            value={zone}
            data={listZones([viewerZone(), ...zones])}
            onChange={(event) => rename(event.currentTarget.value)}
          />
        </>
      )}
    </Stack>
  )
}
