import { Button, TextInput } from '@mantine/core'
import { Credentials } from '@ridethrough/protocol/http/account.ts'
import type { SecondFactorNeeded } from '@ridethrough/protocol/http/security.ts'
import { browserSupportsWebAuthn } from '@simplewebauthn/browser'
import { IconFingerprint } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { signIn } from '../data/account.ts'
import { sayFault } from '../data/fault.ts'
import { pendingInvitation } from '../data/pending.ts'
import { signInByPasskey } from '../data/security.ts'
import { useForm } from '../part/form.ts'
import { TextLink } from '../part/link.tsx'
import { OpenForm } from '../part/open-form.tsx'
import { PasswordField } from '../part/password-field.tsx'
import { SecondStep } from '../part/second-step.tsx'
import { useEnter } from '../part/signing-in.ts'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'

export function SignInPage() {
  const [needed, setNeeded] = useState<SecondFactorNeeded>()
  const [isExpired, setExpired] = useState(false)
  const again = (hasExpired: boolean) => {
    setExpired(hasExpired)
    setNeeded(undefined)
  }
  return needed ? (
    <SecondStep needed={needed} onAgain={again} />
  ) : (
    <FirstStep isExpired={isExpired} onSecondStep={setNeeded} />
  )
}

type FirstStepProps = {
  readonly isExpired: boolean
  readonly onSecondStep: (needed: SecondFactorNeeded) => void
}

function FirstStep({ isExpired, onSecondStep }: FirstStepProps) {
  const { t } = useTranslation()
  const { next, why } = useSearch({ from: paths.signIn })
  const enter = useEnter()
  const form = useForm({
    initial: { email: '', password: '' },
    schema: Credentials,
    toBody: ({ email, password }) => ({ email: email.trim(), password }),
    send: signIn,
    onDone: (answer) => ('pending' in answer ? onSecondStep(answer) : enter(answer.account, next)),
  })
  const isInvited = pendingInvitation(Date.now()) !== undefined
  return (
    <OpenForm
      title={t('signIn.title')}
      submit={t('signIn.submit')}
      form={form}
      notice={isExpired ? t('secondStep.expired') : why && t(`ended.${why}`)}
      lead={isInvited ? t('signIn.invitation') : undefined}
      below={browserSupportsWebAuthn() && <ByPasskey next={next} />}
      foot={
        <>
          <TextLink to={paths.reset}>{t('reset.forgot')}</TextLink>
          <br />
          {t('signIn.noAccount')} <TextLink to={paths.signUp}>{t('signIn.signUp')}</TextLink>
          <br />
          {t('signIn.haveCode')} <TextLink to={paths.verify}>{t('signIn.enterCode')}</TextLink>
        </>
      }
    >
      <TextInput label={t('signIn.email')} type="email" autoComplete="username" autoFocus {...form.field('email')} />
      <PasswordField label={t('signIn.password')} autoComplete="current-password" {...form.field('password')} />
    </OpenForm>
  )
}

function ByPasskey({ next }: { readonly next: string | undefined }) {
  const { t } = useTranslation()
  const enter = useEnter()
  const entering = useMutation({ mutationFn: signInByPasskey, onSuccess: ({ account }) => enter(account, next) })
  return (
    <>
      <Button
        variant="default"
        fullWidth
        size="md"
        leftSection={<IconFingerprint size={18} aria-hidden />}
        loading={entering.isPending}
        onClick={() => entering.mutate()}
      >
        {t('passkeySignIn.button')}
      </Button>
      {entering.error && (
        <div style={{ marginTop: '0.75rem' }}>
          <Alert kind="fault">{sayFault(entering.error, t)}</Alert>
        </div>
      )}
    </>
  )
}
