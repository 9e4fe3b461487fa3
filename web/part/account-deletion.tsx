// The end of an account, with what stands in its way.
import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { AccountDeletion as Deletion } from '@ridethrough/protocol/http/security.ts'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { deleteAccount } from '../data/account.ts'
import { companyQuery, membersQuery } from '../data/company.ts'
import { useLive } from '../data/live.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { useForm } from './form.ts'
import { useForget } from './leaving.ts'
import { useListing } from './listing.tsx'
import { PasswordField } from './password-field.tsx'

type Props = { readonly account: AccountView }

export function AccountDeletion({ account }: Props) {
  const { t } = useTranslation()
  const [isAsking, setAsking] = useState(false)
  const hindrance = useHindrance(account, t)
  return (
    <Section title={t('deletion.title')} lead={t('deletion.lead')}>
      {hindrance !== undefined && <Alert kind="warning">{hindrance}</Alert>}
      <Group>
        <Action variant="default" hindrance={hindrance} onPress={() => setAsking(true)}>
          {t('deletion.submit')}
        </Action>
      </Group>
      {isAsking && <Question account={account} onCancel={() => setAsking(false)} />}
    </Section>
  )
}

/** What the company would lose with its only active owner; the API has the last word. */
function useHindrance({ role, company: { name } }: AccountView, t: TFunction): string | undefined {
  const isOwner = role === 'owner'
  const company = useQuery({ ...companyQuery, enabled: isOwner }).data
  const owners = useListing(membersQuery({ state: 'active', role: 'owner', limit: '2' })).items
  if (!isOwner || !company || owners === undefined || owners.length > 1) return undefined
  const { devices, active, inactive } = company.counts
  if (active + inactive > 1) return t('deletion.people', { company: name })
  return devices > 0 ? t('deletion.devices', { count: devices }) : undefined
}

function Question({ account, onCancel }: Props & { readonly onCancel: () => void }) {
  const { t } = useTranslation()
  const { link } = useLive()
  const forget = useForget()
  const form = useForm({
    initial: { password: '' },
    schema: Deletion,
    send: async (deletion) => {
      // The stream ends with the account: that is no news then.
      link.stop()
      await deleteAccount(deletion).catch((error: unknown) => {
        link.start()
        throw error
      })
    },
    onDone: () => void forget('deleted'),
  })
  return (
    <Modal
      opened
      onClose={onCancel}
      title={t('deletion.confirmTitle', { email: account.email })}
      centered
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form onSubmit={form.submit} noValidate>
        <Stack>
          <Text>{t('deletion.lead')}</Text>
          <PasswordField
            label={t('deletion.password')}
            autoComplete="current-password"
            data-autofocus
            {...form.field('password')}
          />
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onCancel}>
              {t('app.cancel')}
            </Button>
            <Button type="submit" className="dangerous" loading={form.isSending}>
              {t('deletion.confirmSubmit', { email: account.email })}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
