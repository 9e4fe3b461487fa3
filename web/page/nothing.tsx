// Pages that stand in for a page: loading, not there, broken.
import { Button, Center, Loader, Stack, Text } from '@mantine/core'
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { TextLink } from '../part/link.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'

export function Loading() {
  const { t } = useTranslation()
  return (
    <Center mih="40vh">
      <Loader aria-label={t('app.loading')} role="status" />
    </Center>
  )
}

export function NotFound() {
  const { t } = useTranslation()
  return (
    <Stack p="xl">
      <Text>{t('app.notFound')}</Text>
      <TextLink to={paths.overview}>{t('app.toOverview')}</TextLink>
    </Stack>
  )
}

export function Broken({ error }: ErrorComponentProps) {
  const { t } = useTranslation()
  const router = useRouter()
  return (
    <Stack p="xl" maw={640}>
      <Alert kind="fault" title={t('app.broke')}>
        {sayFault(error, t)}
      </Alert>
      <Button variant="default" onClick={() => void router.invalidate()} style={{ alignSelf: 'flex-start' }}>
        {t('app.again')}
      </Button>
    </Stack>
  )
}
