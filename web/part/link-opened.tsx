// An open link: its devices, live, for as long as it lasts.
import { Paper, Stack, Text, Title } from '@mantine/core'
import type { LinkDeviceView, LinkPageView } from '@ridethrough/protocol/http/link.ts'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { hasCode, sayFault } from '../data/fault.ts'
import { type Closed, type Closing, getLinkPage, linkStream, linkStreamUrl } from '../data/link.ts'
import { createLinkStore, type LinkStore } from '../data/link-store.ts'
import { type Live, LiveProvider, useConnection } from '../data/live.ts'
import { LiveLink } from '../data/live-link.ts'
import { createLiveStore } from '../data/live-store.ts'
import { useNow } from '../data/now.ts'
import { Loading } from '../page/nothing.tsx'
import { sayTimeIn, sayWindows } from '../text/window.ts'
import { Alert } from '../ui/alert.tsx'
import { VisitorFrame } from '../ui/frame.tsx'
import { ClosedReason } from './link-closed.tsx'
import { LinkDevice } from './link-device.tsx'
import { Page } from './page.tsx'

type LinkOpenedProps = { readonly bearer: string; readonly onOver: () => void }

export function LinkOpened({ bearer, onOver }: LinkOpenedProps) {
  const { t } = useTranslation()
  const [{ store, live }] = useState(() => connect(bearer, onOver))
  useRunning(live)
  return (
    <LiveProvider value={live}>
      <VisitorFrame name={t('app.name')}>
        <Shown store={store} bearer={bearer} onOver={onOver} />
      </VisitorFrame>
    </LiveProvider>
  )
}

function connect(bearer: string, onOver: () => void): { readonly store: LinkStore; readonly live: Live } {
  const store = createLinkStore()
  const link = new LiveLink({
    url: linkStreamUrl(),
    stream: linkStream(bearer),
    onEvent: store.apply,
    onSignedOut: onOver,
  })
  // The console's own store stays empty: parts that ask for the time or the stream look beside it.
  return { store, live: { link, store: createLiveStore() } }
}

function useRunning({ link }: Live): void {
  useEffect(() => {
    link.start()
    window.addEventListener('online', link.hurry)
    document.addEventListener('visibilitychange', link.hurry)
    return () => {
      window.removeEventListener('online', link.hurry)
      document.removeEventListener('visibilitychange', link.hurry)
      link.stop()
    }
  }, [link])
}

const POLL_MS = 15_000

type ShownProps = { readonly store: LinkStore } & LinkOpenedProps

function Shown({ store, bearer, onOver }: ShownProps) {
  const { t } = useTranslation()
  const devices = useSyncExternalStore(store.subscribe, store.devices)
  const { page, error, ask } = usePageOf(bearer, store, devices)
  const isOver = hasCode(error, 'link-ended')
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is over once
  useEffect(() => {
    if (isOver) onOver()
  }, [isOver])
  if (error && !isOver && !devices) return <Alert kind="fault">{sayFault(error, t)}</Alert>
  if (!devices || (devices.length === 0 && (!page || page.standing === 'open'))) return <Loading />
  const [only] = devices.length === 1 ? devices : []
  return (
    <Page title={only?.name ?? t('viaLink.title')} isLive>
      <Stack gap="lg">
        {page && <Terms page={page} devices={devices} />}
        {devices.length === 0 && page && <Standing page={page} onAgain={ask} />}
        {devices.map((device) => (
          <LinkDevice key={device.id} device={device} bearer={bearer} isAlone={device === only} />
        ))}
      </Stack>
    </Page>
  )
}

/** What the stream does not say: until when, at which hours, and why there is nothing. And the devices, where it does not run. */
function usePageOf(bearer: string, store: LinkStore, devices: readonly LinkDeviceView[] | undefined) {
  const { phase, epoch } = useConnection()
  const isNothingShown = devices?.length === 0
  const { data, error, refetch } = useQuery({
    queryKey: ['link', bearer, epoch, isNothingShown],
    queryFn: async ({ signal }) => {
      const page = await getLinkPage(bearer, signal)
      if (phase !== 'live') store.fill(page.devices)
      return page
    },
    placeholderData: (before) => before,
    refetchInterval: phase === 'live' ? false : POLL_MS,
    staleTime: 0,
    gcTime: 0,
  })
  return { page: data, error, ask: () => void refetch() }
}

function Terms({ page, devices }: { readonly page: LinkPageView; readonly devices: readonly LinkDeviceView[] }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const zones = [...new Set(devices.map(({ timeZone }) => timeZone))]
  const windows = sayWindows(page.windows, t)
  const [zone] = zones
  const hours =
    zones.length === 1 ? t('viaLink.hours', { windows, zone: zone ?? '' }) : t('viaLink.hoursThere', { windows })
  const said = [
    ...(page.until === null ? [] : [t('viaLink.until', { time: sayTimeIn(Date.parse(page.until), now, OWN_ZONE) })]),
    ...(page.windows.length === 0 ? [] : [hours]),
  ]
  if (said.length === 0) return null
  return (
    <Text size="sm" c="dimmed">
      {said.join(' ')}
    </Text>
  )
}

const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

const CODE: Readonly<Record<Exclude<LinkPageView['standing'], 'open'>, Closed>> = {
  'not-yet': 'link-not-yet',
  'outside-hours': 'link-outside-hours',
  suspended: 'link-suspended',
}

function Standing({ page, onAgain }: { readonly page: LinkPageView; readonly onAgain: () => void }) {
  const { t } = useTranslation()
  if (page.standing === 'open') return null
  const opensAt = page.opensAt === null ? null : Date.parse(page.opensAt)
  const closing: Closing = { code: CODE[page.standing], opensAt }
  return (
    <Paper withBorder p="lg" bg="var(--surface)">
      <Stack gap="xs" align="flex-start" role="status">
        <Title order={2} size="h3">
          {t(`viaLink.closed.${closing.code}`)}
        </Title>
        <ClosedReason closing={closing} onAgain={onAgain} />
      </Stack>
    </Paper>
  )
}
