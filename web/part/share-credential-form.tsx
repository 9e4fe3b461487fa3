// A new credential of a share, and the one time that its token is shown, with how to use it.
import { Button, Checkbox, Group, Modal, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { NewShareCredential, type ShareView } from '@ridethrough/protocol/http/share.ts'
import { PRIVILEGE_TEXT, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import { type MadeCredential, makeCredential } from '../data/share.ts'
import { instantOf, viewerZone } from '../data/zone.ts'
import { capital } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Secret } from '../ui/secret.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'

type FormProps = {
  readonly share: ShareView
  readonly onMade: (made: MadeCredential) => void
  readonly onCancel: () => void
}

type Values = { readonly name: string; readonly privileges: readonly Privilege[]; readonly expiresAt: string }

export function NewCredentialForm({ share, onMade, onCancel }: FormProps) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const initial: Values = { name: '', privileges: share.privileges, expiresAt: '' }
  const form = useForm({
    initial,
    schema: NewShareCredential,
    toBody: ({ name, privileges, expiresAt }) => ({
      name,
      ...(privileges.length === share.privileges.length ? {} : { privileges }),
      ...(expiresAt === '' ? {} : { expiresAt: endOf(expiresAt) }),
    }),
    send: (body) => makeCredential(share.id, body),
    onDone: async (made) => {
      onMade(made)
      await refresh([['credentials'], ['ledger']])
    },
  })
  const { values, faults, set } = form
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        <TextInput
          label={t('tokens.name')}
          description={t('tokens.nameHint')}
          autoComplete="off"
          autoFocus
          {...form.field('name')}
        />
        <Checkbox.Group
          label={t('credentials.privileges')}
          value={[...values.privileges]}
          error={faults.privileges}
          onChange={(ticked) =>
            set(
              'privileges',
              share.privileges.filter((each) => ticked.includes(each)),
            )
          }
        >
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="xs">
            {share.privileges.map((privilege) => (
              <Checkbox
                key={privilege}
                value={privilege}
                label={capital(privilege === 'notify' ? t('privilege.yourNotify') : PRIVILEGE_TEXT[privilege])}
              />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
        <TextInput
          type="date"
          label={t('credentials.expires')}
          description={t('credentials.expiresHint')}
          maw={240}
          {...form.field('expiresAt')}
        />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Button type="submit" loading={form.isSending}>
            {t('credentials.submit')}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {t('app.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** The last minute of that day. */
function endOf(date: string): string {
  const at = instantOf({ date, time: '23:59' }, viewerZone())
  return at === undefined ? '' : new Date(at).toISOString()
}

type ShownProps = {
  readonly made: MadeCredential
  readonly devices: ShareView['devices']
  readonly onClose: () => void
}

export function ShownCredential({ made: { token, view }, devices, onClose }: ShownProps) {
  const { t } = useTranslation()
  const device = devices[0]?.id ?? '+'
  const mqtt = `mosquitto_sub -h ${location.hostname} -p 1883 -u share -P ${token} -t 'v1/devices/+/state' -v`
  const api = `curl -H 'Authorization: Bearer ${token}' ${location.origin}/api/v1/devices/${device}/state`
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('credentials.shownTitle', { name: view.name })}
      centered
      size="lg"
      // It is shown once: a stray press beside the dialog must not lose it.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack>
        <Text>{t('credentials.shownLead')}</Text>
        <Secret rows={2} name={t('tokens.token')} text={token} label={t('tokens.copy')} done={t('copy.done')} />
        <Secret
          rows={3}
          name={t('credentials.mqtt')}
          text={mqtt}
          label={t('tokens.copyExample')}
          done={t('copy.done')}
        />
        <Secret rows={3} name={t('credentials.api')} text={api} label={t('tokens.copyExample')} done={t('copy.done')} />
        <Group justify="flex-end">
          <Button onClick={onClose} data-autofocus>
            {t('tokens.done')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
