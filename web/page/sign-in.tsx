import { PasswordInput, TextInput } from '@mantine/core'
import { Credentials } from '@ridethrough/protocol/http/account.ts'
import { useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { signIn } from '../data/account.ts'
import { pendingInvitation } from '../data/pending.ts'
import { useForm } from '../part/form.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { useEnter } from '../part/signing-in.ts'
import { paths } from '../paths.ts'

export function SignInPage() {
  const { t } = useTranslation()
  const { next } = useSearch({ from: paths.signIn })
  const enter = useEnter()
  const form = useForm({
    initial: { email: '', password: '' },
    schema: Credentials,
    toBody: ({ email, password }) => ({ email: email.trim(), password }),
    send: signIn,
    onDone: ({ account }) => enter(account, next),
  })
  const isInvited = pendingInvitation(Date.now()) !== undefined
  return (
    <OpenForm
      title={t('signIn.title')}
      submit={t('signIn.submit')}
      form={form}
      lead={isInvited ? t('signIn.invitation') : undefined}
      foot={
        <>
          {t('signIn.noAccount')} <TextLink to={paths.signUp}>{t('signIn.signUp')}</TextLink>
          <br />
          {t('signIn.haveCode')} <TextLink to={paths.verify}>{t('signIn.enterCode')}</TextLink>
        </>
      }
    >
      <TextInput label={t('signIn.email')} type="email" autoComplete="username" autoFocus {...form.field('email')} />
      <PasswordInput
        label={t('signIn.password')}
        visibilityToggleButtonProps={{ 'aria-label': t('app.showTyped') }}
        autoComplete="current-password"
        {...form.field('password')}
      />
    </OpenForm>
  )
}
