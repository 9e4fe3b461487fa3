// Deleting a role. One in use asks for the role that takes its place, and says whom it concerns (R33).
import { Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { deleteRole, ROLE_KEYS } from '../data/role.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { ConfirmChange, useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'
import { type Role, sayUsers } from './role-users.ts'

type Props = { readonly role: Role; readonly roles: readonly Role[]; readonly onClose: () => void }

export function RoleDeletionDialog({ role, roles, onClose }: Props) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const who = sayUsers(role, t)
  if (who !== undefined) return <Replace role={role} roles={roles} who={who} onClose={onClose} />
  return (
    <ConfirmChange
      title={t('roles.deleteTitle', role)}
      what={t('roles.deleteWhat')}
      submit={t('roles.delete')}
      run={() => deleteRole(role.id, undefined)}
      refresh={ROLE_KEYS}
      onDone={() => {
        onClose()
        announce(t('roles.deleted', role))
      }}
      onCancel={onClose}
    />
  )
}

function Replace({ role, roles, who, onClose }: Props & { readonly who: string }) {
  const { t } = useTranslation()
  const [chosen, setChosen] = useState('')
  const [isMissing, setMissing] = useState(false)
  const others = roles.filter(({ id }) => id !== role.id)
  const replacing = useReplacement(role, others.find(({ id }) => id === chosen)?.name ?? '', chosen, onClose)
  function submit(event: FormEvent): void {
    event.preventDefault()
    if (chosen === '') setMissing(true)
    else replacing.mutate()
  }
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('roles.deleteTitle', role)}
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text>{t('roles.deleteUsed', { who })}</Text>
          {others.length === 0 ? (
            <Alert kind="warning">{t('roles.noReplacement')}</Alert>
          ) : (
            <NativeSelect
              label={t('roles.replacement')}
              data-autofocus
              value={chosen}
              error={isMissing ? t('roles.needReplacement') : undefined}
              data={[
                { value: '', label: t('roles.chooseReplacement') },
                ...others.map(({ id, name }) => ({ value: id, label: name })),
              ]}
              onChange={(event) => {
                setChosen(event.currentTarget.value)
                setMissing(false)
              }}
            />
          )}
          {replacing.error && <Alert kind="fault">{sayFault(replacing.error, t)}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app.cancel')}
            </Button>
            {others.length > 0 && (
              <Button type="submit" className="dangerous" loading={replacing.isPending}>
                {t('roles.replaceSubmit')}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function useReplacement(role: Role, replacement: string, id: string, onClose: () => void) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  return useChange(
    () => deleteRole(role.id, id),
    ROLE_KEYS,
    ({ access }) => {
      onClose()
      announce(`${t('roles.replaced', { name: role.name, replacement })} ${sayReport(access, t)}`)
    },
  )
}
