// Oneself: name and address, safety, sessions, tokens, look. The tab is part of the address.
import { Button, SegmentedControl, Stack, Tabs, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { accountQuery, signOut } from '../data/account.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { useLive } from '../data/live.ts'
import { AccountDeletion } from '../part/account-deletion.tsx'
import { AddressSection, NameSection } from '../part/account-profile.tsx'
import { SecurityTab } from '../part/account-security.tsx'
import { SessionsSection } from '../part/account-sessions.tsx'
import { TokensSection } from '../part/account-tokens.tsx'
import { Page } from '../part/page.tsx'
import { ACCOUNT_TABS, paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'

export function AccountPage() {
  const { t } = useTranslation()
  const { tab = 'profile' } = useSearch({ from: '/signed-in/account' })
  const navigate = useNavigate()
  const account = useQuery(accountQuery).data
  const leaving = useSignOut()
  if (!account) return null
  return (
    <Page
      title={t('account.title')}
      actions={
        <Button variant="default" loading={leaving.isPending} onClick={() => leaving.mutate()}>
          {t('account.signOut')}
        </Button>
      }
    >
      {leaving.error && <Alert kind="fault">{sayFault(leaving.error, t)}</Alert>}
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => {
          const next = ACCOUNT_TABS.find((each) => each === value)
          void navigate({ to: paths.account, search: { tab: next }, replace: true })
        }}
      >
        <Tabs.List mb="md">
          {ACCOUNT_TABS.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t(`account.tabs.${each}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Stack gap="lg" maw={680}>
          <Tabs.Panel value="profile">
            <Stack gap="lg">
              <NameSection key={account.name} account={account} />
              <AddressSection account={account} />
              <AccountDeletion account={account} />
            </Stack>
          </Tabs.Panel>
          <Tabs.Panel value="security">
            <SecurityTab account={account} />
          </Tabs.Panel>
          <Tabs.Panel value="sessions">
            <SessionsSection />
          </Tabs.Panel>
          <Tabs.Panel value="tokens">
            <TokensSection />
          </Tabs.Panel>
          <Tabs.Panel value="look">
            <LookSection />
          </Tabs.Panel>
        </Stack>
      </Tabs>
    </Page>
  )
}

const LOOKS = ['auto', 'light', 'dark'] as const

function LookSection() {
  const { t } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <Section title={t('look.label')}>
      <SegmentedControl
        aria-label={t('look.label')}
        value={colorScheme}
        onChange={(value) => setColorScheme(LOOKS.find((look) => look === value) ?? 'auto')}
        data={LOOKS.map((look) => ({ value: look, label: t(`look.${look}`) }))}
        style={{ alignSelf: 'flex-start' }}
      />
    </Section>
  )
}

function useSignOut() {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { store, link } = useLive()
  return useMutation({
    mutationFn: () =>
      signOut().catch((error: unknown) => {
        // Signed out already, elsewhere: that is what was wanted.
        if (!hasCode(error, 'session-missing')) throw error
      }),
    onSuccess: async () => {
      link.stop()
      queries.setQueryData(accountQuery.queryKey, null)
      await navigate({ to: paths.signIn })
      store.clear()
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'account' })
    },
  })
}
