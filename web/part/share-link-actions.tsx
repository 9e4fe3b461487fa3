// What can be done to a link as a whole: stop it for a while, let it go on, end it for good.
import { Button } from '@mantine/core'
import type { LinkChangeAnswer, LinkView } from '@ridethrough/protocol/http/link.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { changeLink, endLink, LINK_KEYS } from '../data/share-link.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { ConfirmChange, useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

type LinkActionsProps = { readonly link: LinkView; readonly onEnded?: () => Promise<void> }

export function LinkActions({ link, onEnded }: LinkActionsProps) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const [isEnding, setEnding] = useState(false)
  const { id, name, state } = link
  const isStopped = state === 'suspended'
  const pause = useChange(
    () => changeLink(id, { suspended: !isStopped }),
    LINK_KEYS,
    ({ access }) => announce(`${t(isStopped ? 'links.resumed' : 'links.suspended', { name })} ${sayReport(access, t)}`),
  )
  const ended = async ({ access }: LinkChangeAnswer) => {
    setEnding(false)
    await onEnded?.()
    announce(`${t('links.ended', { name })} ${sayReport(access, t)}`)
  }
  if (state === 'ended') return null
  return (
    <>
      <Button
        variant="default"
        size="sm"
        loading={pause.isPending}
        aria-label={t(isStopped ? 'links.resumeLabel' : 'links.suspendLabel', { name })}
        onClick={() => pause.mutate()}
      >
        {t(isStopped ? 'sharing.resume' : 'sharing.suspend')}
      </Button>
      <Button variant="default" size="sm" aria-label={t('links.endLabel', { name })} onClick={() => setEnding(true)}>
        {t('links.end')}
      </Button>
      {pause.error && <Alert kind="fault">{sayFault(pause.error, t)}</Alert>}
      {isEnding && (
        <ConfirmChange
          title={t('links.endTitle', { name })}
          what={t('links.endWhat')}
          submit={t('links.end')}
          run={() => endLink(id)}
          refresh={LINK_KEYS}
          onDone={ended}
          onCancel={() => setEnding(false)}
        />
      )}
    </>
  )
}
