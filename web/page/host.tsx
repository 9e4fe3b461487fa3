// The dashboard of a company that the account is a guest of: its devices that are open to the guest now, and nothing else (R35).
import { Stack, TextInput } from '@mantine/core'
import type { HostView } from '@ridethrough/protocol/http/guest.ts'
import { IconSearch } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { hostsQuery } from '../data/host.ts'
import { useLive, useOverview } from '../data/live.ts'
import type { HostPart } from '../data/live-store.ts'
import { useNow } from '../data/now.ts'
import { DeviceList } from '../part/device-row.tsx'
import { standingOf } from '../part/host-parts.tsx'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { ToneCounts } from '../part/tone-counts.tsx'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { sayWindows } from '../text/window.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

const ROUTE = '/signed-in/companies/$id'
const NOTHING: HostPart = { ids: [], tones: {} }

export function HostPage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: ROUTE })
  const { data: hosts, error } = useQuery(hostsQuery)
  const { hosts: parts, isFilled } = useOverview()
  const part = parts[id] ?? NOTHING
  useFollowing(part.ids.length)
  const host = hosts?.find((each) => each.id === id)
  if (host && isFilled) return <Dashboard key={id} host={host} part={part} />
  return (
    <Page title={host?.name ?? t('companies.title')}>
      {error ? (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      ) : hosts && !host ? (
        <Empty title={t('host.gone')} action={<LinkButton to={paths.companies}>{t('host.toCompanies')}</LinkButton>}>
          {t('host.goneWhy')}
        </Empty>
      ) : (
        <Loading />
      )}
    </Page>
  )
}

/** Devices that come or go are the first sign that the entry itself was changed. */
function useFollowing(devices: number): void {
  const queries = useQueryClient()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the count is what is followed
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: hostsQuery.queryKey })
  }, [devices, queries])
}

type DashboardProps = { readonly host: HostView; readonly part: HostPart }

function Dashboard({ host, part }: DashboardProps) {
  const { t } = useTranslation()
  const { store } = useLive()
  const { search = '' } = useSearch({ from: ROUTE })
  const sought = search.toLowerCase()
  const shown = part.ids.filter((id) => {
    const device = store.device(id)
    return `${device?.name} ${device?.model}`.toLowerCase().includes(sought)
  })
  const company = host.name
  return (
    <Page title={company} isLive>
      {part.ids.length === 0 ? (
        <NothingOpen host={host} />
      ) : (
        <Stack gap="md">
          <ToneCounts tones={part.tones} label={t('companies.summary', { company })} />
          <Search shown={shown.length} total={part.ids.length} />
          {shown.length === 0 ? (
            <Empty title={t('host.noneFound')}>{t('host.noneFoundHow')}</Empty>
          ) : (
            <DeviceList label={t('host.devices', { company })} ids={shown} />
          )}
        </Stack>
      )}
    </Page>
  )
}

function Search({ shown, total }: { readonly shown: number; readonly total: number }) {
  const { t } = useTranslation()
  const { search = '' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: paths.host })
  return (
    <search>
      <TextInput
        type="search"
        label={t('host.search')}
        description={<span aria-live="polite">{t('host.found', { count: shown, total })}</span>}
        inputWrapperOrder={['label', 'input', 'description']}
        leftSection={<IconSearch size={16} aria-hidden />}
        maw={420}
        value={search}
        onChange={(event) =>
          void navigate({ search: { search: event.currentTarget.value || undefined }, replace: true })
        }
      />
    </search>
  )
}

/** Why nothing is to be seen, and what to do about it. */
function NothingOpen({ host }: { readonly host: HostView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const standing = standingOf(host, false, now)
  const { name: company, invitedBy: name, from, until, windows } = host
  const say = (at: string | null) => (at === null ? '' : sayTime(Date.parse(at), now))
  const why = {
    off: t('host.noneOff', { company, name }),
    outside: t('host.noneOutside', { times: sayWindows(windows, t) }),
    upcoming: t('host.noneUpcoming', { time: say(from) }),
    over: t('host.noneOver', { time: say(until), name }),
    now: t('host.noneDevices', { company, name }),
  }[standing]
  return <Empty title={t('host.none')}>{why}</Empty>
}
