// Where the account is signed in: which device, from where, since when; each can be ended.
import { Button, Group, Text } from '@mantine/core'
import type { SessionView } from '@ridethrough/protocol/http/security.ts'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { endOtherSessions, endSession, sessionsQuery } from '../data/security.ts'
import { Loading } from '../page/nothing.tsx'
import { sayList, sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { Status } from '../ui/status.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'
import { When } from './when.tsx'

export function SessionsSection() {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { data: sessions, error } = useQuery(sessionsQuery)
  const [ending, setEnding] = useState<SessionView | 'others'>()
  if (!sessions) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  const close = () => setEnding(undefined)
  const ended = (text: string) => {
    close()
    announce(text)
  }
  const asked = { refresh: [sessionsQuery.queryKey], onCancel: close }
  return (
    <Section
      title={t('sessions.title')}
      actions={
        sessions.length > 1 && (
          <Button variant="default" onClick={() => setEnding('others')}>
            {t('sessions.endOthers')}
          </Button>
        )
      }
    >
      <Rows label={t('sessions.list')}>
        {/* One's own first: it is what the others are compared with. */}
        {sessions
          .toSorted((a, b) => Number(b.isCurrent) - Number(a.isCurrent))
          .map((session) => (
            <SessionRow key={session.id} session={session} onEnd={() => setEnding(session)} />
          ))}
      </Rows>
      {sessions.length === 1 && <Text c="dimmed">{t('sessions.onlyThis')}</Text>}
      {ending === 'others' && (
        <ConfirmChange
          title={t('sessions.endOthersTitle')}
          what={t('sessions.endOthersWhat')}
          submit={t('sessions.endOthers')}
          run={endOtherSessions}
          onDone={() => ended(t('sessions.endedOthers'))}
          {...asked}
        />
      )}
      {ending !== undefined && ending !== 'others' && (
        <ConfirmChange
          title={t('sessions.endTitle', ending)}
          what={t('sessions.endWhat')}
          submit={t('sessions.end')}
          run={() => endSession(ending.id)}
          onDone={() => ended(t('sessions.ended', ending))}
          {...asked}
        />
      )}
    </Section>
  )
}

function SessionRow({ session, onEnd }: { readonly session: SessionView; readonly onEnd: () => void }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <Row
      actions={
        !session.isCurrent && (
          <Button variant="default" size="sm" aria-label={t('sessions.endLabel', session)} onClick={onEnd}>
            {t('sessions.end')}
          </Button>
        )
      }
    >
      <Group gap="xs">
        <Text fw={600}>{session.device}</Text>
        {session.isCurrent && <Status tone="notice">{t('sessions.current')}</Status>}
        {session.kind === 'program' && (
          <Text size="sm" c="dimmed">
            {t('sessions.program')}
          </Text>
        )}
      </Group>
      <Text size="sm" c="dimmed">
        {t('sessions.from', { address: session.address, factors: sayFactors(session.factors, t) })}
      </Text>
      <Text size="sm" c="dimmed">
        {t('sessions.used')} <When at={session.lastUsedAt} />.{' '}
        {t('sessions.until', { time: sayTime(Date.parse(session.expiresAt), now) })}
      </Text>
    </Row>
  )
}

const FACTORS = ['password', 'totp', 'passkey', 'recovery', 'address'] as const

/** A factor of a newer server keeps its own name. */
function sayFactors(factors: readonly string[], t: TFunction): string {
  return sayList(
    factors.map((factor) => {
      const known = FACTORS.find((each) => each === factor)
      return known ? t(`sessions.factor.${known}`) : factor
    }),
  )
}
