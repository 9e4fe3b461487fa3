// Asks, does it, and brings up to date what the page shows.
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { Confirm } from '../ui/confirm.tsx'

type ConfirmChangeProps<A> = {
  readonly title: string
  readonly what: string
  readonly submit: string
  readonly isHarmless?: boolean
  readonly run: () => Promise<A>
  /** What the change makes old. */
  readonly refresh: readonly QueryKey[]
  readonly onDone: (answer: A) => void
  readonly onCancel: () => void
}

export function ConfirmChange<A>({ run, refresh, onDone, ...props }: ConfirmChangeProps<A>) {
  const { t } = useTranslation()
  const change = useChange(run, refresh, onDone)
  return (
    <Confirm
      {...props}
      cancel={t('app.cancel')}
      closeLabel={t('app.close')}
      isBusy={change.isPending}
      fault={change.error ? sayFault(change.error, t) : undefined}
      onConfirm={() => change.mutate()}
    />
  )
}

export function useChange<A>(run: () => Promise<A>, refresh: readonly QueryKey[], onDone: (answer: A) => void) {
  const refreshing = useRefresh()
  return useMutation({
    mutationFn: run,
    onSuccess: onDone,
    // Also after a refusal: things may have changed under the viewer's hands.
    onSettled: () => refreshing(refresh),
  })
}

export function useRefresh(): (keys: readonly QueryKey[]) => Promise<unknown> {
  const queries = useQueryClient()
  return (keys) => Promise.all(keys.map((queryKey) => queries.invalidateQueries({ queryKey })))
}
