// What was just done, said once on the page that shows it. It goes when the page is left.
import { useRouter, useRouterState } from '@tanstack/react-router'
import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { Alert } from '../ui/alert.tsx'

type Notice = { readonly text: string; readonly path: string }

let notice: Notice | undefined
const listeners = new Set<() => void>()

function set(next: Notice | undefined): void {
  notice = next
  for (const listener of [...listeners]) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Says it on the page that is open now: navigate first. */
export function useAnnounce(): (text: string) => void {
  const router = useRouter()
  return (text) => set({ text, path: router.latestLocation.pathname })
}

export function NoticeRegion() {
  const { t } = useTranslation()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const current = useSyncExternalStore(subscribe, () => notice)
  // The region stands there from the start: screen readers hear changes within it, not its arrival.
  return (
    <div role="status" aria-label={t('app.notice')}>
      {current?.path === path && (
        <div style={{ marginBottom: '1rem' }}>
          <Alert kind="done" closeLabel={t('app.close')} onClose={() => set(undefined)}>
            {current.text}
          </Alert>
        </div>
      )}
    </div>
  )
}
