// Asks for the PIN of a link.
import { TextInput } from '@mantine/core'
import { Pin } from '@ridethrough/protocol/http/link.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'
import { type Closing, closingOf, openingQuery, openLink } from '../data/link.ts'
import { useForm } from './form.ts'
import { OpenForm } from './open-form.tsx'

const PinForm = z.strictObject({ pin: Pin })

type LinkPinProps = { readonly token: string; readonly onRefused: (closing: Closing) => void }

export function LinkPin({ token, onRefused }: LinkPinProps) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const form = useForm({
    initial: { pin: '' },
    schema: PinForm,
    toBody: ({ pin }) => ({ pin: pin.trim() }),
    send: async ({ pin }) => {
      try {
        return await openLink(token, pin)
      } catch (error) {
        const closing = closingOf(error)
        if (closing) onRefused(closing)
        throw error
      }
    },
    onDone: (bearer) => queries.setQueryData(openingQuery(token).queryKey, bearer),
  })
  return (
    <OpenForm title={t('viaLink.pinTitle')} lead={t('viaLink.pinLead')} submit={t('viaLink.pinSubmit')} form={form}>
      <TextInput
        label={t('viaLink.pin')}
        inputMode="numeric"
        autoComplete="off"
        autoFocus
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', letterSpacing: '0.2em' } }}
        {...form.field('pin')}
      />
    </OpenForm>
  )
}
