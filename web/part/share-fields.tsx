// Fields of a share: which devices, and what may be done with them.
import { Checkbox, Radio, SimpleGrid, Stack } from '@mantine/core'
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import {
  BUILT_IN_ROLES,
  bitOf,
  PRIVILEGE_TEXT,
  PRIVILEGES,
  type Privilege,
  privilegesOf,
  SHARE_ROLES,
  SHAREABLE,
} from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import type { Hindrance } from '../data/may.ts'
import { capital } from '../text/format.ts'
import type { Preset } from '../text/sentence.ts'

/** Where the parts of the sentence lead. */
export const FIELD_IDS = {
  devices: 'share-devices',
  email: 'share-email',
  role: 'share-role',
  from: 'share-from',
  until: 'share-until',
} as const

type DeviceChoiceProps = {
  readonly devices: readonly { readonly device: DeviceView; readonly hindrance: Hindrance | undefined }[]
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
        {devices.map(({ device, hindrance }) => (
          <Checkbox
            key={device.id}
            value={device.id}
            label={device.name}
            description={hindrance ? t(`hindrance.${hindrance}`) : device.model}
            disabled={hindrance !== undefined}
          />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  )
}

const PRESETS: readonly Preset[] = [...SHARE_ROLES, 'custom']
const OFFERED = PRIVILEGES.filter((privilege) => (SHAREABLE & bitOf(privilege)) !== 0)

type RightsChoiceProps = {
  readonly preset: Preset
  readonly privileges: readonly Privilege[]
  readonly fault: string | undefined
  readonly onPreset: (preset: Preset) => void
  readonly onPrivileges: (privileges: Privilege[]) => void
}

export function RightsChoice({ preset, privileges, fault, onPreset, onPrivileges }: RightsChoiceProps) {
  const { t } = useTranslation()
  function choose(value: string): void {
    const next = PRESETS.find((each) => each === value) ?? 'viewer'
    // Custom begins with what was chosen before, to be ticked up or down.
    if (next === 'custom' && preset !== 'custom') onPrivileges(privilegesOf(BUILT_IN_ROLES[preset]))
    onPreset(next)
  }
  return (
    <Stack gap="sm">
      <Radio.Group
        id={FIELD_IDS.role}
        label={t('newShare.role')}
        value={preset}
        onChange={choose}
        error={preset === 'custom' ? undefined : fault}
      >
        <Stack gap="xs" mt="sm">
          {PRESETS.map((each) => (
            <Radio key={each} value={each} label={t(`role.${each}`)} description={t(`roleWhat.${each}`)} />
          ))}
        </Stack>
      </Radio.Group>
      {preset === 'custom' && (
        <Checkbox.Group
          label={t('newShare.privileges')}
          value={[...privileges]}
          error={fault}
          onChange={(ticked) => onPrivileges(OFFERED.filter((privilege) => ticked.includes(privilege)))}
        >
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="xs">
            {OFFERED.map((privilege) => (
              <Checkbox key={privilege} value={privilege} label={capital(PRIVILEGE_TEXT[privilege])} />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
      )}
    </Stack>
  )
}
