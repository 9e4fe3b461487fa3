// What I share, what is shared with me, and links. The tab is part of the address.
import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useOverview } from '../data/live.ts'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { LinkListing } from '../part/share-link-list.tsx'
import { ShareListing } from '../part/share-list.tsx'
import { paths, SHARING_TABS } from '../paths.ts'
import { Empty } from '../ui/empty.tsx'
import { TabList } from '../ui/tab-list.tsx'

export function SharingPage() {
  const { t } = useTranslation()
  const { tab = 'granted' } = useSearch({ from: '/signed-in/sharing' })
  const navigate = useNavigate()
  const hasDevices = useOverview().ids.mine.length > 0
  const action = !hasDevices ? undefined : tab === 'links' ? (
    <LinkButton to={paths.newLink}>{t('links.new')}</LinkButton>
  ) : (
    <LinkButton to={paths.newShare}>{t('sharing.new')}</LinkButton>
  )
  return (
    <Page title={t('sharing.title')} actions={action}>
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => {
          const next = SHARING_TABS.find((each) => each === value)
          void navigate({ to: paths.sharing, search: { tab: next }, replace: true })
        }}
      >
        <TabList tabs={SHARING_TABS.map((each) => ({ value: each, label: t(`sharing.${each}`) }))} />
        <Tabs.Panel value="granted">
          <ShareListing
            key="granted"
            direction="granted"
            empty={
              <Empty title={t('sharing.noneGranted')} action={action}>
                {hasDevices ? t('sharing.noneGrantedHow') : t('sharing.needDevice')}
              </Empty>
            }
          />
        </Tabs.Panel>
        <Tabs.Panel value="received">
          <ShareListing
            key="received"
            direction="received"
            empty={<Empty title={t('sharing.noneReceived')}>{t('sharing.noneReceivedHow')}</Empty>}
          />
        </Tabs.Panel>
        <Tabs.Panel value="links">
          <LinkListing
            empty={
              <Empty title={t('links.none')} action={action}>
                {hasDevices ? t('links.noneHow') : t('sharing.needDevice')}
              </Empty>
            }
          />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}
