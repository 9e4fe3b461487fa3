// The head that every page has: its one title, what it can do, and whether what it shows is live.
import { Group, Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useConnection } from '../data/live.ts'
import { useNow } from '../data/now.ts'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Heartbeat } from '../ui/heartbeat.tsx'
import { NoticeRegion } from './notice.tsx'

type PageProps = {
  readonly title: string
  readonly isLive?: boolean
  readonly actions?: ReactNode
  readonly children: ReactNode
}

export function Page({ title, isLive = false, actions, children }: PageProps) {
  useTitle(title)
  return (
    <>
      <Group justify="space-between" gap="sm" mb="md" mih={36}>
        <Group gap="md">
          <Title order={1}>{title}</Title>
          {isLive && <Pulse />}
        </Group>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      <NoticeRegion />
      {isLive && <StoppedWarning />}
      {children}
    </>
  )
}

export function useTitle(title: string): void {
  const { t } = useTranslation()
  const name = t('app.name')
  useEffect(() => {
    document.title = `${title} - ${name}`
  }, [title, name])
}

function Pulse() {
  const { t } = useTranslation()
  const { phase, since } = useConnection()
  const text = phase === 'lost' ? t('live.lost', { time: clockTime(since) }) : t(`live.${phase}`)
  return <Heartbeat phase={phase} text={text} />
}

// A blink of the network needs no banner; something longer does.
const PATIENCE_MS = 5000

function StoppedWarning() {
  const { t } = useTranslation()
  const { phase, since } = useConnection()
  const now = useNow()
  if (phase !== 'lost' || now - since < PATIENCE_MS) return null
  return (
    <div style={{ marginBottom: '1rem' }}>
      <Alert kind="warning" title={t('live.lost', { time: clockTime(since) })}>
        {t('live.lostWhy')}
      </Alert>
    </div>
  )
}

// With seconds: somebody who watches an outage counts them.
function clockTime(at: number): string {
  return Date.now() - at < 12 * 3_600_000 ? new Date(at).toLocaleTimeString('en-GB') : sayTime(at, Date.now())
}
