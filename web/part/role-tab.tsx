// Roles that the company made: what they give, who has them; made, changed, and replaced before they go (R33).
import { Group, Stack } from '@mantine/core'
import { BUILT_IN_ROLES, privilegesOf, SHARE_ROLES } from '@ridethrough/protocol/privilege.ts'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { rolesQuery } from '../data/role.ts'
import { Loading } from '../page/nothing.tsx'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Section } from '../ui/section.tsx'
import { PrivilegeSummary } from './role-choice.tsx'
import { RoleDeletionDialog } from './role-deletion.tsx'
import { RoleDialog } from './role-dialog.tsx'
import { type Role, sayUsers } from './role-users.ts'
import styles from './team-table.module.css'

type Asked = { readonly what: 'make' } | { readonly what: 'change' | 'delete'; readonly role: Role }

/** Which roles there are is the owners' business; the built-in ones everybody knows. */
export function RoleTab({ hindrance }: { readonly hindrance: string | undefined }) {
  return (
    <Stack gap="lg">
      {hindrance === undefined ? <Own /> : <Alert kind="note">{hindrance}</Alert>}
      <BuiltIn />
    </Stack>
  )
}

function Own() {
  const { t } = useTranslation()
  const { data: roles, error } = useQuery(rolesQuery)
  const [asked, setAsked] = useState<Asked>()
  const close = () => setAsked(undefined)
  const make = (
    <Action icon={<IconPlus size={16} aria-hidden />} onPress={() => setAsked({ what: 'make' })}>
      {t('roles.make')}
    </Action>
  )
  return (
    <>
      <Section title={t('roles.title')} lead={t('roles.lead')} actions={roles?.length ? make : undefined}>
        {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
        {roles === undefined ? (
          !error && <Loading />
        ) : roles.length === 0 ? (
          <Empty level={3} title={t('roles.none')} action={make}>
            {t('roles.noneHow')}
          </Empty>
        ) : (
          <RoleTable roles={roles} onAsk={setAsked} />
        )}
      </Section>
      {asked?.what === 'delete' ? (
        <RoleDeletionDialog role={asked.role} roles={roles ?? []} onClose={close} />
      ) : (
        asked && <RoleDialog role={asked.what === 'change' ? asked.role : undefined} onClose={close} />
      )}
    </>
  )
}

type TableProps = {
  readonly roles: readonly Role[]
  readonly onAsk: (asked: Asked) => void
}

function RoleTable({ roles, onAsk }: TableProps) {
  const { t } = useTranslation()
  return (
    <table className={styles.table} aria-label={t('roles.list')}>
      <thead>
        <tr>
          <th scope="col">{t('roles.name')}</th>
          <th scope="col">{t('roles.privileges')}</th>
          <th scope="col">{t('roles.inUse')}</th>
          <th scope="col">{t('roles.actions')}</th>
        </tr>
      </thead>
      <tbody>
        {roles.map((role) => (
          <tr key={role.id}>
            <th scope="row" className={styles.wide}>
              {role.name}
            </th>
            <td data-label={t('roles.privileges')} className={styles.wide}>
              <PrivilegeSummary privileges={role.privileges} />
            </td>
            <td data-label={t('roles.inUse')} className={`${styles.wide} ${styles.short}`}>
              {sayUsers(role, t) ?? t('roles.unused')}
            </td>
            <td className={styles.wide}>
              <Group gap="xs" className={styles.actions}>
                {(['change', 'delete'] as const).map((what) => (
                  <Action
                    key={what}
                    variant="default"
                    size="sm"
                    label={t(`roles.${what}Label`, role)}
                    onPress={() => onAsk({ what, role })}
                  >
                    {t(`roles.${what}`)}
                  </Action>
                ))}
              </Group>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function BuiltIn() {
  const { t } = useTranslation()
  return (
    <Section title={t('roles.builtIn')} lead={t('roles.builtInLead')}>
      <table className={styles.table} aria-label={t('roles.builtIn')}>
        <thead>
          <tr>
            <th scope="col">{t('roles.name')}</th>
            <th scope="col">{t('roles.privileges')}</th>
          </tr>
        </thead>
        <tbody>
          {SHARE_ROLES.map((role) => (
            <tr key={role}>
              <th scope="row" className={styles.wide}>
                {t(`role.${role}`)}
              </th>
              <td className={styles.wide}>
                <PrivilegeSummary privileges={privilegesOf(BUILT_IN_ROLES[role])} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  )
}
