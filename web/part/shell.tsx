// The frame of a signed-in console: navigation, and the live stream that runs as long as it stands.
import { ActionIcon, Group, Text, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import {
  IconLayoutDashboard,
  IconLogout,
  IconMoon,
  IconShare,
  IconSun,
  IconUser,
  IconUsersGroup,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense, useEffect, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { listDevices } from '../data/device.ts'
import { sayFault } from '../data/fault.ts'
import { useConnection, useLive } from '../data/live.ts'
import { isStepUpAsked, subscribeStepUp } from '../data/step-up.ts'
import { Loading } from '../page/nothing.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Frame } from '../ui/frame.tsx'
import { CompaniesLink, HostBanner } from './host-parts.tsx'
import { useSignOut } from './leaving.ts'
import { NoticeBell } from './notice-bell.tsx'

const StepUpDialog = lazy(() => import('./step-up.tsx').then(({ StepUpDialog }) => ({ default: StepUpDialog })))

export function Shell({ children }: { readonly children?: ReactNode }) {
  const { t } = useTranslation()
  const isSignedOut = useQuery(accountQuery).data === null
  useLiveStream()
  return (
    <Frame
      name={t('app.name')}
      navigation={t('app.navigation')}
      skip={t('app.skip')}
      links={
        <>
          <Link to={paths.overview} activeOptions={{ exact: true }}>
            <IconLayoutDashboard size={20} aria-hidden />
            {t('nav.overview')}
          </Link>
          <Link to={paths.sharing}>
            <IconShare size={20} aria-hidden />
            {t('nav.sharing')}
          </Link>
          <Link to={paths.company}>
            <IconUsersGroup size={20} aria-hidden />
            {t('nav.company')}
          </Link>
          <CompaniesLink />
          <Link to={paths.account}>
            <IconUser size={20} aria-hidden />
            {t('nav.account')}
          </Link>
        </>
      }
      foot={<Foot />}
    >
      {/* The way to the sign-in is under way: what the page would say now is only that it was refused. */}
      {isSignedOut ? (
        <Loading />
      ) : (
        <>
          <HostBanner />
          {children ?? <Outlet />}
        </>
      )}
      <StepUpQuestion />
    </Frame>
  )
}

function StepUpQuestion() {
  const isAsked = useSyncExternalStore(subscribeStepUp, isStepUpAsked)
  return <Suspense>{isAsked && <StepUpDialog />}</Suspense>
}

/** On every page in sight: whose console it is, the look, and the way out. */
function Foot() {
  const { t } = useTranslation()
  const account = useQuery(accountQuery).data
  const scheme = useComputedColorScheme('light')
  const { setColorScheme } = useMantineColorScheme()
  const leaving = useSignOut()
  const label = scheme === 'dark' ? t('look.toLight') : t('look.toDark')
  return (
    <>
      <Group justify="space-between" gap={4}>
        <Text size="sm" c="dimmed" truncate style={{ flex: '1 1 7rem' }}>
          {account?.name}
        </Text>
        <Group gap={4} wrap="nowrap">
          <NoticeBell />
          <Tooltip label={label}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={label}
              onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}
            >
              {scheme === 'dark' ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t('account.signOut')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t('account.signOut')}
              loading={leaving.isPending}
              onClick={() => leaving.mutate()}
            >
              <IconLogout size={18} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      {leaving.error && <Alert kind="fault">{sayFault(leaving.error, t)}</Alert>}
    </>
  )
}

const POLL_MS = 15_000

/** Live by the stream; where a proxy lets no WebSocket through, by asking again. */
function useLiveStream(): void {
  const { store, link } = useLive()
  const { phase } = useConnection()
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
  const list = useQuery({
    queryKey: ['devices'],
    queryFn: async ({ signal }) => {
      const devices = await listDevices(signal)
      // The stream knows better what is there than a list that set out before its last word.
      store.fill(devices, link.connection().phase !== 'live')
      return devices.length
    },
    enabled: phase !== 'live',
    refetchInterval: POLL_MS,
    staleTime: 0,
  })
  void list
}
