// Oneself: name and address, safety, sessions, tokens, look. The tab is part of the address.
import { SegmentedControl, Stack, Tabs, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { AccountDeletion } from '../part/account-deletion.tsx'
import { KnownSection } from '../part/account-known.tsx'
import { AddressSection, NameSection } from '../part/account-profile.tsx'
import { SecurityTab } from '../part/account-security.tsx'
import { SessionsSection } from '../part/account-sessions.tsx'
import { TokensSection } from '../part/account-tokens.tsx'
import { Page } from '../part/page.tsx'
import { ACCOUNT_TABS, paths } from '../paths.ts'
import { Section } from '../ui/section.tsx'
import { TabList } from '../ui/tab-list.tsx'

export function AccountPage() {
  const { t } = useTranslation()
  const { tab = 'profile' } = useSearch({ from: '/signed-in/account' })
  const navigate = useNavigate()
  const account = useQuery(accountQuery).data
  if (!account) return null
  return (
    <Page title={t('account.title')}>
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => {
          const next = ACCOUNT_TABS.find((each) => each === value)
          void navigate({ to: paths.account, search: { tab: next }, replace: true })
        }}
      >
        <TabList tabs={ACCOUNT_TABS.map((each) => ({ value: each, label: t(`account.tabs.${each}`) }))} />
        <Stack gap="lg" maw={680}>
          <Tabs.Panel value="profile">
            <Stack gap="lg">
              <NameSection key={account.name} account={account} />
              <AddressSection account={account} />
              <KnownSection account={account} />
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
