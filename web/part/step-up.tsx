// Shows again that it is the same person: asked when the API wants it, then what was asked for goes on.
import { Button, Divider, Group, Modal, Stack, Text } from '@mantine/core'
import { StepUp } from '@ridethrough/protocol/http/security.ts'
import { browserSupportsWebAuthn } from '@simplewebauthn/browser'
import { IconFingerprint } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { securityQuery, stepUp, stepUpByPasskey } from '../data/security.ts'
import { answerStepUp } from '../data/step-up.ts'
import { Alert } from '../ui/alert.tsx'
import { CodeField } from './code-field.tsx'
import { useForm } from './form.ts'
import { PasswordField } from './password-field.tsx'

const [ByPassword] = StepUp.options

export function StepUpDialog() {
  const { t } = useTranslation()
  const security = useQuery(securityQuery).data
  const form = useForm({
    initial: { password: '', code: '' },
    schema: ByPassword,
    toBody: ({ password, code }) => ({ password, ...(code.trim() === '' ? {} : { code: code.trim() }) }),
    send: stepUp,
    onDone: () => answerStepUp(true),
  })
  const hasPasskey = (security?.passkeys.length ?? 0) > 0 && browserSupportsWebAuthn()
  return (
    <Modal
      opened
      onClose={() => answerStepUp(false)}
      title={t('stepUp.title')}
      centered
      // Over the question that led here.
      zIndex={300}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={form.submit} noValidate>
        <Stack>
          <Text>{t('stepUp.lead')}</Text>
          <PasswordField
            label={t('stepUp.password')}
            autoComplete="current-password"
            data-autofocus
            {...form.field('password')}
          />
          {security?.totp && (
            <CodeField isNumber label={t('stepUp.code')} description={t('stepUp.codeHint')} {...form.field('code')} />
          )}
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => answerStepUp(false)}>
              {t('app.cancel')}
            </Button>
            <Button type="submit" loading={form.isSending}>
              {t('stepUp.submit')}
            </Button>
          </Group>
        </Stack>
      </form>
      {hasPasskey && <ByPasskey />}
    </Modal>
  )
}

function ByPasskey() {
  const { t } = useTranslation()
  const confirming = useMutation({ mutationFn: stepUpByPasskey, onSuccess: () => answerStepUp(true) })
  return (
    <Stack gap="sm" mt="md">
      <Divider label={t('stepUp.or')} />
      <Button
        variant="default"
        leftSection={<IconFingerprint size={18} aria-hidden />}
        loading={confirming.isPending}
        onClick={() => confirming.mutate()}
      >
        {t('stepUp.passkey')}
      </Button>
      {confirming.error && <Alert kind="fault">{sayFault(confirming.error, t)}</Alert>}
    </Stack>
  )
}
