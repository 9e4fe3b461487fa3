// Which devices: those that are one's own to share, and those that are in it already.
import { Checkbox, SimpleGrid } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useLive, useOverview } from '../data/live.ts'
import { type Hindrance, hindranceTo } from '../data/may.ts'

/** Where the parts of the sentence lead. */
export const FIELD_IDS = {
  devices: 'share-devices',
  email: 'share-email',
  role: 'share-role',
  windows: 'share-windows',
  from: 'share-from',
  until: 'share-until',
} as const

export type Offered = {
  readonly id: string
  readonly name: string
  readonly model: string
  readonly timeZone: string
  readonly hindrance: Hindrance | undefined
}

/** One's own devices, and those already chosen that are not among them (any more). */
export function useOffered(already: readonly Omit<Offered, 'hindrance'>[] = []): readonly Offered[] {
  const { store } = useLive()
  const { ids } = useOverview()
  const mine = ids.mine.flatMap((id) => {
    const device = store.device(id)
    if (!device) return []
    const { name, model, timeZone } = device
    return [{ id, name, model, timeZone, hindrance: hindranceTo('share', device) }]
  })
  return [...mine, ...already.flatMap((one) => (ids.mine.includes(one.id) ? [] : [{ ...one, hindrance: undefined }]))]
}

/** The zones of the chosen ones, each once. */
export function zonesOf(offered: readonly Offered[], chosen: readonly string[]): string[] {
  return [...new Set(offered.filter(({ id }) => chosen.includes(id)).map(({ timeZone }) => timeZone))]
}

type DeviceChoiceProps = {
  readonly devices: readonly Offered[]
  readonly chosen: readonly string[]
  readonly fault: string | undefined
  readonly onChange: (chosen: string[]) => void
}

export function DeviceChoice({ devices, chosen, fault, onChange }: DeviceChoiceProps) {
  const { t } = useTranslation()
  return (
    <Checkbox.Group
      id={FIELD_IDS.devices}
      label={t('newShare.devices')}
      description={t('newShare.devicesHint')}
      value={[...chosen]}
      error={fault}
      onChange={onChange}
    >
      <SimpleGrid cols={{ base: 1, xs: 2 }} mt="sm" mb={4} spacing="sm">
        {devices.map(({ id, name, model, hindrance }) => (
          <Checkbox
            key={id}
            value={id}
            label={name}
            description={hindrance ? t(`hindrance.${hindrance}`) : model}
            disabled={hindrance !== undefined && !chosen.includes(id)}
          />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  )
}
