// A new guest, and one guest: how they stand, what they may do, what was done with it.
import { Group, Stack, Text } from '@mantine/core'
import type { GuestView } from '@ridethrough/protocol/http/guest.ts'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { addressOf, guestQuery } from '../data/guest.ts'
import { useOverview } from '../data/live.ts'
import { useNow } from '../data/now.ts'
import { Facts } from '../part/facts.tsx'
import { ChangeGuestForm, InviteGuestForm } from '../part/guest-form.tsx'
import {
  ActiveMark,
  GuestQuestion,
  type GuestStep,
  isOpen,
  isUnanswered,
  sayRole,
  sayTerm,
  useResend,
  ValidatedMark,
  Workspace,
} from '../part/guest-parts.tsx'
import { Ledger } from '../part/ledger.tsx'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Section } from '../ui/section.tsx'
import { Loading } from './nothing.tsx'

export function NewGuestPage() {
  const { t } = useTranslation()
  const { isFilled } = useOverview()
  const { hindrance } = useOwner()
  return (
    <Page title={t('guest.new')} actions={<Back />}>
      {hindrance !== undefined ? <Alert kind="note">{hindrance}</Alert> : isFilled ? <InviteGuestForm /> : <Loading />}
    </Page>
  )
}

export function GuestPage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: '/signed-in/company/guests/$id' })
  const { hindrance } = useOwner()
  // Who is a guest is the owners' business.
  const { data: guest, error } = useQuery({ ...guestQuery(id), enabled: hindrance === undefined })
  const isMissing = hasCode(error, 'not-found') || hasCode(error, 'input-invalid')
  return (
    <Page title={guest ? (guest.name ?? guest.email) : t('guest.person')} actions={<Back />}>
      {hindrance !== undefined ? (
        <Alert kind="note">{hindrance}</Alert>
      ) : guest ? (
        <OneGuest key={guest.id} guest={guest} />
      ) : isMissing ? (
        <Empty title={t('guest.missing')}>{t('guest.missingWhat')}</Empty>
      ) : error ? (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      ) : (
        <Loading />
      )}
    </Page>
  )
}

function Back() {
  const { t } = useTranslation()
  return (
    <LinkButton to={paths.company} search={{ tab: 'guests' }} variant="default">
      {t('guest.back')}
    </LinkButton>
  )
}

/** Who may not change the company is told so. */
function useOwner(): { readonly company: string; readonly hindrance: string | undefined } {
  const { t } = useTranslation()
  const account = useQuery(accountQuery).data
  const company = account?.company.name ?? ''
  return { company, hindrance: account?.role === 'owner' ? undefined : t('company.ownerOnly', { company }) }
}

function OneGuest({ guest }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  const { isFilled } = useOverview()
  const [round, setRound] = useState(0)
  return (
    <Stack gap="lg" maw={760}>
      <Standing guest={guest} />
      {isOpen(guest) && (
        <Section title={t('guest.terms')}>
          {isFilled ? (
            <ChangeGuestForm key={round} guest={guest} onReset={() => setRound((each) => each + 1)} />
          ) : (
            <Loading />
          )}
        </Section>
      )}
      <Ledger of={addressOf(guest.id)} />
    </Stack>
  )
}

function Standing({ guest }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  return (
    <Section title={t('guest.standing')} lead={<Story guest={guest} now={now} />}>
      <Facts
        facts={[
          [t('guest.email'), guest.email],
          [t('guests.active'), <ActiveMark key="active" guest={guest} />],
          [t('guests.validated'), <ValidatedMark key="validated" guest={guest} />],
          [t('guests.role'), sayRole(guest, t)],
          [t('guests.workspace'), <Workspace key="workspace" guest={guest} />],
          [t('sharing.period'), sayTerm(guest, now, t) || t('term.none')],
        ]}
      />
      {isOpen(guest) && !(guest.active && guest.validated) && (
        <Text size="sm" c="dimmed">
          {t('guest.needsBoth')}
        </Text>
      )}
      {isOpen(guest) && <Actions guest={guest} />}
    </Section>
  )
}

function Story({ guest, now }: { readonly guest: GuestView; readonly now: number }) {
  const { t } = useTranslation()
  const { invitedBy: by, sentAt, invitationExpiresAt, answeredAt, endedAt, until } = guest
  const say = (at: string | null) => (at === null ? '' : sayTime(Date.parse(at), now))
  if (!isOpen(guest)) return t('guest.over', { by, time: say(endedAt ?? answeredAt ?? sentAt) })
  if (until !== null && Date.parse(until) <= now) return t('guest.ranOut', { by, time: say(until) })
  if (answeredAt !== null) return t('guest.accepted', { by, time: say(answeredAt) })
  const isLate = invitationExpiresAt !== null && Date.parse(invitationExpiresAt) <= now
  return t(isLate ? 'guest.expired' : 'guest.pending', { by, time: say(sentAt), until: say(invitationExpiresAt) })
}

function Actions({ guest }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  const { company } = useOwner()
  const [asked, setAsked] = useState<GuestStep>()
  const resend = useResend(guest)
  const steps: readonly GuestStep[] = [
    guest.active ? 'switchOff' : 'switchOn',
    isUnanswered(guest) ? 'withdraw' : 'end',
  ]
  return (
    <>
      <Group gap="xs">
        {isUnanswered(guest) && (
          <Action variant="default" loading={resend.isPending} onPress={() => resend.mutate()}>
            {t('guests.resend')}
          </Action>
        )}
        {steps.map((step) => (
          <Action key={step} variant="default" onPress={() => setAsked(step)}>
            {t(`guests.${step}`)}
          </Action>
        ))}
      </Group>
      {resend.error && <Alert kind="fault">{sayFault(resend.error, t)}</Alert>}
      {asked && <GuestQuestion guest={guest} company={company} step={asked} onClose={() => setAsked(undefined)} />}
    </>
  )
}
