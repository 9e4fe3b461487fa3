// A new link: whoever holds it sees just that, without an account.
import { Button, Stack } from '@mantine/core'
import { NewLink } from '@ridethrough/protocol/http/link.ts'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useOverview } from '../data/live.ts'
import { createLink, LINK_KEYS } from '../data/share-link.ts'
import { viewerZone } from '../data/zone.ts'
import { useRefresh } from '../part/confirm-change.tsx'
import { useForm } from '../part/form.ts'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { useOffered } from '../part/share-fields.tsx'
import { LinkFields } from '../part/share-link-fields.tsx'
import { linkBody, newLinkValues } from '../part/share-link-terms.ts'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

export function NewLinkPage() {
  const { t } = useTranslation()
  const { ids, isFilled } = useOverview()
  return (
    <Page title={t('links.new')}>
      {!isFilled ? (
        <Loading />
      ) : ids.mine.length === 0 ? (
        <Empty title={t('links.none')} action={<LinkButton to={paths.claim}>{t('overview.claim')}</LinkButton>}>
          {t('sharing.needDevice')}
        </Empty>
      ) : (
        <LinkForm />
      )}
    </Page>
  )
}

function LinkForm() {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const offered = useOffered()
  const [initial] = useState(() => newLinkValues([], viewerZone()))
  const form = useForm({
    initial,
    schema: NewLink,
    toBody: (values) => linkBody(values, false),
    send: createLink,
    onDone: async ({ link }) => {
      await refresh(LINK_KEYS)
      await navigate({ to: paths.shareLink, params: { id: link.id } })
      announce(t('links.made', { name: link.name }))
    },
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack maw={760}>
        <LinkFields
          values={form.values}
          faults={form.faults}
          offered={offered}
          keepsPin={false}
          onChange={form.change}
        />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Button type="submit" loading={form.isSending} size="md" style={{ alignSelf: 'flex-start' }}>
          {t('links.make')}
        </Button>
      </Stack>
    </form>
  )
}
