// The first start: whoever reads what the server printed makes the operator's account.
import { TextInput } from '@mantine/core'
import { Operator } from '@ridethrough/protocol/http/company.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { makeOperator, setupQuery } from '../data/setup.ts'
import { CodeField } from '../part/code-field.tsx'
import { useForm } from '../part/form.ts'
import { useFragment } from '../part/fragment.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { PasswordField } from '../part/password-field.tsx'
import { useEnter } from '../part/signing-in.ts'
import { paths } from '../paths.ts'

export function WelcomePage() {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const enter = useEnter()
  const given = useFragment()
  const form = useForm({
    initial: { code: given.get('code') ?? '', name: '', email: '', password: '' },
    schema: Operator,
    toBody: ({ code, name, email, password }) => ({ code: code.trim(), name, email: email.trim(), password }),
    send: makeOperator,
    onDone: ({ account }) => {
      enter(account, undefined)
      queries.setQueryData(setupQuery.queryKey, { needsOperator: false })
    },
  })
  return (
    <OpenForm
      title={t('welcome.title')}
      submit={t('welcome.submit')}
      form={form}
      lead={t('welcome.lead')}
      foot={form.problem === 'setup-done' && <TextLink to={paths.signIn}>{t('signIn.submit')}</TextLink>}
    >
      <CodeField label={t('welcome.code')} description={t('welcome.codeHint')} autoFocus {...form.field('code')} />
      <TextInput
        label={t('welcome.name')}
        description={t('signUp.nameHint')}
        autoComplete="name"
        {...form.field('name')}
      />
      <TextInput label={t('welcome.email')} type="email" autoComplete="username" {...form.field('email')} />
      <PasswordField
        label={t('welcome.password')}
        description={t('signUp.passwordHint')}
        autoComplete="new-password"
        {...form.field('password')}
      />
    </OpenForm>
  )
}
