// Inviting a co-worker: whom, as what, and then word that it was sent and a way to send another (R40, R41).
import { Button, Group, Modal, Radio, Stack, Text, TextInput } from '@mantine/core'
import { type InvitationView, NewInvitation } from '@ridethrough/protocol/http/company.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { COMPANY_KEYS, invite } from '../data/company.ts'
import { useNow } from '../data/now.ts'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'

type Props = { readonly company: string; readonly onClose: () => void }

export function InviteDialog({ company, onClose }: Props) {
  const { t } = useTranslation()
  const [sent, setSent] = useState<InvitationView>()
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('invite.title')}
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {sent ? (
        <Sent invitation={sent} onAnother={() => setSent(undefined)} onClose={onClose} />
      ) : (
        <InviteForm company={company} onSent={setSent} onClose={onClose} />
      )}
    </Modal>
  )
}

const ROLES = ['member', 'owner'] as const

type InviteFormProps = Props & { readonly onSent: (invitation: InvitationView) => void }

function InviteForm({ company, onSent, onClose }: InviteFormProps) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const form = useForm({
    initial: { email: '', role: 'member' },
    schema: NewInvitation,
    toBody: ({ email, role }) => ({ email: email.trim(), role }),
    send: invite,
    onDone: async (invitation) => {
      onSent(invitation)
      await refresh(COMPANY_KEYS)
    },
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        <Text>{t('invite.lead', { company })}</Text>
        <TextInput label={t('invite.email')} type="email" autoComplete="off" data-autofocus {...form.field('email')} />
        <Radio.Group label={t('invite.role')} value={form.values.role} onChange={(role) => form.set('role', role)}>
          <Stack gap="xs" mt="xs">
            {ROLES.map((role) => (
              <Radio key={role} value={role} label={t(`teamRole.${role}`)} description={t(`invite.roleWhat.${role}`)} />
            ))}
          </Stack>
        </Radio.Group>
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('invite.cancel')}
          </Button>
          <Button type="submit" loading={form.isSending}>
            {t('invite.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

type SentProps = {
  readonly invitation: InvitationView
  readonly onAnother: () => void
  readonly onClose: () => void
}

function Sent({ invitation: { email, expiresAt }, onAnother, onClose }: SentProps) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <Stack>
      <div role="status">
        <Alert kind="done" title={t('invite.sent')}>
          {t('invite.sentTo', { email, time: sayTime(Date.parse(expiresAt), now) })}
        </Alert>
      </div>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t('invite.close')}
        </Button>
        <Button onClick={onAnother} autoFocus>
          {t('invite.another')}
        </Button>
      </Group>
    </Stack>
  )
}
