// The numbers that matter besides charge and load, as far as they are known.
import { SimpleGrid } from '@mantine/core'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { useTranslation } from 'react-i18next'
import { HEADLINE, numberOf } from '../data/reading.ts'
import { sayReading } from '../text/format.ts'
import { Measure } from '../ui/measure.tsx'

const MEASURES = [
  ['input', HEADLINE.inputVoltage],
  ['output', HEADLINE.outputVoltage],
  ['power', HEADLINE.power],
  ['temperature', HEADLINE.temperature],
] as const

export function Measures({ state }: { readonly state: StateView }) {
  const { t } = useTranslation()
  const shown = MEASURES.flatMap(([label, variable]) => {
    const value = numberOf(state, variable)
    return value === undefined ? [] : [{ label: t(`reading.${label}`), ...sayReading(variable, value, t) }]
  })
  if (shown.length === 0) return null
  return (
    <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="lg" mt="md">
      {shown.map((each) => (
        <Measure key={each.label} {...each} isOld={state.stale} />
      ))}
    </SimpleGrid>
  )
}
