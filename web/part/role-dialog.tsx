// A role is made or changed: its name and what it gives. Who has it follows at once, and the form says how many.
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { NewRole } from '@ridethrough/protocol/http/guest.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import { changeRole, makeRole, ROLE_KEYS } from '../data/role.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'
import { PrivilegeTicks } from './role-choice.tsx'
import { type Role, sayUsers } from './role-users.ts'

type Props = { readonly role: Role | undefined; readonly onClose: () => void }
type Values = { readonly name: string; readonly privileges: readonly Privilege[] }

export function RoleDialog({ role, onClose }: Props) {
  const { t } = useTranslation()
  const form = useRoleForm({ role, onClose })
  const who = role && sayUsers(role, t)
  return (
    <Modal
      opened
      onClose={onClose}
      title={role ? t('roles.changeTitle', role) : t('roles.make')}
      size="lg"
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={form.submit} noValidate>
        <Stack>
          <TextInput label={t('roles.name')} data-autofocus autoComplete="off" {...form.field('name')} />
          <PrivilegeTicks
            label={t('roles.privileges')}
            privileges={form.values.privileges}
            fault={form.faults.privileges}
            onChange={(privileges) => form.set('privileges', privileges)}
          />
          {who !== undefined && <Alert kind="note">{t('roles.concerns', { who })}</Alert>}
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app.cancel')}
            </Button>
            <Button type="submit" loading={form.isSending}>
              {t(role ? 'roles.saveSubmit' : 'roles.makeSubmit')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function useRoleForm({ role, onClose }: Props) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const initial: Values = { name: role?.name ?? '', privileges: role?.privileges ?? ['monitor'] }
  return useForm({
    initial,
    schema: NewRole,
    send: async (body) => {
      if (!role) {
        await makeRole(body)
        return t('roles.made', body)
      }
      const { access } = await changeRole(role.id, body)
      return `${t('roles.saved', body)} ${sayReport(access, t)}`
    },
    onDone: async (said) => {
      onClose()
      announce(said)
      await refresh(ROLE_KEYS)
    },
  })
}
