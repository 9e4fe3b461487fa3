// Where a link leads: its PIN if it has one, then the devices that it shows, live, without an account.
import { useQuery } from '@tanstack/react-query'
import { useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { hasCode } from '../data/fault.ts'
import { type Closing, closingOf, openingQuery } from '../data/link.ts'
import { LinkClosed, LinkFailed } from '../part/link-closed.tsx'
import { LinkOpened } from '../part/link-opened.tsx'
import { LinkPin } from '../part/link-pin.tsx'
import { useTitle } from '../part/page.tsx'
import { VisitorFrame } from '../ui/frame.tsx'
import { Loading } from './nothing.tsx'

/** The token stays in the address bar: the link is what people keep, reload and come back to. */
export function LinkPage() {
  const token = useSyncExternalStore(onHash, () => window.location.hash.slice(1))
  return <Opening key={token} token={token} />
}

function onHash(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

const NOT_FOUND: Closing = { code: 'not-found', opensAt: null }

function Opening({ token }: { readonly token: string }) {
  const { t } = useTranslation()
  useTitle(t('viaLink.title'))
  const opening = useQuery({ ...openingQuery(token), enabled: token !== '' })
  const [refused, setRefused] = useState<Closing>()
  // Also when what was given is over, for whatever reason: the answer says which.
  const again = () => {
    setRefused(undefined)
    void opening.refetch()
  }
  const closing = token === '' ? NOT_FOUND : (refused ?? closingOf(opening.error))
  if (opening.isFetching) {
    return (
      <VisitorFrame name={t('app.name')}>
        <Loading />
      </VisitorFrame>
    )
  }
  if (closing) return <LinkClosed closing={closing} onAgain={again} />
  if (hasCode(opening.error, 'pin-needed')) return <LinkPin token={token} onRefused={setRefused} />
  if (opening.error) return <LinkFailed error={opening.error} onAgain={again} />
  return opening.data === undefined ? null : <LinkOpened key={opening.data} bearer={opening.data} onOver={again} />
}
