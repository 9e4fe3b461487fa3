// Asks before changes that were not saved are left behind.
import { useBlocker } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Confirm } from '../ui/confirm.tsx'

export function UnsavedQuestion({ isUnsaved }: { readonly isUnsaved: boolean }) {
  const { t } = useTranslation()
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: ({ current, next }) => isUnsaved && current.pathname !== next.pathname,
    enableBeforeUnload: () => isUnsaved,
    withResolver: true,
  })
  if (status !== 'blocked') return null
  return (
    <Confirm
      title={t('unsaved.title')}
      what={t('unsaved.what')}
      submit={t('unsaved.leave')}
      cancel={t('unsaved.stay')}
      closeLabel={t('app.close')}
      isBusy={false}
      onConfirm={proceed}
      onCancel={reset}
    />
  )
}
