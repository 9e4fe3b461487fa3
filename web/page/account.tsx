import { Button, Paper, SegmentedControl, Stack, Text, Title, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { accountQuery, signOut } from '../data/account.ts'
import { hasCode, sayFault } from '../data/fault.ts'
import { useLive } from '../data/live.ts'
import { Facts } from '../part/facts.tsx'
import { Page } from '../part/page.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'

const LOOKS = ['auto', 'light', 'dark'] as const

export function AccountPage() {
  const { t } = useTranslation()
  const account = useQuery(accountQuery).data
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const leaving = useSignOut()
  return (
    <Page title={t('account.title')}>
      <Stack gap="lg" maw={560}>
        <Paper withBorder p="lg" bg="var(--surface)">
          <Title order={2} mb="sm">
            {t('account.profile')}
          </Title>
          {account && (
            <Facts
              facts={[
                [t('account.name'), account.name],
                [t('account.email'), account.email],
                [t('account.company'), account.company.name],
              ]}
            />
          )}
        </Paper>
        <Paper withBorder p="lg" bg="var(--surface)">
          <Title order={2} mb="sm">
            {t('look.label')}
          </Title>
          <SegmentedControl
            aria-label={t('look.label')}
            value={colorScheme}
            onChange={(value) => setColorScheme(LOOKS.find((look) => look === value) ?? 'auto')}
            data={LOOKS.map((look) => ({ value: look, label: t(`look.${look}`) }))}
          />
        </Paper>
        {leaving.error && <Alert kind="fault">{sayFault(leaving.error, t)}</Alert>}
        <Button
          variant="default"
          loading={leaving.isPending}
          onClick={() => leaving.mutate()}
          style={{ alignSelf: 'flex-start' }}
        >
          {t('account.signOut')}
        </Button>
        <Text size="xs" c="dimmed">
          {t('app.name')}
        </Text>
      </Stack>
    </Page>
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
