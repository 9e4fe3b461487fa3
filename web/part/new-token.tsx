// A new token: named for what uses it, with no more than is ticked, and an end.
import { Button, Checkbox, Group, NativeSelect, Radio, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { NewToken, type TokenAnswer } from '@ridethrough/protocol/http/security.ts'
import { PRIVILEGE_TEXT, PRIVILEGES, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { useLive, useOverview } from '../data/live.ts'
import { makeToken, tokensQuery } from '../data/token.ts'
import { capital } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'

const DAYS = [7, 30, 90, 365] as const
const DAY_MS = 24 * 3_600_000

type Values = {
  readonly name: string
  readonly privileges: readonly Privilege[]
  readonly isAll: boolean
  readonly deviceIds: readonly string[]
  readonly expiresAt: string
}

const INITIAL: Values = { name: '', privileges: ['monitor'], isAll: true, deviceIds: [], expiresAt: '90' }

type Props = { readonly onMade: (made: z.infer<typeof TokenAnswer>) => void; readonly onCancel: () => void }

export function NewTokenForm({ onMade, onCancel }: Props) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const form = useForm({
    initial: INITIAL,
    schema: NewToken,
    toBody: ({ name, privileges, isAll, deviceIds, expiresAt }) => ({
      name,
      privileges,
      ...(isAll ? {} : { deviceIds }),
      expiresAt: new Date(Date.now() + Number(expiresAt) * DAY_MS).toISOString(),
    }),
    send: makeToken,
    onDone: async (made) => {
      onMade(made)
      await refresh([tokensQuery.queryKey])
    },
  })
  const { values, faults, set } = form
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        <TextInput
          label={t('tokens.name')}
          description={t('tokens.nameHint')}
          autoComplete="off"
          autoFocus
          {...form.field('name')}
        />
        <Checkbox.Group
          label={t('tokens.privileges')}
          value={[...values.privileges]}
          error={faults.privileges}
          onChange={(ticked) =>
            set(
              'privileges',
              PRIVILEGES.filter((each) => ticked.includes(each)),
            )
          }
        >
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="xs">
            {PRIVILEGES.map((privilege) => (
              <Checkbox
                key={privilege}
                value={privilege}
                label={capital(privilege === 'notify' ? t('privilege.yourNotify') : PRIVILEGE_TEXT[privilege])}
              />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
        <Radio.Group
          label={t('tokens.devices')}
          value={values.isAll ? 'all' : 'some'}
          onChange={(value) => set('isAll', value === 'all')}
        >
          <Stack gap="xs" mt="xs">
            <Radio value="all" label={t('tokens.all')} />
            <Radio value="some" label={t('tokens.some')} />
          </Stack>
        </Radio.Group>
        {!values.isAll && (
          <TokenDevices
            chosen={values.deviceIds}
            fault={faults.deviceIds}
            onChange={(chosen) => set('deviceIds', chosen)}
          />
        )}
        <NativeSelect
          label={t('tokens.expires')}
          data={DAYS.map((days) => ({ value: String(days), label: t('tokens.days', { count: days }) }))}
          {...form.field('expiresAt')}
        />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Button type="submit" loading={form.isSending}>
            {t('tokens.submit')}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {t('tokens.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

type DevicesProps = {
  readonly chosen: readonly string[]
  readonly fault: string | undefined
  readonly onChange: (chosen: string[]) => void
}

function TokenDevices({ chosen, fault, onChange }: DevicesProps) {
  const { t } = useTranslation()
  const { store } = useLive()
  const { ids } = useOverview()
  const devices = [...ids.mine, ...ids.shared].flatMap((id) => store.device(id) ?? [])
  if (devices.length === 0) return <Alert kind="note">{t('tokens.noDevices')}</Alert>
  return (
    <Checkbox.Group label={t('tokens.some')} value={[...chosen]} error={fault} onChange={onChange}>
      <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="xs">
        {devices.map((device) => (
          <Checkbox key={device.id} value={device.id} label={device.name} description={device.model} />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  )
}
