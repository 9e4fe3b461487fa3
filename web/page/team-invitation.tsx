// Where the mail of an invitation into a company leads, for co-workers and guests: who invites, as what, and accept or decline.
import { Button, Stack } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { sayFault } from '../data/fault.ts'
import { teamInvitationsQuery } from '../data/team-invitation.ts'
import { SignInFirst, useInvitationCode } from '../part/invited.tsx'
import { useSignOut } from '../part/leaving.ts'
import { Page } from '../part/page.tsx'
import { Shell } from '../part/shell.tsx'
import { Offer } from '../part/team-offer.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Loading } from './nothing.tsx'

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
      <Found id={id} code={code} account={account} />
    </Shell>
  )
}

type FoundProps = { readonly id: string; readonly code: string; readonly account: AccountView }

function Found({ id, code, account }: FoundProps) {
  const { t } = useTranslation()
  const { data, error } = useQuery(teamInvitationsQuery)
  const invitation = data?.find((each) => each.id === id)
  return (
    <Page title={t(invitation?.as === 'guest' ? 'guestInvitation.title' : 'teamInvitation.title')}>
      {invitation ? (
        <Offer invitation={invitation} code={code} />
      ) : data ? (
        <NotMine email={account.email} />
      ) : error ? (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      ) : (
        <Loading />
      )}
    </Page>
  )
}

/** The code of the link stays in this browser, and the page comes back after the other account has signed in. */
function NotMine({ email }: { readonly email: string }) {
  const { t } = useTranslation()
  const leaving = useSignOut(window.location.pathname)
  return (
    <Stack maw={640} align="flex-start">
      <Alert kind="warning" title={t('teamInvitation.missing', { email })}>
        {t('teamInvitation.missingWhat', { email })}
      </Alert>
      {leaving.error && <Alert kind="fault">{sayFault(leaving.error, t)}</Alert>}
      <Button variant="default" loading={leaving.isPending} onClick={() => leaving.mutate()}>
        {t('teamInvitation.switch')}
      </Button>
    </Stack>
  )
}
