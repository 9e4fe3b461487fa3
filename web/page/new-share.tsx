// A new share: devices, person, rights, period; one sentence says it all before it is sent.
import { Button, Paper, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core'
import { NewShare } from '@ridethrough/protocol/http/share.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useLive, useOverview } from '../data/live.ts'
import { hindranceTo } from '../data/may.ts'
import { createShare } from '../data/share.ts'
import { useForm } from '../part/form.ts'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { DeviceChoice, FIELD_IDS, RightsChoice } from '../part/share-fields.tsx'
import { ShareSentence } from '../part/share-sentence.tsx'
import { paths } from '../paths.ts'
import type { Preset } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

type Values = {
  readonly deviceIds: readonly string[]
  readonly email: string
  readonly preset: Preset
  readonly privileges: readonly Privilege[]
  /** As `<input type="datetime-local">` has them: the viewer's zone, '' for none. */
  readonly from: string
  readonly until: string
}

export function NewSharePage() {
  const { t } = useTranslation()
  const { ids, isFilled } = useOverview()
  return (
    <Page title={t('newShare.title')}>
      {!isFilled ? (
        <Loading />
      ) : ids.mine.length === 0 ? (
        <Empty
          title={t('sharing.noneGranted')}
          action={<LinkButton to={paths.claim}>{t('overview.claim')}</LinkButton>}
        >
          {t('sharing.needDevice')}
        </Empty>
      ) : (
        <ShareForm mine={ids.mine} />
      )}
    </Page>
  )
}

function ShareForm({ mine }: { readonly mine: readonly string[] }) {
  const { t } = useTranslation()
  const { store } = useLive()
  const { device } = useSearch({ from: '/signed-in/sharing/new' })
  const form = useShareForm(device !== undefined && mine.includes(device) ? [device] : [])
  const { values, faults, set } = form
  const devices = mine
    .flatMap((id) => store.device(id) ?? [])
    .map((each) => ({ device: each, hindrance: hindranceTo('share', each) }))
  const names = devices.filter(({ device: { id } }) => values.deviceIds.includes(id)).map((each) => each.device.name)
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack maw={760}>
        <ShareSentence
          draft={{
            ...values,
            deviceNames: names,
            from: millisecondsOf(values.from),
            until: millisecondsOf(values.until),
          }}
        />
        <Paper withBorder p="md" bg="var(--surface)">
          <DeviceChoice
            devices={devices}
            chosen={values.deviceIds}
            fault={faults.deviceIds}
            onChange={(chosen) => set('deviceIds', chosen)}
          />
        </Paper>
        <Paper withBorder p="md" bg="var(--surface)">
          <TextInput
            id={FIELD_IDS.email}
            label={t('newShare.email')}
            description={t('newShare.emailHint')}
            type="email"
            autoComplete="off"
            {...form.field('email')}
          />
        </Paper>
        <Paper withBorder p="md" bg="var(--surface)">
          <RightsChoice
            preset={values.preset}
            privileges={values.privileges}
            fault={faults.privileges ?? faults.role}
            onPreset={(preset) => set('preset', preset)}
            onPrivileges={(privileges) => set('privileges', privileges)}
          />
        </Paper>
        <Paper withBorder p="md" bg="var(--surface)">
          <Title order={2} size="sm" fw={600}>
            {t('sharing.period')}
          </Title>
          <Text size="xs" c="dimmed" mb="sm">
            {t('newShare.periodHint', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput
              id={FIELD_IDS.from}
              type="datetime-local"
              label={t('newShare.from')}
              description={t('newShare.fromHint')}
              {...form.field('from')}
            />
            <TextInput
              id={FIELD_IDS.until}
              type="datetime-local"
              label={t('newShare.until')}
              description={t('newShare.untilHint')}
              {...form.field('until')}
            />
          </SimpleGrid>
        </Paper>
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Button type="submit" loading={form.isSending} size="md" style={{ alignSelf: 'flex-start' }}>
          {names.length === 0 ? t('newShare.submit') : t('newShare.submitCount', { count: names.length })}
        </Button>
      </Stack>
    </form>
  )
}

function useShareForm(chosen: readonly string[]) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const initial: Values = {
    deviceIds: chosen,
    email: '',
    preset: 'viewer',
    privileges: ['monitor'],
    from: '',
    until: '',
  }
  return useForm({
    initial,
    schema: NewShare,
    toBody: (values) => ({
      email: values.email.trim(),
      deviceIds: values.deviceIds,
      ...(values.preset === 'custom' ? { privileges: values.privileges } : { role: values.preset }),
      from: instantOf(values.from),
      until: instantOf(values.until),
    }),
    send: createShare,
    onDone: async ({ share }) => {
      await queries.invalidateQueries({ queryKey: ['shares'] })
      await navigate({ to: paths.sharing, search: { tab: 'granted' } })
      announce(t('newShare.sent', { email: share.email }))
    },
  })
}

function millisecondsOf(local: string): number | null {
  const at = local === '' ? Number.NaN : new Date(local).getTime()
  return Number.isNaN(at) ? null : at
}

function instantOf(local: string): string | null {
  const at = millisecondsOf(local)
  return at === null ? null : new Date(at).toISOString()
}
