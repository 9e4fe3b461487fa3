// What needs me, then everything else.
import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { hostsQuery } from '../data/host.ts'
import { useOverview } from '../data/live.ts'
import { sharesQuery } from '../data/share.ts'
import { teamInvitationsQuery } from '../data/team-invitation.ts'
import { DeviceList } from '../part/device-row.tsx'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { ToneCounts } from '../part/tone-counts.tsx'
import { paths } from '../paths.ts'
import { sayList } from '../text/format.ts'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

export function OverviewPage() {
  const { t } = useTranslation()
  const { ids, tones, isFilled } = useOverview()
  // Whoever has nothing else is here for what they see as a guest.
  const isGuestOnly = ids.mine.length + ids.shared.length === 0
  const claim = <LinkButton to={paths.claim}>{t('overview.claim')}</LinkButton>
  const mine = (
    <Section key="mine" title={t('overview.mine')} ids={ids.mine}>
      <Empty level={3} title={t('overview.noneMine')} action={claim}>
        {t('overview.noneMineHow')}
      </Empty>
    </Section>
  )
  const shared = (
    <Section key="shared" title={t('overview.shared')} ids={ids.shared}>
      <Empty level={3} title={t('overview.noneShared')}>
        {t('overview.noneSharedHow')}
      </Empty>
    </Section>
  )
  return (
    <Page title={t('overview.title')} isLive actions={ids.mine.length > 0 ? claim : undefined}>
      <Stack gap="xl">
        <Invitations />
        {isFilled ? (
          <>
            <ToneCounts tones={tones} label={t('overview.summary')} />
            {isGuestOnly && <Hosts />}
            {/* Whoever owns nothing is here for what others share. */}
            {ids.mine.length === 0 && ids.shared.length > 0 ? [shared, mine] : [mine, shared]}
            {isGuestOnly ? undefined : <Hosts />}
          </>
        ) : (
          <Loading />
        )}
      </Stack>
    </Page>
  )
}

type SectionProps = { readonly title: string; readonly ids: readonly string[]; readonly children: ReactNode }

function Section({ title, ids, children }: SectionProps) {
  const { t } = useTranslation()
  return (
    <section aria-label={title}>
      <Group gap="xs" mb="xs" align="baseline">
        <Title order={2}>{title}</Title>
        {ids.length > 0 && (
          <Text size="sm" c="dimmed">
            {t('overview.count', { count: ids.length })}
          </Text>
        )}
      </Group>
      {ids.length > 0 ? <DeviceList label={title} ids={ids} /> : children}
    </section>
  )
}

function Hosts() {
  const { t } = useTranslation()
  const hosts = useQuery(hostsQuery).data ?? []
  const { hosts: parts } = useOverview()
  if (hosts.length === 0) return null
  return (
    <section aria-label={t('companies.card')}>
      <Title order={2} mb="xs">
        {t('companies.card')}
      </Title>
      <Stack gap="xs">
        {hosts.map(({ id, name: company }) => {
          const { ids = [], tones = {} } = parts[id] ?? {}
          return (
            <Paper key={id} withBorder p="sm" bg="var(--surface)">
              <Group justify="space-between">
                <Group gap="sm">
                  <Text>{t('companies.cardWhat', { company, count: ids.length })}</Text>
                  <ToneCounts tones={tones} label={t('companies.summary', { company })} />
                </Group>
                <LinkButton
                  to={paths.host}
                  params={{ id }}
                  variant="default"
                  size="sm"
                  aria-label={t('companies.enterLabel', { company })}
                >
                  {t('companies.enter')}
                </LinkButton>
              </Group>
            </Paper>
          )
        })}
      </Stack>
    </section>
  )
}

function Invitations() {
  const { t } = useTranslation()
  const shares = useQuery(sharesQuery('received')).data ?? []
  const pending = shares.filter((share) => share.state === 'pending')
  const teams = useQuery(teamInvitationsQuery).data ?? []
  if (pending.length + teams.length === 0) return null
  return (
    <section aria-label={t('overview.invitations')}>
      <Title order={2} mb="xs">
        {t('overview.invitations')}
      </Title>
      <Stack gap="xs">
        {teams.map(({ id, as, invitedBy, company }) => (
          <Invitation
            key={id}
            link={
              <LinkButton to={paths.teamInvitation} params={{ id }} variant="default" size="sm">
                {t('overview.openInvitation')}
              </LinkButton>
            }
          >
            {t(as === 'guest' ? 'guestInvitation.invites' : 'teamInvitation.invites', {
              name: invitedBy.name,
              company,
            })}
          </Invitation>
        ))}
        {pending.map(({ id, sharedBy, devices }) => (
          <Invitation
            key={id}
            link={
              <LinkButton to={paths.invitation} params={{ id }} variant="default" size="sm">
                {t('overview.openInvitation')}
              </LinkButton>
            }
          >
            {t('overview.invites', { name: sharedBy.name, devices: sayList(devices.map((device) => device.name)) })}
          </Invitation>
        ))}
      </Stack>
    </section>
  )
}

function Invitation({ children, link }: { readonly children: string; readonly link: ReactNode }) {
  return (
    <Paper withBorder p="sm" bg="var(--surface)">
      <Group justify="space-between">
        <Text>{children}</Text>
        {link}
      </Group>
    </Paper>
  )
}
