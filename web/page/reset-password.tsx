// A forgotten password: a code goes to the address, and with it a new password is set.
import { Button, Text, TextInput } from '@mantine/core'
import { PasswordReset, PasswordResetProof } from '@ridethrough/protocol/http/security.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery, askForReset, resetPassword } from '../data/account.ts'
import { CodeField } from '../part/code-field.tsx'
import { useForm } from '../part/form.ts'
import { useFragment } from '../part/fragment.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { PasswordField } from '../part/password-field.tsx'
import { paths } from '../paths.ts'

type Step = { readonly isEntering: boolean; readonly email: string; readonly code: string; readonly isSent: boolean }

export function ResetPasswordPage() {
  const given = useFragment()
  const [step, setStep] = useState<Step>({
    isEntering: given.has('code'),
    email: given.get('email') ?? '',
    code: given.get('code') ?? '',
    isSent: false,
  })
  return step.isEntering ? (
    <Enter step={step} onAgain={(email) => setStep({ isEntering: false, email, code: '', isSent: false })} />
  ) : (
    <Ask email={step.email} onEnter={(email, isSent) => setStep({ isEntering: true, email, code: '', isSent })} />
  )
}

type AskProps = { readonly email: string; readonly onEnter: (email: string, isSent: boolean) => void }

function Ask({ email, onEnter }: AskProps) {
  const { t } = useTranslation()
  const form = useForm({
    initial: { email },
    schema: PasswordReset,
    toBody: (values) => ({ email: values.email.trim() }),
    send: askForReset,
    onDone: (_, values) => onEnter(values.email.trim(), true),
  })
  return (
    <OpenForm
      title={t('reset.title')}
      submit={t('reset.submit')}
      form={form}
      lead={t('reset.lead')}
      foot={
        <>
          <Button variant="subtle" onClick={() => onEnter(form.values.email.trim(), false)}>
            {t('reset.haveCode')}
          </Button>
          <br />
          <TextLink to={paths.signIn}>{t('reset.toSignIn')}</TextLink>
        </>
      }
    >
      <TextInput label={t('reset.email')} type="email" autoComplete="username" autoFocus {...form.field('email')} />
    </OpenForm>
  )
}

function Enter({ step, onAgain }: { readonly step: Step; readonly onAgain: (email: string) => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const form = useForm({
    initial: { email: step.email, code: step.code, password: '' },
    schema: PasswordResetProof,
    toBody: ({ email, code, password }) => ({ email: email.trim(), code: code.trim(), password }),
    send: resetPassword,
    onDone: () => {
      queries.setQueryData(accountQuery.queryKey, null)
      void navigate({ to: paths.signIn, search: { why: 'reset' } })
    },
  })
  return (
    <OpenForm
      title={t('reset.enterTitle')}
      submit={t('reset.enterSubmit')}
      form={form}
      lead={step.isSent ? t('reset.sent', { email: step.email }) : t('reset.enter')}
      foot={
        <>
          <Button variant="subtle" onClick={() => onAgain(form.values.email)}>
            {t('reset.again')}
          </Button>
          <br />
          <TextLink to={paths.signIn}>{t('reset.toSignIn')}</TextLink>
        </>
      }
    >
      <TextInput label={t('reset.email')} type="email" autoComplete="username" {...form.field('email')} />
      <CodeField label={t('reset.code')} autoFocus={step.code === ''} {...form.field('code')} />
      <PasswordField
        label={t('reset.password')}
        description={t('signUp.passwordHint')}
        autoComplete="new-password"
        autoFocus={step.code !== ''}
        {...form.field('password')}
      />
      <Text size="sm" c="dimmed">
        {t('reset.what')}
      </Text>
    </OpenForm>
  )
}
