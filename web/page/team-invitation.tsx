// Where the mail of an invitation into a company leads: who invites, as what, and what stands in the way.
import { Button, Group, Paper, Stack, Text } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { InvitationProof, type ReceivedInvitationView } from '@ridethrough/protocol/http/company.ts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { accountQuery } from '../data/account.ts'
import { COMPANY_KEYS } from '../data/company.ts'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { forgetInvitation } from '../data/pending.ts'
import { acceptTeamInvitation, declineTeamInvitation, teamInvitationsQuery } from '../data/team-invitation.ts'
import { CodeField } from '../part/code-field.tsx'
import { ConfirmChange } from '../part/confirm-change.tsx'
import { Facts } from '../part/facts.tsx'
import { useForm } from '../part/form.ts'
import { SignInFirst, useInvitationCode } from '../part/invited.tsx'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { Shell } from '../part/shell.tsx'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Loading } from './nothing.tsx'

type Invitation = z.infer<typeof ReceivedInvitationView>

export function TeamInvitationPage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: paths.teamInvitation })
  const account = useQuery(accountQuery).data
  const code = useInvitationCode(id, 'company')
  if (account === undefined) return <Loading />
  if (account === null)
    return <SignInFirst title={t('teamInvitation.title')}>{t('teamInvitation.signInFirst')}</SignInFirst>
  return (
    <Shell>
      <Offer id={id} code={code} account={account} />
    </Shell>
  )
}

type OfferProps = { readonly id: string; readonly code: string; readonly account: AccountView }

function Offer({ id, code, account }: OfferProps) {
  const { t } = useTranslation()
  const { data, error } = useQuery(teamInvitationsQuery)
  const invitation = data?.find((each) => each.id === id)
  return (
    <Page title={t('teamInvitation.title')}>
      {invitation ? (
        <Terms invitation={invitation} code={code} />
      ) : data ? (
        <Stack maw={640} align="flex-start">
          <Alert kind="warning" title={t('teamInvitation.missing')}>
            {t('teamInvitation.missingWhat', { email: account.email })}
          </Alert>
          <LinkButton to={paths.account} variant="default">
            {t('invitation.switch')}
          </LinkButton>
        </Stack>
      ) : error ? (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      ) : (
        <Loading />
      )}
    </Page>
  )
}

type TermsProps = { readonly invitation: Invitation; readonly code: string }

function Terms({ invitation, code }: TermsProps) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { company, invitedBy, role, expiresAt, obstacle } = invitation
  return (
    <Paper withBorder p="lg" bg="var(--surface)" maw={640}>
      <Stack>
        <Text fw={600}>{t('teamInvitation.offer', { ...invitedBy, company })}</Text>
        <Facts
          facts={[
            [t('teamInvitation.role'), role === null ? '' : t(`teamRole.${role}`)],
            [t('teamInvitation.until'), sayTime(Date.parse(expiresAt), now)],
          ]}
        />
        <Text>{t('teamInvitation.what', { company })}</Text>
        {obstacle !== null && (
          <Alert kind="warning" title={t(`teamInvitation.obstacle.${obstacle}`)}>
            {t(`teamInvitation.obstacleWhat.${obstacle}`, { company, name: invitedBy.name })}
          </Alert>
        )}
        <Answer invitation={invitation} code={code} />
      </Stack>
    </Paper>
  )
}

function Answer({ invitation, code }: TermsProps) {
  const { t } = useTranslation()
  const [isDeclining, setDeclining] = useState(false)
  const answered = useAnswered(invitation.id)
  const { company, obstacle, invitedBy } = invitation
  const form = useForm({
    initial: { code },
    schema: InvitationProof,
    toBody: (values) => ({ code: values.code.trim() }),
    send: (body) => acceptTeamInvitation(invitation.id, body.code),
    onDone: ({ access }) => answered(`${t('teamInvitation.joined', { company })} ${sayReport(access, t)}`),
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        {obstacle === null && <CodeField label={t('teamInvitation.code')} {...form.field('code')} />}
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          {obstacle === null ? (
            <Button type="submit" loading={form.isSending}>
              {t('teamInvitation.accept', { company })}
            </Button>
          ) : obstacle === 'devices' ? (
            <LinkButton to={paths.overview}>{t('teamInvitation.toDevices')}</LinkButton>
          ) : (
            <LinkButton to={paths.company}>{t('teamInvitation.toCompany')}</LinkButton>
          )}
          <Button variant="default" onClick={() => setDeclining(true)}>
            {t('teamInvitation.decline')}
          </Button>
        </Group>
        {isDeclining && (
          <ConfirmChange
            title={t('teamInvitation.declineTitle', { company })}
            what={t('teamInvitation.declineWhat', { name: invitedBy.name })}
            submit={t('teamInvitation.decline')}
            run={() => declineTeamInvitation(invitation.id)}
            refresh={[]}
            onDone={() => answered(t('teamInvitation.declined', { company }))}
            onCancel={() => setDeclining(false)}
          />
        )}
      </Stack>
    </form>
  )
}

/** The overview comes first: on this page the invitation would be missing as soon as it is answered. */
function useAnswered(id: string): (said: string) => Promise<void> {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  return async (said) => {
    forgetInvitation(id, Date.now())
    await navigate({ to: paths.overview })
    announce(said)
    await Promise.all(
      [...COMPANY_KEYS, accountQuery.queryKey, teamInvitationsQuery.queryKey, ['devices']].map((queryKey) =>
        queries.invalidateQueries({ queryKey }),
      ),
    )
  }
}
