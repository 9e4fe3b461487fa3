// Pieces of the pages of host companies: how one stands there, the way out, and the banner that says where one is (R35).
import { Group } from '@mantine/core'
import type { HostView } from '@ridethrough/protocol/http/guest.ts'
import { IconArrowLeft, IconBuilding } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { hostsQuery, leaveHost } from '../data/host.ts'
import { useLiveDevice } from '../data/live.ts'
import { hostOf } from '../data/live-store.ts'
import { teamInvitationsQuery } from '../data/team-invitation.ts'
import { paths } from '../paths.ts'
import { sayReport } from '../text/sentence.ts'
import { Status, type StatusTone } from '../ui/status.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import styles from './host-parts.module.css'
import { LinkButton } from './link.tsx'
import { useAnnounce } from './notice.tsx'

export type HostStanding = 'now' | 'off' | 'upcoming' | 'over' | 'outside'

/** `sees`: whether anything may be seen at this moment. */
export function standingOf(host: HostView, sees: boolean, now: number): HostStanding {
  if (!host.active) return 'off'
  if (host.until !== null && Date.parse(host.until) <= now) return 'over'
  if (host.from !== null && Date.parse(host.from) > now) return 'upcoming'
  return host.windows.length > 0 && !sees ? 'outside' : 'now'
}

const TONES: Readonly<Record<HostStanding, StatusTone>> = {
  now: 'normal',
  off: 'silent',
  upcoming: 'notice',
  over: 'silent',
  outside: 'waiting',
}

export function Standing({ standing }: { readonly standing: HostStanding }) {
  const { t } = useTranslation()
  return <Status tone={TONES[standing]}>{t(`companies.${standing}`)}</Status>
}

/** In the menu only for those whom it concerns (R34). */
export function CompaniesLink() {
  const { t } = useTranslation()
  const hosts = useQuery(hostsQuery).data ?? []
  const invitations = useQuery(teamInvitationsQuery).data ?? []
  if (hosts.length + invitations.length === 0) return null
  return (
    <Link to={paths.companies}>
      <IconBuilding size={20} aria-hidden />
      {t('companies.nav')}
    </Link>
  )
}

/** On the pages of a host company and of its devices: whose they are, and one click back to one's own (R35). */
export function HostBanner() {
  const { id } = useParams({ strict: false })
  const device = useLiveDevice(id ?? '')
  const hosts = useQuery(hostsQuery).data
  const companyId = device ? hostOf(device) : id
  const host = hosts?.find((each) => each.id === companyId)
  const name = host?.name ?? (device?.via === 'guest' ? device.company?.name : undefined)
  return name !== undefined && companyId !== undefined ? <Banner id={companyId} name={name} /> : null
}

function Banner({ id, name }: { readonly id: string; readonly name: string }) {
  const { t } = useTranslation()
  return (
    <section className={styles.banner} aria-label={t('host.bannerLabel')}>
      <Group gap="xs" wrap="nowrap">
        <IconBuilding size={20} aria-hidden />
        <span>
          {t('host.banner')}{' '}
          <Link to={paths.host} params={{ id }} className={styles.name}>
            {name}
          </Link>
        </span>
      </Group>
      <LinkButton to={paths.overview} variant="default" size="sm" leftSection={<IconArrowLeft size={16} aria-hidden />}>
        {t('host.back')}
      </LinkButton>
    </section>
  )
}

type LeaveProps = { readonly host: HostView; readonly onClose: () => void }

export function LeaveQuestion({ host, onClose }: LeaveProps) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const company = host.name
  return (
    <ConfirmChange
      title={t('companies.leaveTitle', { company })}
      what={t('companies.leaveWhat', { name: host.invitedBy })}
      submit={t('companies.leave')}
      run={() => leaveHost(host.id)}
      refresh={[]}
      onDone={async ({ access }) => {
        onClose()
        await navigate({ to: paths.companies })
        await queries.invalidateQueries({ queryKey: hostsQuery.queryKey })
        announce(`${t('companies.left', { company })} ${sayReport(access, t)}`)
      }}
      onCancel={onClose}
    />
  )
}
