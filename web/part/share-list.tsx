// Shares in one direction: those that are open, searched, and those that are over, page by page.
import { Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { IconSearch } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { type Direction, sharePagesQuery } from '../data/share.ts'
import { Loading } from '../page/nothing.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { More, useListing } from './listing.tsx'
import { ShareCard } from './share-card.tsx'
import { Past } from './share-past.tsx'

const ROUTE = '/signed-in/sharing'

type ShareListingProps = { readonly direction: Direction; readonly empty: ReactNode }

export function ShareListing({ direction, empty }: ShareListingProps) {
  const { t } = useTranslation()
  const { search } = useSearch({ from: ROUTE })
  const listing = useListing(sharePagesQuery({ direction, state: 'open', search }))
  const { items, error } = listing
  if (!items) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  return (
    <Stack>
      {(items.length > 0 || search !== undefined) && <SearchField />}
      {items.length > 0 ? (
        <>
          <Cards label={t(`sharing.${direction}List`)} shares={items} />
          <More listing={listing}>{t('sharing.more')}</More>
        </>
      ) : search === undefined ? (
        empty
      ) : (
        <Empty title={t('sharing.noneFound')}>{t('sharing.noneFoundHow')}</Empty>
      )}
      <Past>
        <Ended direction={direction} search={search} />
      </Past>
    </Stack>
  )
}

function Ended({ direction, search }: { readonly direction: Direction; readonly search: string | undefined }) {
  const { t } = useTranslation()
  const listing = useListing(sharePagesQuery({ direction, state: 'ended', search, limit: '20' }))
  const { items, error } = listing
  if (!items) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  if (items.length === 0)
    return (
      <Empty level={3} title={t('sharing.nonePast')}>
        {t('sharing.nonePastHow')}
      </Empty>
    )
  return (
    <>
      <Cards label={t('sharing.endedList')} shares={items} />
      <More listing={listing}>{t('sharing.more')}</More>
    </>
  )
}

function Cards({ label, shares }: { readonly label: string; readonly shares: readonly ShareView[] }) {
  return (
    <ul
      aria-label={label}
      style={{ display: 'grid', gap: '0.75rem', listStyle: 'none', margin: '0.5rem 0', padding: 0 }}
    >
      {shares.map((share) => (
        <ShareCard key={share.id} share={share} />
      ))}
    </ul>
  )
}

function SearchField() {
  const { t } = useTranslation()
  const { search = '' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: '/sharing' })
  const [typed, setTyped] = useState(search)
  const apply = useDebouncedCallback((text: string) => {
    void navigate({ search: (before) => ({ ...before, search: text.trim() || undefined }), replace: true })
  }, 300)
  return (
    <search>
      <TextInput
        label={t('sharing.search')}
        maw={360}
        leftSection={<IconSearch size={16} aria-hidden />}
        maxLength={100}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value)
          apply(event.currentTarget.value)
        }}
      />
    </search>
  )
}
