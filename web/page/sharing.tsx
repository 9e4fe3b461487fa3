// What I share, and what is shared with me.
import { Stack, Tabs } from '@mantine/core'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useOverview } from '../data/live.ts'
import { type Direction, sharesQuery } from '../data/share.ts'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { ShareCard } from '../part/share-card.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

const DIRECTIONS: readonly Direction[] = ['granted', 'received']

export function SharingPage() {
  const { t } = useTranslation()
  const { tab = 'granted' } = useSearch({ from: '/signed-in/sharing' })
  const navigate = useNavigate()
  const { ids } = useOverview()
  return (
    <Page
      title={t('sharing.title')}
      actions={ids.mine.length > 0 && <LinkButton to={paths.newShare}>{t('sharing.new')}</LinkButton>}
    >
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => {
          const next = DIRECTIONS.find((each) => each === value)
          void navigate({ to: paths.sharing, search: { tab: next }, replace: true })
        }}
      >
        <Tabs.List mb="md">
          {DIRECTIONS.map((direction) => (
            <Tabs.Tab key={direction} value={direction}>
              {t(`sharing.${direction}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="granted">
          <Shares direction="granted">
            <Empty
              title={t('sharing.noneGranted')}
              action={ids.mine.length > 0 ? <LinkButton to={paths.newShare}>{t('sharing.new')}</LinkButton> : undefined}
            >
              {ids.mine.length > 0 ? t('sharing.noneGrantedHow') : t('sharing.needDevice')}
            </Empty>
          </Shares>
        </Tabs.Panel>
        <Tabs.Panel value="received">
          <Shares direction="received">
            <Empty title={t('sharing.noneReceived')}>{t('sharing.noneReceivedHow')}</Empty>
          </Shares>
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}

function Shares({ direction, children }: { readonly direction: Direction; readonly children: ReactNode }) {
  const { t } = useTranslation()
  const { data, error } = useQuery(sharesQuery(direction))
  if (!data) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  const open = data.filter(isOpen)
  const ended = data.filter((share) => !isOpen(share))
  return (
    <Stack>
      {open.length === 0 ? (
        children
      ) : (
        <ShareList label={t(`sharing.${direction}List`)} direction={direction} shares={open} />
      )}
      {ended.length > 0 && (
        <details>
          <summary>{t('sharing.ended', { count: ended.length })}</summary>
          <ShareList label={t('sharing.endedList')} direction={direction} shares={ended} />
        </details>
      )}
    </Stack>
  )
}

type ShareListProps = { readonly label: string; readonly direction: Direction; readonly shares: readonly ShareView[] }

function ShareList({ label, direction, shares }: ShareListProps) {
  return (
    <ul
      aria-label={label}
      style={{ display: 'grid', gap: '0.75rem', listStyle: 'none', margin: '0.5rem 0', padding: 0 }}
    >
      {shares.map((share) => (
        <ShareCard key={share.id} share={share} direction={direction} />
      ))}
    </ul>
  )
}

function isOpen(share: ShareView): boolean {
  return share.state === 'pending' || share.state === 'accepted'
}
