// A link that shows nothing: why, and when it will.
import { Button, Paper, Stack, Text, Title } from '@mantine/core'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import type { Closing } from '../data/link.ts'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { OpenFrame } from '../ui/frame.tsx'

type LinkClosedProps = { readonly closing: Closing; readonly onAgain: () => void }

export function LinkClosed(props: LinkClosedProps) {
  const { t } = useTranslation()
  return (
    <OpenFrame name={t('app.name')}>
      <Paper withBorder p="lg" bg="var(--surface)">
        <Stack align="flex-start">
          <Title order={1}>{t(`viaLink.closed.${props.closing.code}`)}</Title>
          <ClosedReason {...props} />
        </Stack>
      </Paper>
    </OpenFrame>
  )
}

/** Under a heading that says what: why, when it goes on, and a way to ask again. */
export function ClosedReason({ closing, onAgain }: LinkClosedProps) {
  const { t } = useTranslation()
  const { code, opensAt } = closing
  useAt(opensAt, onAgain)
  const when = code === 'link-not-yet' ? 'viaLink.opensAt' : 'viaLink.goesOnAt'
  return (
    <>
      {opensAt !== null && <Text fw={600}>{t(when, { time: sayTime(toMinute(opensAt), Date.now()) })}</Text>}
      <Text c="dimmed">{t(`viaLink.why.${code}`)}</Text>
      {code === 'link-suspended' && (
        <Button variant="default" onClick={onAgain}>
          {t('viaLink.again')}
        </Button>
      )}
    </>
  )
}

export function LinkFailed({ error, onAgain }: { readonly error: Error; readonly onAgain: () => void }) {
  const { t } = useTranslation()
  return (
    <OpenFrame name={t('app.name')}>
      <Stack align="flex-start">
        <Title order={1}>{t('viaLink.closed.other')}</Title>
        <Alert kind="fault">{sayFault(error, t)}</Alert>
        <Button variant="default" onClick={onAgain}>
          {t('viaLink.again')}
        </Button>
      </Stack>
    </OpenFrame>
  )
}

/** setTimeout takes no more; what is further away is not waited for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** The server's clock may be a moment behind. */
const MARGIN_MS = 500

function useAt(at: number | null, act: () => void): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another instant sets the timer anew
  useEffect(() => {
    if (at === null || at - Date.now() > LONGEST_TIMER_MS) return
    const timer = setTimeout(act, Math.max(0, at - Date.now()) + MARGIN_MS)
    return () => clearTimeout(timer)
  }, [at])
}

/** It was told in whole seconds from now, and what is meant is a minute. */
function toMinute(at: number): number {
  return Math.round(at / 60_000) * 60_000
}
