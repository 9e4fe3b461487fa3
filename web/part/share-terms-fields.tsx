// The terms of a share as fields: devices, rights, period, hours; new or changed, they are the same.
import { Paper } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { DeviceChoice, type Offered, zonesOf } from './share-fields.tsx'
import { PeriodFields } from './share-period.tsx'
import { RightsChoice } from './share-rights.tsx'
import type { PeriodValues, TermsValues, WindowValues } from './share-terms.ts'
import { WindowFields } from './share-windows.tsx'

type TermsFieldsProps = {
  readonly values: TermsValues
  readonly faults: Readonly<Record<string, string>>
  readonly offered: readonly Offered[]
  readonly onChange: (change: Partial<TermsValues>) => void
  /** Between the devices and the rights. */
  readonly children?: ReactNode
}

export function TermsFields({ values, faults, offered, onChange, children }: TermsFieldsProps) {
  const { t } = useTranslation()
  const zones = zonesOf(offered, values.deviceIds)
  return (
    <>
      <Paper withBorder p="md" bg="var(--surface)">
        <DeviceChoice
          devices={offered}
          chosen={values.deviceIds}
          fault={faults.deviceIds}
          onChange={(deviceIds) => onChange({ deviceIds })}
        />
      </Paper>
      {children}
      <Paper withBorder p="md" bg="var(--surface)">
        <RightsChoice
          values={values}
          fault={faults.privileges ?? faults.role ?? faults.roleId}
          onPreset={(preset) => onChange({ preset })}
          onPrivileges={(privileges) => onChange({ privileges })}
        />
      </Paper>
      <TimesFields values={values} faults={faults} zones={zones} off={t('period.off')} onChange={onChange} />
    </>
  )
}

type TimesFieldsProps = {
  readonly values: PeriodValues & WindowValues
  readonly faults: Readonly<Record<string, string>>
  readonly zones: readonly string[]
  readonly onChange: (change: PeriodValues | WindowValues) => void
  /** How long it lasts without a period. */
  readonly off: string
}

export function TimesFields({ values, faults, zones, onChange, off }: TimesFieldsProps) {
  return (
    <>
      <Paper withBorder p="md" bg="var(--surface)">
        <PeriodFields values={values} faults={faults} zones={zones} off={off} onChange={onChange} />
      </Paper>
      <Paper withBorder p="md" bg="var(--surface)">
        <WindowFields values={values} fault={faults.windows} zones={zones} onChange={onChange} />
      </Paper>
    </>
  )
}
