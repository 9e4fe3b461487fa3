// A new share: devices, person, rights, period, hours; one sentence says it all before it is sent.
import { Button, Paper, Stack, TextInput } from '@mantine/core'
import { NewShare } from '@ridethrough/protocol/http/share.ts'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useOverview } from '../data/live.ts'
import { createShare, offeredRolesQuery, SHARE_KEYS } from '../data/share.ts'
import { viewerZone } from '../data/zone.ts'
import { useRefresh } from '../part/confirm-change.tsx'
import { useForm } from '../part/form.ts'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { FIELD_IDS, useOffered } from '../part/share-fields.tsx'
import { privilegesIn } from '../part/share-rights.tsx'
import { ShareSentence } from '../part/share-sentence.tsx'
import { boundsOf, newTerms, rightsBody, timesBody, windowsIn } from '../part/share-terms.ts'
import { TermsFields } from '../part/share-terms-fields.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

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
  const { device } = useSearch({ from: '/signed-in/sharing/new' })
  const form = useShareForm(device !== undefined && mine.includes(device) ? [device] : [])
  const { values, faults } = form
  const offered = useOffered()
  const roles = useQuery(offeredRolesQuery).data ?? []
  const names = offered.filter(({ id }) => values.deviceIds.includes(id)).map(({ name }) => name)
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack maw={760}>
        <ShareSentence
          draft={{
            email: values.email,
            deviceNames: names,
            privileges: privilegesIn(values, roles),
            ...boundsOf(values),
            zone: values.zone,
            windows: windowsIn(values),
          }}
        />
        <TermsFields values={values} faults={faults} offered={offered} onChange={form.change}>
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
        </TermsFields>
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
  const refresh = useRefresh()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const [initial] = useState(() => ({ ...newTerms(chosen, viewerZone()), email: '' }))
  return useForm({
    initial,
    schema: NewShare,
    toBody: (values) => ({
      email: values.email.trim(),
      deviceIds: values.deviceIds,
      ...rightsBody(values),
      ...timesBody(values),
    }),
    send: createShare,
    onDone: async ({ share }) => {
      await refresh(SHARE_KEYS)
      await navigate({ to: paths.sharing, search: { tab: 'granted' } })
      announce(t(share.state === 'accepted' ? 'newShare.accepted' : 'newShare.sent', { email: share.email }))
    },
  })
}
