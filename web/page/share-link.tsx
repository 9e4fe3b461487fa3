// One link for its maker: to pass on as text or QR code, to change, to stop; and what was done with it.
import { Button, Group, Stack, Text } from '@mantine/core'
import { LinkChange, type LinkView } from '@ridethrough/protocol/http/link.ts'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { hasCode, sayFault } from '../data/fault.ts'
import { changeLink, LINK_KEYS, linkQuery } from '../data/share-link.ts'
import { viewerZone } from '../data/zone.ts'
import { useRefresh } from '../part/confirm-change.tsx'
import { useForm } from '../part/form.ts'
import { Ledger } from '../part/ledger.tsx'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { useOffered } from '../part/share-fields.tsx'
import { LinkActions } from '../part/share-link-actions.tsx'
import { LinkFields } from '../part/share-link-fields.tsx'
import { LinkFacts, LinkStanding } from '../part/share-link-list.tsx'
import { QrImage } from '../part/share-link-qr.tsx'
import { linkBody, linkValuesOf } from '../part/share-link-terms.ts'
import { changedIn } from '../part/share-terms.ts'
import { UnsavedQuestion } from '../part/unsaved.tsx'
import { paths } from '../paths.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Secret } from '../ui/secret.tsx'
import { Section } from '../ui/section.tsx'
import { Loading } from './nothing.tsx'

export function ShareLinkPage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: '/signed-in/sharing/links/$id' })
  const { data: link, error } = useQuery(linkQuery(id))
  if (link) return <Shown link={link} />
  return (
    <Page title={t('links.title')}>
      {!error ? (
        <Loading />
      ) : hasCode(error, 'not-found') || hasCode(error, 'input-invalid') ? (
        <Empty
          title={t('links.missing')}
          action={
            <LinkButton to={paths.sharing} search={{ tab: 'links' }}>
              {t('links.toLinks')}
            </LinkButton>
          }
        >
          {t('links.missingWhat')}
        </Empty>
      ) : (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      )}
    </Page>
  )
}

function Shown({ link }: { readonly link: LinkView }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const back = () => navigate({ to: paths.sharing, search: { tab: 'links' } })
  return (
    <Page
      title={link.name}
      actions={
        <Group gap="xs">
          <LinkActions link={link} onEnded={back} />
        </Group>
      }
    >
      <Stack maw={760}>
        <div>
          <LinkStanding link={link} />
        </div>
        {link.url !== '' && (
          <Section title={t('links.passOn')} lead={t('links.passOnLead')}>
            <Group align="flex-start" gap="lg">
              <QrImage svg={link.svg} name={link.name} />
              <div style={{ flex: '1 1 16rem' }}>
                <Secret rows={3} name={t('links.url')} text={link.url} label={t('links.copy')} done={t('copy.done')} />
              </div>
            </Group>
          </Section>
        )}
        <Section title={t('share.facts')}>
          <LinkFacts link={link} />
        </Section>
        {link.state !== 'ended' && <Editor key={link.id} link={link} />}
        <Ledger of={`/share-links/${link.id}`} lead={t('ledger.linkLead')} />
      </Stack>
    </Page>
  )
}

function Editor({ link }: { readonly link: LinkView }) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const offered = useOffered(link.devices)
  const [saved, setSaved] = useState(() => linkValuesOf(link, viewerZone(), Date.now()))
  const keepsPin = saved.hasPin
  const form = useForm({
    initial: saved,
    schema: LinkChange,
    toBody: (values) => changedIn(linkBody(saved, keepsPin), linkBody(values, keepsPin)),
    send: (body) => changeLink(link.id, body),
    onDone: async ({ link: changed, access }) => {
      const next = linkValuesOf(changed, form.values.zone, Date.now())
      setSaved(next)
      form.change(next)
      announce(`${t('links.saved', { name: changed.name })} ${sayReport(access, t)}`)
      await refresh(LINK_KEYS)
    },
  })
  const isUnsaved = Object.keys(changedIn(linkBody(saved, keepsPin), linkBody(form.values, keepsPin))).length > 0
  return (
    <form onSubmit={form.submit} noValidate aria-label={t('links.change')}>
      <Stack>
        <LinkFields
          values={form.values}
          faults={form.faults}
          offered={offered}
          keepsPin={keepsPin}
          onChange={form.change}
        />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group gap="sm">
          <Button type="submit" loading={form.isSending} disabled={!isUnsaved}>
            {t('share.save')}
          </Button>
          {isUnsaved && (
            <Button variant="default" onClick={() => form.change(saved)}>
              {t('share.discard')}
            </Button>
          )}
          <Text size="sm" c="dimmed" role="status">
            {t(isUnsaved ? 'share.unsaved' : 'share.untouched')}
          </Text>
        </Group>
      </Stack>
      <UnsavedQuestion isUnsaved={isUnsaved && !form.isSending} />
    </form>
  )
}
