// What may be done: a role that exists, a role of the company, or each right by itself (R20).
import { Checkbox, Radio, Stack, Text } from '@mantine/core'
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
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { type OfferedRole, offeredRolesQuery } from '../data/share.ts'
import { capital, sayList } from '../text/format.ts'
import { FIELD_IDS } from './share-fields.tsx'
import styles from './share-rights.module.css'
import type { Preset, RightsValues } from './share-terms.ts'

type RightsChoiceProps = {
  readonly values: RightsValues
  readonly fault: string | undefined
  readonly onPreset: (preset: Preset) => void
  readonly onPrivileges: (privileges: Privilege[]) => void
}

export function RightsChoice({ values, fault, onPreset, onPrivileges }: RightsChoiceProps) {
  const { t } = useTranslation()
  const { preset, privileges } = values
  const roles = useQuery(offeredRolesQuery).data ?? []
  const presets: readonly Preset[] = [...SHARE_ROLES, ...roles.map(({ id }) => `role:${id}` as const), 'custom']
  function choose(value: string): void {
    const next = presets.find((each) => each === value) ?? 'viewer'
    // Custom begins with what was chosen before, to be ticked up or down.
    if (next === 'custom' && preset !== 'custom') onPrivileges([...privilegesIn(values, roles)])
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
          {SHARE_ROLES.map((each) => (
            <Radio key={each} value={each} label={t(`role.${each}`)} description={t(`roleWhat.${each}`)} />
          ))}
          {roles.map(({ id, name, privileges: given }) => (
            <Radio
              key={id}
              value={`role:${id}`}
              label={name}
              description={t('roleWhat.company', {
                rights: sayList(given.filter(isShareable).map((each) => PRIVILEGE_TEXT[each])),
              })}
            />
          ))}
          <Radio value="custom" label={t('role.custom')} description={t('roleWhat.custom')} />
        </Stack>
      </Radio.Group>
      {preset === 'custom' && <RightsTable privileges={privileges} fault={fault} onChange={onPrivileges} />}
    </Stack>
  )
}

type TableProps = {
  readonly privileges: readonly Privilege[]
  readonly fault: string | undefined
  readonly onChange: (privileges: Privilege[]) => void
}

function RightsTable({ privileges, fault, onChange }: TableProps) {
  const { t } = useTranslation()
  const toggle = (privilege: Privilege, isOn: boolean) =>
    onChange(PRIVILEGES.filter((each) => (each === privilege ? isOn : privileges.includes(each))))
  return (
    <>
      <table className={styles.table} aria-label={t('newShare.privileges')}>
        <thead>
          <tr>
            <th scope="col">{t('rights.right')}</th>
            <th scope="col">{t('rights.owner')}</th>
            <th scope="col">{t('rights.recipient')}</th>
          </tr>
        </thead>
        <tbody>
          {PRIVILEGES.map((privilege) => (
            <tr key={privilege}>
              <th scope="row">{capital(PRIVILEGE_TEXT[privilege])}</th>
              <td>{t('rights.yes')}</td>
              <td>
                {isShareable(privilege) ? (
                  <Checkbox
                    aria-label={t('rights.may', { what: PRIVILEGE_TEXT[privilege] })}
                    checked={privileges.includes(privilege)}
                    onChange={(event) => toggle(privilege, event.currentTarget.checked)}
                  />
                ) : (
                  t('rights.never')
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {fault && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {fault}
        </Text>
      )}
    </>
  )
}

/** What the chosen preset gives now. */
export function privilegesIn(values: RightsValues, roles: readonly OfferedRole[]): readonly Privilege[] {
  const { preset, privileges } = values
  if (preset === 'custom') return privileges
  const builtIn = SHARE_ROLES.find((each) => each === preset)
  if (builtIn) return privilegesOf(BUILT_IN_ROLES[builtIn])
  // Until the list of roles is there, what the share had.
  return (roles.find(({ id }) => preset === `role:${id}`)?.privileges ?? privileges).filter(isShareable)
}

function isShareable(privilege: Privilege): boolean {
  return (SHAREABLE & bitOf(privilege)) !== 0
}
