// One invitation into a company, as co-worker or as guest: what it means, what stands in the way, accept or decline (R34).
import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { InvitationProof, type ReceivedInvitationView } from '@ridethrough/protocol/http/company.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { useNow } from '../data/now.ts'
import { acceptTeamInvitation, declineTeamInvitation } from '../data/team-invitation.ts'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { CodeField } from './code-field.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { Facts } from './facts.tsx'
import { useForm } from './form.ts'
import { LinkButton } from './link.tsx'
import { type Answered, useAnswered } from './team-answer.ts'

export type Received = z.infer<typeof ReceivedInvitationView>

type Props = { readonly invitation: Received; readonly code: string; readonly level?: 2 | 3 }

export function Offer({ invitation, code, level = 2 }: Props) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { company, invitedBy, role, expiresAt, obstacle } = invitation
  const text = invitation.as === 'guest' ? 'guestInvitation' : 'teamInvitation'
  return (
    <Paper withBorder p="lg" bg="var(--surface)" maw={640} component="section" aria-label={company}>
      <Stack>
        <Title order={level} size="h3">
          {t(`${text}.offer`, { ...invitedBy, company })}
        </Title>
        <Facts
          facts={[
            ...(role === null ? [] : [[t('teamInvitation.role'), t(`teamRole.${role}`)] as const]),
            [t('teamInvitation.until'), sayTime(Date.parse(expiresAt), now)],
          ]}
        />
        <Text>{t(`${text}.what`, { company })}</Text>
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

function Answer({ invitation, code }: Props) {
  const { t } = useTranslation()
  const [isDeclining, setDeclining] = useState(false)
  const answered = useAnswered(invitation)
  const { company, obstacle, invitedBy } = invitation
  const isGuest = invitation.as === 'guest'
  const form = useAcceptance(invitation, code, answered)
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        {obstacle === null && <CodeField label={t('teamInvitation.code')} {...form.field('code')} />}
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          {obstacle === null ? (
            <Button type="submit" loading={form.isSending}>
              {isGuest ? t('guestInvitation.accept') : t('teamInvitation.accept', { company })}
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
            onDone={() =>
              answered('declined', t(isGuest ? 'guestInvitation.declined' : 'teamInvitation.declined', { company }))
            }
            onCancel={() => setDeclining(false)}
          />
        )}
      </Stack>
    </form>
  )
}

function useAcceptance({ id, as, company }: Received, code: string, answered: Answered) {
  const { t } = useTranslation()
  return useForm({
    initial: { code },
    schema: InvitationProof,
    toBody: (values) => ({ code: values.code.trim() }),
    send: (body) => acceptTeamInvitation(id, body.code),
    onDone: ({ access, companyId }) => {
      const said = t(as === 'guest' ? 'guestInvitation.accepted' : 'teamInvitation.joined', { company })
      return answered('accepted', `${said} ${sayReport(access, t)}`, companyId)
    },
  })
}
