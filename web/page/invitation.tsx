// Where the mail of a share leads: what is offered, by whom, until when; accept or decline.
import { Button, Group, Paper, Stack, Text, TextInput } from '@mantine/core'
import { type ShareChangeAnswer, ShareCode, type ShareView } from '@ridethrough/protocol/http/share.ts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { forgetInvitation } from '../data/pending.ts'
import { acceptShare, declineShare, SHARE_KEYS, shareQuery, whoseQuery } from '../data/share.ts'
import { ConfirmChange } from '../part/confirm-change.tsx'
import { Facts } from '../part/facts.tsx'
import { useForm } from '../part/form.ts'
import { SignInFirst, useInvitationCode } from '../part/invited.tsx'
import { useSignOut } from '../part/leaving.ts'
import { LinkButton } from '../part/link.tsx'
import { useAnnounce } from '../part/notice.tsx'
import { Page } from '../part/page.tsx'
import { DeviceChips } from '../part/share-card.tsx'
import { PrivilegeTexts, ShareStanding, Times } from '../part/share-parts.tsx'
import { Shell } from '../part/shell.tsx'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Loading } from './nothing.tsx'

export function InvitationPage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: paths.invitation })
  const account = useQuery(accountQuery).data
  const code = useInvitationCode(id, 'devices')
  if (account === undefined) return <Loading />
  if (account === null) return <SignInFirst title={t('invitation.title')}>{t('invitation.signInFirst')}</SignInFirst>
  return (
    <Shell>
      <Offer id={id} code={code} email={account.email} />
    </Shell>
  )
}

type OfferProps = { readonly id: string; readonly code: string; readonly email: string }

function Offer({ id, code, email }: OfferProps) {
  const { t } = useTranslation()
  const { data: share, error } = useQuery(shareQuery(id))
  return (
    <Page title={t('invitation.title')}>
      {error && !share ? (
        <Refused id={id} code={code} error={error} email={email} />
      ) : share ? (
        <Terms share={share} code={code} email={email} />
      ) : (
        <Loading />
      )}
    </Page>
  )
}

function Refused({ id, code, error, email }: OfferProps & { readonly error: Error }) {
  const { t } = useTranslation()
  const isMissing = hasCode(error, 'not-found')
  const whose = useQuery({ ...whoseQuery(id, code), enabled: isMissing && code !== '' })
  if (!isMissing) return <Alert kind="fault">{sayFault(error, t)}</Alert>
  if (whose.isLoading) return <Loading />
  const isOther = hasCode(whose.error, 'address-other')
  return (
    <Stack maw={640} align="flex-start">
      <Alert kind="fault" title={t(isOther ? 'invitation.other' : 'invitation.missing')}>
        {t(isOther ? 'invitation.otherWhat' : 'invitation.missingWhat', { email })}
      </Alert>
      <SwitchAccount />
    </Stack>
  )
}

/** Signs out; the sign-in leads back here, and the code waits in this browser until then. */
function SwitchAccount() {
  const { t } = useTranslation()
  const leaving = useSignOut(window.location.pathname)
  return (
    <>
      <Button variant="default" loading={leaving.isPending} onClick={() => leaving.mutate()}>
        {t('invitation.switch')}
      </Button>
      {leaving.error && <Alert kind="fault">{sayFault(leaving.error, t)}</Alert>}
    </>
  )
}

type TermsProps = { readonly share: ShareView; readonly code: string; readonly email: string }

function Terms({ share, code, email }: TermsProps) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const isMine = share.sharedBy.email === email
  return (
    <Paper withBorder p="lg" bg="var(--surface)" maw={640}>
      <Stack>
        <Text fw={600}>
          {isMine ? t('invitation.own', { email: share.email }) : t('invitation.offer', share.sharedBy)}
        </Text>
        <Facts
          facts={[
            [t('sharing.devices'), <DeviceChips key="devices" devices={share.devices} />],
            [
              t(isMine ? 'sharing.may' : 'sharing.youMay'),
              <PrivilegeTexts key="rights" privileges={share.privileges} isViewers={!isMine} />,
            ],
            [t('sharing.period'), <Times key="times" terms={share} now={now} />],
          ]}
        />
        {share.state !== 'pending' || isMine ? (
          <Over share={share} isMine={isMine} now={now} />
        ) : (
          <>
            {share.invitationExpiresAt !== null && (
              <Text size="sm" c="dimmed">
                {t('sharing.invitationUntil', { time: sayTime(Date.parse(share.invitationExpiresAt), now) })}
              </Text>
            )}
            <Answer share={share} code={code} email={email} />
          </>
        )}
      </Stack>
    </Paper>
  )
}

function Over({ share, isMine, now }: { readonly share: ShareView; readonly isMine: boolean; readonly now: number }) {
  const { t } = useTranslation()
  return (
    <>
      <div>
        <ShareStanding share={share} now={now} />
      </div>
      <Group>
        {share.state === 'accepted' && !isMine ? (
          <LinkButton to={paths.overview}>{t('invitation.toShared')}</LinkButton>
        ) : (
          <LinkButton to={paths.sharing} search={{ tab: isMine ? 'granted' : 'received' }} variant="default">
            {t('invitation.toSharing')}
          </LinkButton>
        )}
      </Group>
    </>
  )
}

function Answer({ share, code, email }: TermsProps) {
  const { t } = useTranslation()
  const [isDeclining, setDeclining] = useState(false)
  const answered = useAnswered(share.id)
  const form = useForm({
    initial: { code },
    schema: ShareCode,
    toBody: (values) => ({ code: values.code.trim() }),
    send: (body) => acceptShare(share.id, body.code),
    onDone: (answer) => {
      const said = t('invitation.acceptedDevices', { count: answer.share.devices.length })
      return answered(answer, `${said} ${sayReport(answer.access, t)}`)
    },
  })
  const who = share.sharedBy.name
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack>
        <TextInput
          label={t('invitation.code')}
          autoComplete="one-time-code"
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          {...form.field('code')}
        />
        {form.problem === 'address-other' ? (
          <>
            <Alert kind="fault" title={t('invitation.other')}>
              {t('invitation.otherWhat', { email })}
            </Alert>
            <SwitchAccount />
          </>
        ) : (
          form.fault && <Alert kind="fault">{form.fault}</Alert>
        )}
        <Group>
          <Button type="submit" loading={form.isSending}>
            {t('invitation.accept')}
          </Button>
          <Button variant="default" onClick={() => setDeclining(true)}>
            {t('invitation.decline')}
          </Button>
        </Group>
        {isDeclining && (
          <ConfirmChange
            title={t('invitation.declineTitle', { who })}
            what={t('invitation.declineWhat', { who })}
            submit={t('invitation.decline')}
            run={() => declineShare(share.id)}
            refresh={[]}
            onDone={(answer) => answered(answer, t('invitation.declined'))}
            onCancel={() => setDeclining(false)}
          />
        )}
      </Stack>
    </form>
  )
}

function useAnswered(id: string): (answer: ShareChangeAnswer, said: string) => Promise<void> {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  return async (answer, said) => {
    forgetInvitation(id, Date.now())
    queries.setQueryData(shareQuery(id).queryKey, answer.share)
    await Promise.all(SHARE_KEYS.map((queryKey) => queries.invalidateQueries({ queryKey })))
    await navigate({ to: paths.overview })
    announce(said)
  }
}
