// What can be done with a device as a whole: share, rename, delete. What may not be done says why.
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { DeviceChange, type DeviceView } from '@ridethrough/protocol/http/device.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { IconPencil, IconShare, IconTrash } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeDevice, deleteDevice } from '../data/device.ts'
import { sayFault } from '../data/fault.ts'
import { useLive } from '../data/live.ts'
import { hindranceTo } from '../data/may.ts'
import { paths } from '../paths.ts'
import { sayReport } from '../text/sentence.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'

type Props = { readonly device: DeviceView }

export function DeviceActions({ device }: Props) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [open, setOpen] = useState<'rename' | 'delete'>()
  const close = () => setOpen(undefined)
  const hindrance = (privilege: Privilege) => {
    const reason = hindranceTo(privilege, device)
    return reason && t(`hindrance.${reason}`)
  }
  return (
    <>
      <Action
        icon={<IconShare size={16} aria-hidden />}
        hindrance={hindrance('share')}
        onPress={() => void navigate({ to: paths.newShare, search: { device: device.id } })}
      >
        {t('device.share')}
      </Action>
      <Action
        variant="default"
        icon={<IconPencil size={16} aria-hidden />}
        hindrance={hindrance('register')}
        onPress={() => setOpen('rename')}
      >
        {t('device.rename')}
      </Action>
      <Action
        variant="default"
        icon={<IconTrash size={16} aria-hidden />}
        hindrance={hindrance('register')}
        onPress={() => setOpen('delete')}
      >
        {t('device.delete')}
      </Action>
      {open === 'rename' && <Rename device={device} onClose={close} />}
      {open === 'delete' && <Delete device={device} onClose={close} />}
    </>
  )
}

type DialogProps = Props & { readonly onClose: () => void }

function Rename({ device, onClose }: DialogProps) {
  const { t } = useTranslation()
  const { store } = useLive()
  const announce = useAnnounce()
  const form = useForm({
    initial: { name: device.name },
    schema: DeviceChange,
    send: (change) => changeDevice(device.id, change),
    onDone: (changed) => {
      store.put(changed)
      onClose()
      announce(t('device.renamed', { name: changed.name }))
    },
  })
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('device.renameTitle', { name: device.name })}
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={form.submit} noValidate>
        <Stack>
          <TextInput label={t('device.newName')} data-autofocus autoComplete="off" {...form.field('name')} />
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app.cancel')}
            </Button>
            <Button type="submit" loading={form.isSending}>
              {t('device.renameSubmit')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function Delete({ device, onClose }: DialogProps) {
  const { t } = useTranslation()
  const { store } = useLive()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const { name } = device
  const deleting = useMutation({
    mutationFn: () => deleteDevice(device.id),
    onSuccess: async (report) => {
      await navigate({ to: paths.overview })
      store.remove(device.id)
      announce(`${t('device.deleted', { name })} ${sayReport(report, t)}`)
    },
  })
  return (
    <Confirm
      title={t('device.deleteTitle', { name })}
      what={t('device.deleteWhat')}
      submit={t('device.deleteSubmit', { name })}
      cancel={t('app.cancel')}
      closeLabel={t('app.close')}
      isBusy={deleting.isPending}
      fault={deleting.error ? sayFault(deleting.error, t) : undefined}
      typed={{ word: name, label: t('device.deleteType'), mismatch: t('device.deleteMismatch', { name }) }}
      onConfirm={() => deleting.mutate()}
      onCancel={onClose}
    />
  )
}
