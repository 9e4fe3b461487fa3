// A group is made or changed: its name and its devices.
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { type GroupView, NewGroup } from '@ridethrough/protocol/http/guest.ts'
import { useTranslation } from 'react-i18next'
import { changeGroup, GROUP_KEYS, makeGroup } from '../data/group.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { DeviceTicks } from './device-ticks.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'

type Props = { readonly group: GroupView | undefined; readonly onClose: () => void }
type Values = { readonly name: string; readonly deviceIds: readonly string[] }

export function GroupDialog({ group, onClose }: Props) {
  const { t } = useTranslation()
  const form = useGroupForm({ group, onClose })
  return (
    <Modal
      opened
      onClose={onClose}
      title={group ? t('groups.changeTitle', { name: group.name }) : t('groups.make')}
      size="lg"
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={form.submit} noValidate>
        <Stack>
          <TextInput label={t('groups.name')} data-autofocus autoComplete="off" {...form.field('name')} />
          <DeviceTicks
            label={t('groups.devices')}
            chosen={form.values.deviceIds}
            fault={form.faults.deviceIds}
            onChange={(deviceIds) => form.set('deviceIds', deviceIds)}
          />
          {group && group.guests > 0 && <Alert kind="note">{t('groups.concerns', { count: group.guests })}</Alert>}
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app.cancel')}
            </Button>
            <Button type="submit" loading={form.isSending}>
              {t(group ? 'groups.saveSubmit' : 'groups.makeSubmit')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function useGroupForm({ group, onClose }: Props) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const initial: Values = { name: group?.name ?? '', deviceIds: group?.devices.map(({ id }) => id) ?? [] }
  return useForm({
    initial,
    schema: NewGroup,
    send: async (body) => {
      if (!group) {
        await makeGroup(body)
        return t('groups.made', { name: body.name })
      }
      const { access } = await changeGroup(group.id, body)
      return `${t('groups.saved', { name: body.name })} ${sayReport(access, t)}`
    },
    onDone: async (said) => {
      onClose()
      announce(said)
      await refresh(GROUP_KEYS)
    },
  })
}
