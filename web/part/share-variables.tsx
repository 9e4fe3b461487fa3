// Single readings of the chosen devices: those that the devices are known to have, and those chosen before.
import { Checkbox, SimpleGrid, Stack, Text } from '@mantine/core'
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { useTranslation } from 'react-i18next'
import { useLive, useOverview } from '../data/live.ts'
import { groupReadings } from '../data/reading.ts'
import { labelOf } from '../text/format.ts'

type VariableChoiceProps = {
  readonly deviceIds: readonly string[]
  readonly chosen: readonly string[]
  readonly fault: string | undefined
  readonly onChange: (chosen: string[]) => void
}

export function VariableChoice({ deviceIds, chosen, fault, onChange }: VariableChoiceProps) {
  const { t } = useTranslation()
  const groups = groupReadings(useKnown(deviceIds, chosen))
  if (groups.length === 0)
    return (
      <Text mt="sm" c="dimmed">
        {t('links.noReadings')}
      </Text>
    )
  return (
    <Checkbox.Group aria-label={t('links.onlyThese')} value={[...chosen]} error={fault} onChange={onChange}>
      <Stack gap="sm" mt="sm" mb={4}>
        {groups.map(({ group, readings }) => (
          <div key={group}>
            <Text fw={600} size="sm" mb={4}>
              {t(`reading.group.${group}`)}
            </Text>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
              {readings.map(({ name }) => (
                <Checkbox key={name} value={name} label={labelOf(name)} description={name} />
              ))}
            </SimpleGrid>
          </div>
        ))}
      </Stack>
    </Checkbox.Group>
  )
}

function useKnown(deviceIds: readonly string[], chosen: readonly string[]): StateView['variables'] {
  const { store } = useLive()
  useOverview()
  const known = deviceIds.map((id) => store.device(id)?.state.variables ?? {})
  return Object.assign({}, Object.fromEntries(chosen.map((name) => [name, ''])), ...known)
}
