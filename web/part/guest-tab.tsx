// Guests of the company, searched and filtered; all of it part of the address.
import { Group, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch, IconUserPlus } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { guestsQuery } from '../data/guest.ts'
import { Loading } from '../page/nothing.tsx'
import { GUEST_FILTERS, paths } from '../paths.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { GuestTable } from './guest-table.tsx'
import { More, useListing } from './listing.tsx'

const ROUTE = '/signed-in/company'

type Props = { readonly company: string; readonly hindrance: string | undefined }

/** Who is a guest is the owners' business. */
export function GuestTab({ company, hindrance }: Props) {
  const { t } = useTranslation()
  return hindrance === undefined ? (
    <Guests company={company} />
  ) : (
    <Alert kind="note">{t('guests.ownersOnly', { company })}</Alert>
  )
}

function Guests({ company }: { readonly company: string }) {
  const { t } = useTranslation()
  const { guests: state = 'open', search } = useSearch({ from: ROUTE })
  const navigate = useNavigate()
  const listing = useListing(guestsQuery({ state, search }))
  const { items, error } = listing
  const invite = (
    <Action icon={<IconUserPlus size={16} aria-hidden />} onPress={() => void navigate({ to: paths.newGuest })}>
      {t('guests.invite')}
    </Action>
  )
  const nothing = search !== undefined ? 'noneFound' : state === 'ended' ? 'noneEnded' : 'none'
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <States />
        {items?.length === 0 && nothing === 'none' ? undefined : invite}
      </Group>
      <Search />
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {items === undefined ? (
        !error && <Loading />
      ) : items.length === 0 ? (
        <Empty title={t(`guests.${nothing}`)} action={nothing === 'none' ? invite : undefined}>
          {t(`guests.${nothing}How`)}
        </Empty>
      ) : (
        <>
          <GuestTable guests={items} company={company} />
          <More listing={listing}>{t('guests.more')}</More>
        </>
      )}
    </Stack>
  )
}

function States() {
  const { t } = useTranslation()
  const { guests: state = 'open' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: paths.company })
  return (
    <SegmentedControl
      aria-label={t('guests.show')}
      value={state}
      data={GUEST_FILTERS.map((value) => ({ value, label: t(`guests.filter.${value}`) }))}
      onChange={(value) => {
        const guests = GUEST_FILTERS.find((each) => each === value)
        void navigate({ search: (before) => ({ ...before, guests }), replace: true })
      }}
    />
  )
}

const PAUSE_MS = 250

function Search() {
  const { t } = useTranslation()
  const { search = '' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: paths.company })
  const [typed, setTyped] = useState(search)
  const look = useDebouncedCallback(
    (text: string) =>
      void navigate({ search: (before) => ({ ...before, search: text.trim() || undefined }), replace: true }),
    PAUSE_MS,
  )
  return (
    <search>
      <TextInput
        label={t('guests.search')}
        type="search"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={typed}
        maw={420}
        onChange={(event) => {
          setTyped(event.currentTarget.value)
          look(event.currentTarget.value)
        }}
      />
    </search>
  )
}
