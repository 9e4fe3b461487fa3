// Companies that invite the account or have it as their guest: accept, decline, enter, leave (R34).
import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { HostView } from '@ridethrough/protocol/http/guest.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { hostsQuery } from '../data/host.ts'
import { useOverview } from '../data/live.ts'
import { useNow } from '../data/now.ts'
import { pendingInvitation } from '../data/pending.ts'
import { teamInvitationsQuery } from '../data/team-invitation.ts'
import { sayTerm } from '../part/guest-parts.tsx'
import { LeaveQuestion, Standing, standingOf } from '../part/host-parts.tsx'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { Offer } from '../part/team-offer.tsx'
import { paths } from '../paths.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

export function CompaniesPage() {
  const { t } = useTranslation()
  const hosts = useQuery(hostsQuery)
  const invitations = useQuery(teamInvitationsQuery)
  const error = hosts.error ?? invitations.error
  const isEmpty = hosts.data?.length === 0 && invitations.data?.length === 0
  return (
    <Page title={t('companies.title')}>
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {!hosts.data || !invitations.data ? (
        !error && <Loading />
      ) : isEmpty ? (
        <Empty title={t('companies.none')}>{t('companies.noneHow')}</Empty>
      ) : (
        <Stack gap="xl">
          {invitations.data.length > 0 && (
            <section aria-label={t('companies.invitations')}>
              <Title order={2} mb="xs">
                {t('companies.invitations')}
              </Title>
              <Stack>
                {invitations.data.map((invitation) => (
                  <Offer key={invitation.id} invitation={invitation} code={codeOf(invitation.id)} level={3} />
                ))}
              </Stack>
            </section>
          )}
          <section aria-label={t('companies.hosts')}>
            <Title order={2} mb="xs">
              {t('companies.hosts')}
            </Title>
            {hosts.data.length === 0 ? (
              <Text c="dimmed">{t('companies.noHosts')}</Text>
            ) : (
              <Stack component="ul" gap="xs" m={0} p={0} style={{ listStyle: 'none' }}>
                {hosts.data.map((host) => (
                  <Host key={host.id} host={host} />
                ))}
              </Stack>
            )}
          </section>
        </Stack>
      )}
    </Page>
  )
}

/** The code that the mail's link brought to this browser. */
function codeOf(id: string): string {
  const pending = pendingInvitation(Date.now())
  return pending?.id === id ? pending.code : ''
}

function Host({ host }: { readonly host: HostView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { hosts, isFilled } = useOverview()
  const [isLeaving, setLeaving] = useState(false)
  const { id, name: company } = host
  // The stream knows it earlier than the list.
  const devices = isFilled ? (hosts[id]?.ids.length ?? 0) : host.devices
  return (
    <Paper component="li" withBorder p="md" bg="var(--surface)" aria-label={company}>
      <Group justify="space-between" gap="sm">
        <Stack gap={4} align="flex-start" style={{ flex: '1 1 16rem', minWidth: 0 }}>
          <Title order={3}>{company}</Title>
          <Group gap="xs">
            <Standing standing={standingOf(host, devices > 0, now)} />
            <Text size="sm">{t('companies.devices', { count: devices })}</Text>
          </Group>
          <Text size="sm" c="dimmed">
            {t('companies.invitedBy', { name: host.invitedBy })} · {sayTerm(host, now, t) || t('term.none')}
          </Text>
        </Stack>
        <Group gap="xs">
          <LinkButton to={paths.host} params={{ id }} aria-label={t('companies.enterLabel', { company })}>
            {t('companies.enter')}
          </LinkButton>
          <Action variant="default" label={t('companies.leaveLabel', { company })} onPress={() => setLeaving(true)}>
            {t('companies.leave')}
          </Action>
        </Group>
      </Group>
      {isLeaving && <LeaveQuestion host={host} onClose={() => setLeaving(false)} />}
    </Paper>
  )
}
