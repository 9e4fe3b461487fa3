import { TextInput } from '@mantine/core'
import { NewAccount } from '@ridethrough/protocol/http/account.ts'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { signUp } from '../data/account.ts'
import { pendingInvitation } from '../data/pending.ts'
import { useForm } from '../part/form.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { PasswordField } from '../part/password-field.tsx'
import { paths } from '../paths.ts'

export function SignUpPage() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const form = useForm({
    initial: { name: '', email: '', password: '' },
    schema: NewAccount,
    toBody: ({ name, email, password }) => ({ name, email: email.trim(), password }),
    send: signUp,
    // Behind the `#`, as in the mail's link: the address reaches no server log.
    onDone: (_, { email }) =>
      void navigate({ to: paths.verify, hash: new URLSearchParams({ email: email.trim(), sent: '1' }).toString() }),
  })
  const isInvited = pendingInvitation(Date.now()) !== undefined
  return (
    <OpenForm
      title={t('signUp.title')}
      submit={t('signUp.submit')}
      form={form}
      lead={isInvited ? t('signUp.invitation') : undefined}
      foot={
        <>
          {t('signUp.haveAccount')} <TextLink to={paths.signIn}>{t('signUp.signIn')}</TextLink>
        </>
      }
    >
      <TextInput
        label={t('signUp.name')}
        description={t('signUp.nameHint')}
        autoComplete="name"
        autoFocus
        {...form.field('name')}
      />
      <TextInput label={t('signUp.email')} type="email" autoComplete="username" {...form.field('email')} />
      <PasswordField
        label={t('signUp.password')}
        description={t('signUp.passwordHint')}
        autoComplete="new-password"
        {...form.field('password')}
      />
    </OpenForm>
  )
}
