// Password and second factors.
import { Button, Stack, Text } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { PasswordChange, type SecurityView } from '@ridethrough/protocol/http/security.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changePassword } from '../data/account.ts'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { securityQuery, sessionsQuery } from '../data/security.ts'
import { Loading } from '../page/nothing.tsx'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'
import { PasskeysSection } from './passkeys.tsx'
import { PasswordField } from './password-field.tsx'
import { RecoverySection, ShownCodes } from './recovery-codes.tsx'
import { TotpSection } from './totp.tsx'

export function SecurityTab({ account }: { readonly account: AccountView }) {
  const { t } = useTranslation()
  const { data: security, error } = useQuery(securityQuery)
  const [codes, setCodes] = useState<readonly string[]>([])
  if (!security) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  const isMissing = security.companyRequiresSecondFactor && !security.totp && security.passkeys.length === 0
  return (
    <Stack gap="lg">
      {isMissing && (
        <Alert kind="warning" title={t('security.companyRequires')}>
          {t('security.companyRequiresHow')}
        </Alert>
      )}
      <TotpSection security={security} onCodes={setCodes} />
      <PasskeysSection security={security} onCodes={setCodes} />
      <RecoverySection security={security} onCodes={setCodes} />
      <PasswordSection security={security} email={account.email} />
      {codes.length > 0 && <ShownCodes codes={codes} email={account.email} onClose={() => setCodes([])} />}
    </Stack>
  )
}

const EMPTY = { current: '', password: '' }

function PasswordSection({ security, email }: { readonly security: SecurityView; readonly email: string }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const refresh = useRefresh()
  const announce = useAnnounce()
  const { passwordChangedAt: at } = security
  const form = useForm({
    initial: EMPTY,
    schema: PasswordChange,
    send: changePassword,
    onDone: async () => {
      form.set('current', '')
      form.set('password', '')
      announce(t('password.done'))
      await refresh([securityQuery.queryKey, sessionsQuery.queryKey])
    },
  })
  return (
    <Section title={t('password.title')}>
      <Text c="dimmed">
        {at === null ? t('password.never') : t('password.changedAt', { time: sayTime(Date.parse(at), now) })}
      </Text>
      <form onSubmit={form.submit} noValidate>
        <Stack gap="sm" align="flex-start">
          {/* Password managers file the new one under it. */}
          <input type="hidden" autoComplete="username" value={email} readOnly />
          <PasswordField
            label={t('password.current')}
            autoComplete="current-password"
            w="100%"
            {...form.field('current')}
          />
          <PasswordField
            label={t('password.new')}
            description={t('password.hint')}
            autoComplete="new-password"
            w="100%"
            {...form.field('password')}
          />
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Button type="submit" variant="default" loading={form.isSending}>
            {t('password.submit')}
          </Button>
        </Stack>
      </form>
    </Section>
  )
}
