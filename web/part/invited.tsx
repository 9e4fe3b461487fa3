// What invitations of every kind share: the code that a link brings, and the way in for somebody who is not signed in.
import { Paper, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Pending, pendingInvitation, rememberInvitation } from '../data/pending.ts'
import { paths } from '../paths.ts'
import { OpenFrame } from '../ui/frame.tsx'
import { useFragment } from './fragment.ts'
import { LinkButton } from './link.tsx'
import { useTitle } from './page.tsx'

/** The code from the link, or from an earlier visit to it; it waits while its recipient signs in or up. */
export function useInvitationCode(id: string, to: Pending['to']): string {
  const given = useFragment()
  const [code] = useState(() => {
    const fromLink = given.get('code')?.slice(0, 64)
    if (fromLink) rememberInvitation({ id, code: fromLink, to }, Date.now())
    const pending = pendingInvitation(Date.now())
    return fromLink ?? (pending?.id === id ? pending.code : '')
  })
  return code
}

export function SignInFirst({ title, children }: { readonly title: string; readonly children: string }) {
  const { t } = useTranslation()
  useTitle(title)
  return (
    <OpenFrame name={t('app.name')}>
      <Paper withBorder p="lg" bg="var(--surface)">
        <Stack>
          <Title order={1}>{title}</Title>
          <Text>{children}</Text>
          <LinkButton to={paths.signIn} search={{ next: window.location.pathname }}>
            {t('signIn.submit')}
          </LinkButton>
          <LinkButton to={paths.signUp} variant="default">
            {t('signUp.submit')}
          </LinkButton>
        </Stack>
      </Paper>
    </OpenFrame>
  )
}
