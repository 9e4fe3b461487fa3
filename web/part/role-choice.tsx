// What somebody is given in little room: a role, with what it lets them do in words, or privileges ticked one by one (R30).
import { Checkbox, NativeSelect, SimpleGrid, Stack, Text } from '@mantine/core'
import {
  bitOf,
  PRIVILEGE_TEXT,
  PRIVILEGES,
  type Privilege,
  SHARE_ROLES,
  SHAREABLE,
} from '@ridethrough/protocol/privilege.ts'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { rolesQuery } from '../data/role.ts'
import { capital, sayList } from '../text/format.ts'
import { privilegesIn } from './share-rights.tsx'
import type { Preset, RightsValues } from './share-terms.ts'

type Props = {
  readonly label: string
  readonly rights: RightsValues
  readonly fault?: string | undefined
  readonly onChange: (rights: RightsValues) => void
}

export function RoleChoice({ label, rights, fault, onChange }: Props) {
  const { t } = useTranslation()
  const roles = useQuery(rolesQuery).data ?? []
  const privileges = privilegesIn(rights, roles)
  const own = roles.map(({ id, name }) => ({ value: `role:${id}` as const, label: name }))
  const presets: readonly Preset[] = [...SHARE_ROLES, ...own.map(({ value }) => value), 'custom']
  return (
    <Stack gap="xs">
      <NativeSelect
        label={label}
        value={rights.preset}
        error={rights.preset === 'custom' ? undefined : fault}
        description={rights.preset === 'custom' ? undefined : sayRights(privileges, t)}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        data={[
          { group: t('given.builtIn'), items: SHARE_ROLES.map((value) => ({ value, label: t(`role.${value}`) })) },
          ...(own.length > 0 ? [{ group: t('given.company'), items: own }] : []),
          { group: t('given.other'), items: [{ value: 'custom', label: t('given.custom') }] },
        ]}
        onChange={(event) => {
          const preset = presets.find((each) => each === event.currentTarget.value) ?? 'viewer'
          // Ticking begins with what was chosen before, to be ticked up or down.
          onChange({ preset, privileges })
        }}
      />
      {rights.preset === 'custom' && (
        <PrivilegeTicks
          label={t('given.privileges')}
          privileges={rights.privileges}
          fault={fault}
          onChange={(ticked) => onChange({ preset: 'custom', privileges: ticked })}
        />
      )}
    </Stack>
  )
}

function sayRights(privileges: readonly Privilege[], t: TFunction): string {
  return t('given.may', { privileges: sayList(privileges.map((privilege) => PRIVILEGE_TEXT[privilege])) })
}

/** What may be given to somebody else at all (R19). */
const OFFERED = PRIVILEGES.filter((privilege) => (SHAREABLE & bitOf(privilege)) !== 0)

type TicksProps = {
  readonly label: string
  readonly privileges: readonly Privilege[]
  readonly fault?: string | undefined
  readonly onChange: (privileges: Privilege[]) => void
}

export function PrivilegeTicks({ label, privileges, fault, onChange }: TicksProps) {
  return (
    <Checkbox.Group
      label={label}
      value={[...privileges]}
      error={fault}
      onChange={(ticked) => onChange(OFFERED.filter((privilege) => ticked.includes(privilege)))}
    >
      <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" mb={4} spacing="xs">
        {OFFERED.map((privilege) => (
          <Checkbox key={privilege} value={privilege} label={capital(PRIVILEGE_TEXT[privilege])} />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  )
}

/** A set of privileges as one line of words. */
export function PrivilegeSummary({ privileges }: { readonly privileges: readonly Privilege[] }) {
  return <Text size="sm">{capital(sayList(privileges.map((privilege) => PRIVILEGE_TEXT[privilege])))}</Text>
}
