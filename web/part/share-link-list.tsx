// Links: what each shows, how often it was opened, and how to pass it on, stop or end it.
import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { LinkView } from '@ridethrough/protocol/http/link.ts'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { linkPagesQuery } from '../data/share-link.ts'
import { Loading } from '../page/nothing.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { CopyButton } from '../ui/secret.tsx'
import { Status, type StatusTone } from '../ui/status.tsx'
import { Facts } from './facts.tsx'
import { LinkButton } from './link.tsx'
import { More, useListing } from './listing.tsx'
import { DeviceChips } from './share-card.tsx'
import { LinkActions } from './share-link-actions.tsx'
import { QrCode } from './share-link-qr.tsx'
import { PrivilegeTexts, Times } from './share-parts.tsx'
import { Past } from './share-past.tsx'
import { When } from './when.tsx'

export function LinkListing({ empty }: { readonly empty: ReactNode }) {
  const { t } = useTranslation()
  const listing = useListing(linkPagesQuery({ state: 'open' }))
  const { items, error } = listing
  if (!items) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  return (
    <Stack>
      {items.length === 0 ? (
        empty
      ) : (
        <>
          <LinkCards label={t('links.list')} links={items} />
          <More listing={listing}>{t('sharing.more')}</More>
        </>
      )}
      <Past>
        <EndedLinks />
      </Past>
    </Stack>
  )
}

function EndedLinks() {
  const { t } = useTranslation()
  const listing = useListing(linkPagesQuery({ state: 'ended', limit: '20' }))
  const { items, error } = listing
  if (!items) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  if (items.length === 0)
    return (
      <Empty level={3} title={t('sharing.nonePast')}>
        {t('links.nonePastHow')}
      </Empty>
    )
  return (
    <>
      <LinkCards label={t('links.endedList')} links={items} />
      <More listing={listing}>{t('sharing.more')}</More>
    </>
  )
}

type CardsProps = { readonly label: string; readonly links: readonly LinkView[] }

function LinkCards({ label, links }: CardsProps) {
  return (
    <ul
      aria-label={label}
      style={{ display: 'grid', gap: '0.75rem', listStyle: 'none', margin: '0.5rem 0', padding: 0 }}
    >
      {links.map((link) => (
        <LinkCard key={link.id} link={link} />
      ))}
    </ul>
  )
}

function LinkCard({ link }: { readonly link: LinkView }) {
  const { t } = useTranslation()
  const [isShown, setShown] = useState(false)
  const { id, name, url } = link
  const isEnded = link.state === 'ended'
  return (
    <Paper component="li" withBorder p="md" bg="var(--surface)" aria-label={name}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2}>{name}</Title>
        <LinkStanding link={link} />
      </Group>
      <Stack gap="sm">
        <LinkFacts link={link} />
        <Group gap="xs">
          <LinkButton
            to={paths.shareLink}
            params={{ id }}
            size="sm"
            aria-label={t(isEnded ? 'links.openLabel' : 'links.changeLabel', { name })}
          >
            {t(isEnded ? 'sharing.open' : 'sharing.change')}
          </LinkButton>
          {url !== '' && (
            <>
              <CopyButton text={url} label={t('links.copy')} done={t('copy.done')} />
              <QrCode link={link} isShown={isShown} onToggle={() => setShown(!isShown)} />
            </>
          )}
          <LinkActions link={link} />
        </Group>
      </Stack>
    </Paper>
  )
}

const TONES: Readonly<Record<LinkView['state'], StatusTone>> = {
  active: 'normal',
  suspended: 'warning',
  'not-yet': 'notice',
  'used-up': 'silent',
  expired: 'silent',
  ended: 'silent',
}

export function LinkStanding({ link: { state } }: { readonly link: LinkView }) {
  const { t } = useTranslation()
  return <Status tone={TONES[state]}>{t(`links.state.${state}`)}</Status>
}

export function LinkFacts({ link }: { readonly link: LinkView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { devices, privileges, variables, uses, maxUses, lastUsedAt, hasPin, createdBy } = link
  return (
    <Facts
      facts={[
        [t('sharing.devices'), <DeviceChips key="devices" devices={devices} />],
        [
          t('sharing.may'),
          <details key="rights">
            <summary>
              {variables === null ? t('links.allReadings') : t('links.someReadings', { count: variables.length })}
            </summary>
            <PrivilegeTexts privileges={privileges} />
            {variables !== null && <Text size="sm">{variables.join(', ')}</Text>}
          </details>,
        ],
        [t('sharing.period'), <Times key="times" terms={link} now={now} always={t('links.always')} />],
        [
          t('links.uses'),
          <span key="uses">
            {maxUses === null ? t('links.opened', { count: uses }) : t('links.openedOf', { uses, most: maxUses })}
            {lastUsedAt !== null && (
              <>
                {', '}
                {t('links.lastUsed')} <When at={lastUsedAt} />
              </>
            )}
          </span>,
        ],
        [t('links.pin'), t(hasPin ? 'links.pinYes' : 'links.pinNo')],
        [t('links.by'), createdBy.name],
      ]}
    />
  )
}
