// The company: its team, its guests, groups and roles, its settings, what happened in it. Owners change it, members see it.
import { Stack, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { companyQuery } from '../data/company.ts'
import { sayFault } from '../data/fault.ts'
import { CompanySettings } from '../part/company-settings.tsx'
import { EventLog } from '../part/event-log.tsx'
import { GroupTab } from '../part/group-tab.tsx'
import { GuestTab } from '../part/guest-tab.tsx'
import { Page } from '../part/page.tsx'
import { RoleTab } from '../part/role-tab.tsx'
import { TeamTab } from '../part/team.tsx'
import { COMPANY_TABS, paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { TabList } from '../ui/tab-list.tsx'
import { Loading } from './nothing.tsx'

export function CompanyPage() {
  const { t } = useTranslation()
  const { tab = 'team' } = useSearch({ from: '/signed-in/company' })
  const navigate = useNavigate()
  const account = useQuery(accountQuery).data
  const { data: company, error } = useQuery(companyQuery)
  if (!account) return null
  const hindrance = account.role === 'owner' ? undefined : t('company.ownerOnly', { company: account.company.name })
  return (
    <Page title={company?.name ?? t('company.title')}>
      {!company ? (
        error ? (
          <Alert kind="fault">{sayFault(error, t)}</Alert>
        ) : (
          <Loading />
        )
      ) : (
        <Tabs
          value={tab}
          keepMounted={false}
          onChange={(value) => {
            const next = COMPANY_TABS.find((each) => each === value)
            void navigate({ to: paths.company, search: { tab: next }, replace: true })
          }}
        >
          <TabList tabs={COMPANY_TABS.map((each) => ({ value: each, label: t(`company.tabs.${each}`) }))} />
          <Tabs.Panel value="team">
            <Stack gap="lg">
              {hindrance !== undefined && (
                <Alert kind="note">{t('company.membersRead', { company: company.name })}</Alert>
              )}
              <TeamTab company={company} hindrance={hindrance} />
            </Stack>
          </Tabs.Panel>
          <Tabs.Panel value="guests">
            <GuestTab company={company.name} hindrance={hindrance} />
          </Tabs.Panel>
          <Tabs.Panel value="groups">
            <GroupTab hindrance={hindrance} />
          </Tabs.Panel>
          <Tabs.Panel value="roles">
            <RoleTab hindrance={hindrance} />
          </Tabs.Panel>
          <Tabs.Panel value="settings">
            <CompanySettings key={company.id} company={company} hindrance={hindrance} />
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <EventLog isOwner={hindrance === undefined} />
          </Tabs.Panel>
        </Tabs>
      )}
    </Page>
  )
}
