// Devices of the company to tick, found by typing when there are many.
import { Checkbox, Group, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLive, useOverview } from '../data/live.ts'

type Props = {
  readonly label: string
  readonly hint?: string
  readonly chosen: readonly string[]
  readonly fault?: string | undefined
  readonly onChange: (chosen: string[]) => void
}

/** Fewer are seen at a glance. */
const MANY = 12

export function DeviceTicks({ label, hint, chosen, fault, onChange }: Props) {
  const { t } = useTranslation()
  const { store } = useLive()
  const { ids } = useOverview()
  const [search, setSearch] = useState('')
  const devices = ids.mine.flatMap((id) => store.device(id) ?? [])
  const sought = search.trim().toLowerCase()
  const shown = devices.filter(({ name, model }) => `${name} ${model}`.toLowerCase().includes(sought))
  const isShown = new Set(shown.map(({ id }) => id))
  return (
    <Stack gap="xs">
      {devices.length > MANY && (
        <TextInput
          type="search"
          label={t('host.search')}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <Checkbox.Group
        label={label}
        description={hint}
        value={[...chosen]}
        error={fault}
        onChange={(ticked) =>
          onChange([...chosen.filter((id) => !isShown.has(id)), ...ticked.filter((id) => isShown.has(id))])
        }
      >
        {devices.length === 0 ? (
          <Text size="sm">{t('guest.noDevices')}</Text>
        ) : (
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="sm" mb={4} spacing="xs">
            {shown.map(({ id, name, model }) => (
              <Checkbox key={id} value={id} label={name} description={model} />
            ))}
          </SimpleGrid>
        )}
      </Checkbox.Group>
      {devices.length > MANY && (
        <Group>
          <Text size="sm" c="dimmed">
            {t('guest.ticked', { count: chosen.length })}
          </Text>
        </Group>
      )}
    </Stack>
  )
}
