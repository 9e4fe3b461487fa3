import { Button, Paper, Stack, Text, TextInput } from '@mantine/core'
import { DeviceClaim } from '@ridethrough/protocol/http/device.ts'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { claimDevice } from '../data/device.ts'
import { useLive } from '../data/live.ts'
import { useForm } from '../part/form.ts'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'

export function ClaimPage() {
  const { t } = useTranslation()
  const { store } = useLive()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const form = useForm({
    initial: { code: '', name: '' },
    schema: DeviceClaim,
    toBody: ({ code, name }) => ({
      code: code.trim(),
      ...(name.trim() === '' ? {} : { name }),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    }),
    send: claimDevice,
    onDone: async (device) => {
      store.put(device)
      await navigate({ to: paths.device, params: { id: device.id } })
      announce(t('claim.done', { name: device.name }))
    },
  })
  return (
    <Page title={t('claim.title')}>
      <Paper withBorder p="lg" bg="var(--surface)" maw={560}>
        <form onSubmit={form.submit} noValidate>
          <Stack>
            <Text c="dimmed">{t('claim.how')}</Text>
            <TextInput
              label={t('claim.code')}
              description={t('claim.codeHint')}
              autoComplete="off"
              autoCapitalize="characters"
              autoFocus
              styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
              {...form.field('code')}
            />
            <TextInput
              label={t('claim.name')}
              description={t('claim.nameHint')}
              autoComplete="off"
              {...form.field('name')}
            />
            {form.fault && <Alert kind="fault">{form.fault}</Alert>}
            <Button type="submit" loading={form.isSending} style={{ alignSelf: 'flex-start' }}>
              {t('claim.submit')}
            </Button>
          </Stack>
        </form>
      </Paper>
    </Page>
  )
}
