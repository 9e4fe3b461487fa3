// Who is invited and has not answered: send again, withdraw.
import { Group, Stack, Text } from '@mantine/core'
import type { InvitationView } from '@ridethrough/protocol/http/company.ts'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { COMPANY_KEYS, invitationsQuery, resendInvitation, withdrawInvitation } from '../data/company.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { Loading } from '../page/nothing.tsx'
import { sayTime } from '../text/format.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { Status } from '../ui/status.tsx'
import { ConfirmChange, useChange } from './confirm-change.tsx'
import { More, useListing } from './listing.tsx'
import { useAnnounce } from './notice.tsx'

type Props = { readonly hindrance: string | undefined; readonly action: ReactNode }

export function TeamInvitations({ hindrance, action }: Props) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const listing = useListing(invitationsQuery)
  const [withdrawing, setWithdrawing] = useState<InvitationView>()
  const { items, error } = listing
  if (items === undefined) {
    if (!error) return <Loading />
    // Who is invited is the owners' business.
    const isOwners = hasCode(error, 'owner-needed')
    return <Alert kind={isOwners ? 'note' : 'fault'}>{isOwners && hindrance ? hindrance : sayFault(error, t)}</Alert>
  }
  if (items.length === 0) {
    return (
      <Empty title={t('invitations.none')} action={action}>
        {t('invitations.noneHow')}
      </Empty>
    )
  }
  return (
    <Section title={t('invitations.list')}>
      <Rows label={t('invitations.list')}>
        {items.map((invitation) => (
          <InvitationRow
            key={invitation.id}
            invitation={invitation}
            hindrance={hindrance}
            onWithdraw={() => setWithdrawing(invitation)}
          />
        ))}
      </Rows>
      <More listing={listing}>{t('team.more')}</More>
      {withdrawing && (
        <ConfirmChange
          title={t('invitations.withdrawTitle', withdrawing)}
          what={t('invitations.withdrawWhat', withdrawing)}
          submit={t('invitations.withdraw')}
          run={() => withdrawInvitation(withdrawing.id)}
          refresh={COMPANY_KEYS}
          onDone={() => {
            setWithdrawing(undefined)
            announce(t('invitations.withdrawn', withdrawing))
          }}
          onCancel={() => setWithdrawing(undefined)}
        />
      )}
    </Section>
  )
}

type RowProps = {
  readonly invitation: InvitationView
  readonly hindrance: string | undefined
  readonly onWithdraw: () => void
}

function InvitationRow({ invitation, hindrance, onWithdraw }: RowProps) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const announce = useAnnounce()
  const { email, role, state, invitedBy, sentAt, expiresAt } = invitation
  const resend = useChange(
    () => resendInvitation(invitation.id),
    COMPANY_KEYS,
    () => announce(t('invitations.resent', { email })),
  )
  const expires = Date.parse(expiresAt)
  const isOver = state === 'expired' || expires <= now
  const time = sayTime(expires, now)
  return (
    <Row
      actions={
        <Group gap="xs">
          <Action
            variant="default"
            size="sm"
            label={t('invitations.resendLabel', { email })}
            hindrance={hindrance}
            loading={resend.isPending}
            onPress={() => resend.mutate()}
          >
            {t('invitations.resend')}
          </Action>
          <Action
            variant="default"
            size="sm"
            label={t('invitations.withdrawLabel', { email })}
            hindrance={hindrance}
            onPress={onWithdraw}
          >
            {t('invitations.withdraw')}
          </Action>
        </Group>
      }
    >
      <Stack gap={4} align="flex-start">
        <Text fw={600}>{email}</Text>
        <Group gap="xs">
          <Status tone={isOver ? 'silent' : 'waiting'}>{t(`invitations.state.${isOver ? 'expired' : state}`)}</Status>
          <Text size="sm">{t(`teamRole.${role}`)}</Text>
        </Group>
        <Text size="sm" c="dimmed">
          {t('invitations.by', { name: invitedBy, time: sayTime(Date.parse(sentAt), now) })}.{' '}
          {t(isOver ? 'invitations.over' : 'invitations.until', { time })}
        </Text>
        {resend.error && <Alert kind="fault">{sayFault(resend.error, t)}</Alert>}
      </Stack>
    </Row>
  )
}
