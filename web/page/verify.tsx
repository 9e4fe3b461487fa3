import { TextInput } from '@mantine/core'
import { Verification } from '@ridethrough/protocol/http/account.ts'
import { useTranslation } from 'react-i18next'
import { verify } from '../data/account.ts'
import { useForm } from '../part/form.ts'
import { useFragment } from '../part/fragment.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { useEnter } from '../part/signing-in.ts'
import { paths } from '../paths.ts'

export function VerifyPage() {
  const { t } = useTranslation()
  const enter = useEnter()
  const given = useFragment()
  const form = useForm({
    initial: { email: given.get('email') ?? '', code: given.get('code') ?? '' },
    schema: Verification,
    toBody: ({ email, code }) => ({ email: email.trim(), code: code.trim() }),
    send: verify,
    onDone: ({ account }) => enter(account, undefined),
  })
  const isSent = given.has('sent')
  return (
    <OpenForm
      title={t('verify.title')}
      submit={t('verify.submit')}
      form={form}
      lead={isSent ? t('verify.sent', { email: given.get('email') ?? '' }) : t('verify.enter')}
      foot={<TextLink to={paths.signUp}>{t('verify.other')}</TextLink>}
    >
      <TextInput label={t('verify.email')} type="email" autoComplete="username" {...form.field('email')} />
      <TextInput
        label={t('verify.code')}
        autoComplete="one-time-code"
        autoCapitalize="characters"
        autoFocus={given.has('email')}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', letterSpacing: '0.08em' } }}
        {...form.field('code')}
      />
    </OpenForm>
  )
}
