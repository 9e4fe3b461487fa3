// What is over: asked for only when somebody opens it.
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'

export function Past({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('sharing.past')}</summary>
      {isOpen && children}
    </details>
  )
}
