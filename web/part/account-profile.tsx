// Name and e-mail address. A new address is proved by a code there, and agreed to by a code at the old one.
import { Button, Group, Stack, TextInput } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { AccountChange, AddressChange, AddressChangeProof } from '@ridethrough/protocol/http/security.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery, changeAccount, changeAddress, confirmAddress } from '../data/account.ts'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { CodeField } from './code-field.tsx'
import { useRefresh } from './confirm-change.tsx'
import { Facts } from './facts.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'

type Props = { readonly account: AccountView }

export function NameSection({ account }: Props) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const form = useForm({
    initial: { name: account.name },
    schema: AccountChange,
    send: changeAccount,
    onDone: async (_, { name }) => {
      await refresh([accountQuery.queryKey, ['members']])
      announce(t('account.nameSaved', { name: name.trim() }))
    },
  })
  return (
    <Section title={t('account.profile')}>
      <Facts
        facts={[
          [t('account.company'), account.company.name],
          [t('account.role'), t(`teamRole.${account.role}`)],
        ]}
      />
      <form onSubmit={form.submit} noValidate>
        <Stack gap="sm" align="flex-start">
          <TextInput
            label={t('account.name')}
            description={t('account.nameHint')}
            autoComplete="name"
            w="100%"
            {...form.field('name')}
          />
          {form.fault && <Alert kind="fault">{form.fault}</Alert>}
          <Button type="submit" loading={form.isSending}>
            {t('account.saveName')}
          </Button>
        </Stack>
      </form>
    </Section>
  )
}

export function AddressSection({ account }: Props) {
  const { t } = useTranslation()
  const [address, setAddress] = useState<string>()
  return (
    <Section title={t('address.title')} lead={t('address.lead', { email: account.email })}>
      {address === undefined ? (
        <AskForCodes onSent={setAddress} />
      ) : (
        <EnterCodes old={account.email} address={address} onOver={() => setAddress(undefined)} />
      )}
    </Section>
  )
}

function AskForCodes({ onSent }: { readonly onSent: (address: string) => void }) {
  const { t } = useTranslation()
  const form = useForm({
    initial: { email: '' },
    schema: AddressChange,
    toBody: ({ email }) => ({ email: email.trim() }),
    send: changeAddress,
    onDone: (_, { email }) => onSent(email.trim()),
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack gap="sm" align="flex-start">
        <TextInput label={t('address.new')} type="email" autoComplete="off" w="100%" {...form.field('email')} />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Button type="submit" variant="default" loading={form.isSending}>
          {t('address.submit')}
        </Button>
      </Stack>
    </form>
  )
}

type EnterCodesProps = { readonly old: string; readonly address: string; readonly onOver: () => void }

function EnterCodes({ old, address, onOver }: EnterCodesProps) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const form = useForm({
    initial: { oldCode: '', newCode: '' },
    schema: AddressChangeProof,
    send: confirmAddress,
    onDone: async () => {
      await refresh([accountQuery.queryKey, ['members']])
      onOver()
      announce(t('address.done', { email: address }))
    },
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack gap="sm">
        <Alert kind="note">{t('address.sent', { old, new: address })}</Alert>
        <CodeField label={t('address.oldCode', { email: old })} autoFocus {...form.field('oldCode')} />
        <CodeField label={t('address.newCode', { email: address })} {...form.field('newCode')} />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Button type="submit" loading={form.isSending}>
            {t('address.confirm')}
          </Button>
          <Button variant="default" onClick={onOver}>
            {t('address.other')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
