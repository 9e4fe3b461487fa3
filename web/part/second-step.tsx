// The second factor of a sign-in: a code of the app, a passkey, or a recovery code, whichever the account has.
import { Button, Input, SegmentedControl, Text } from '@mantine/core'
import { type SecondFactor, type SecondFactorNeeded, SecondFactorProof } from '@ridethrough/protocol/http/security.ts'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { signInBySecondFactor } from '../data/account.ts'
import { hasCode } from '../data/fault.ts'
import { authenticate } from '../data/security.ts'
import { paths } from '../paths.ts'
import { CodeField } from './code-field.tsx'
import { useForm } from './form.ts'
import { OpenForm } from './open-form.tsx'
import { useEnter } from './signing-in.ts'

type SecondStepProps = {
  readonly needed: SecondFactorNeeded
  /** Back to the password; `true` when the time for the second step ran out. */
  readonly onAgain: (hasExpired: boolean) => void
}

/** What is at hand most often comes first. */
const ORDER: readonly SecondFactor[] = ['totp', 'passkey', 'recovery']

export function SecondStep({ needed, onAgain }: SecondStepProps) {
  const { t } = useTranslation()
  const methods = ORDER.filter((each) => needed.methods.includes(each))
  const [method, setMethod] = useState<SecondFactor>(methods[0] ?? 'totp')
  const form = useProof(needed, method, onAgain)
  return (
    <OpenForm
      title={t('secondStep.title')}
      submit={t(method === 'passkey' ? 'secondStep.usePasskey' : 'secondStep.submit')}
      form={form}
      lead={t('secondStep.lead')}
      foot={
        <Button variant="subtle" onClick={() => onAgain(false)}>
          {t('secondStep.back')}
        </Button>
      }
    >
      {methods.length > 1 && (
        <Input.Wrapper label={t('secondStep.method')} labelElement="div">
          <SegmentedControl
            fullWidth
            aria-label={t('secondStep.method')}
            value={method}
            data={methods.map((each) => ({ value: each, label: t(`secondStep.methods.${each}`) }))}
            onChange={(value) => {
              form.set('code', '')
              setMethod(methods.find((each) => each === value) ?? method)
            }}
          />
        </Input.Wrapper>
      )}
      {method === 'passkey' ? (
        <Text c="dimmed">{t('secondStep.passkeyHint')}</Text>
      ) : (
        <CodeField
          key={method}
          isNumber={method === 'totp'}
          label={t(`secondStep.${method}`)}
          description={t(`secondStep.${method}Hint`)}
          autoFocus
          {...form.field('code')}
        />
      )}
    </OpenForm>
  )
}

function useProof(needed: SecondFactorNeeded, method: SecondFactor, onAgain: SecondStepProps['onAgain']) {
  const { next } = useSearch({ from: paths.signIn })
  const enter = useEnter()
  return useForm({
    initial: { code: '' },
    schema: SecondFactorProof,
    toBody: ({ code }) =>
      method === 'passkey'
        ? { pending: needed.pending, method, response: {} }
        : { pending: needed.pending, method, code: code.trim() },
    send: async (proof) => {
      try {
        const response = proof.method === 'passkey' ? await authenticate(needed.passkey ?? {}) : undefined
        return await signInBySecondFactor(proof.method === 'passkey' ? { ...proof, response: response ?? {} } : proof)
      } catch (error) {
        if (hasCode(error, 'code-expired') || hasCode(error, 'session-missing')) onAgain(true)
        throw error
      }
    },
    onDone: ({ account }) => enter(account, next),
  })
}
