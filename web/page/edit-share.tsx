// One share: its owner changes it, its recipient sees what it gives; what was done with it stands below.
import { Stack } from '@mantine/core'
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { hasCode, sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { shareQuery } from '../data/share.ts'
import { Ledger } from '../part/ledger.tsx'
import { LinkButton } from '../part/link.tsx'
import { Page } from '../part/page.tsx'
import { ShareActions, whoOf } from '../part/share-actions.tsx'
import { Credentials } from '../part/share-credentials.tsx'
import { ShareEditor } from '../part/share-editor.tsx'
import { ShareFacts } from '../part/share-facts.tsx'
import { ShareStanding } from '../part/share-parts.tsx'
import { ReceivedDevices } from '../part/share-received.tsx'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Loading } from './nothing.tsx'

export function EditSharePage() {
  const { t } = useTranslation()
  const { id } = useParams({ from: '/signed-in/sharing/$id' })
  const { data: share, error } = useQuery({ ...shareQuery(id), refetchInterval: 30_000 })
  if (share) return <Share share={share} />
  return (
    <Page title={t('share.title')}>
      {!error ? (
        <Loading />
      ) : hasCode(error, 'not-found') || hasCode(error, 'input-invalid') ? (
        <Empty
          title={t('share.missing')}
          action={<LinkButton to={paths.sharing}>{t('invitation.toSharing')}</LinkButton>}
        >
          {t('share.missingWhat')}
        </Empty>
      ) : (
        <Alert kind="fault">{sayFault(error, t)}</Alert>
      )}
    </Page>
  )
}

function Share({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const now = useNow(10_000)
  const isOwner = share.side === 'owner'
  const isOpen = share.state === 'pending' || share.state === 'accepted'
  const back = () => navigate({ to: paths.sharing, search: { tab: isOwner ? 'granted' : 'received' } })
  return (
    <Page
      title={t(isOwner ? 'share.with' : 'share.of', { who: whoOf(share) })}
      actions={<ShareActions share={share} onEnded={back} />}
    >
      <Stack maw={760}>
        <div>
          <ShareStanding share={share} now={now} />
        </div>
        <ShareFacts share={share} now={now} />
        {isOpen && isOwner && <ShareEditor key={share.id} share={share} />}
        {isOpen && !isOwner && <ReceivedDevices key={idsIn(share)} share={share} />}
        {share.state === 'accepted' && <Credentials share={share} />}
        <Ledger of={`/shares/${share.id}`} />
      </Stack>
    </Page>
  )
}

/** What the recipient sees of it: other devices begin the form anew. */
function idsIn({ devices, removedDevices }: ShareView): string {
  return [...devices, ...removedDevices].map(({ id }) => id).join()
}
