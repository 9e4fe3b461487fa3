// The share in one sentence; each part of it leads to its field.
import type { ReactNode } from 'react'
import { Trans, useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { type Draft, sentenceParts } from '../text/sentence.ts'
import { FIELD_IDS } from './share-fields.tsx'
import styles from './share-sentence.module.css'

export function ShareSentence({ draft }: { readonly draft: Draft }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <p className={styles.box} role="status" aria-label={t('newShare.summary')}>
      <Trans
        i18nKey="sentence.full"
        values={sentenceParts(draft, now, t)}
        components={{
          email: <Part to={FIELD_IDS.email} />,
          role: <Part to={FIELD_IDS.role} />,
          devices: <Part to={FIELD_IDS.devices} />,
          from: <Part to={FIELD_IDS.from} />,
          until: <Part to={FIELD_IDS.until} />,
        }}
      />
    </p>
  )
}

function Part({ to, children }: { readonly to: string; readonly children?: ReactNode }) {
  return (
    <button type="button" className={styles.part} onClick={() => focusField(to)}>
      {children}
    </button>
  )
}

function focusField(id: string): void {
  const field = document.getElementById(id)
  const input = field?.matches('input')
    ? field
    : (field?.querySelector<HTMLElement>('input:checked') ?? field?.querySelector<HTMLElement>('input'))
  field?.scrollIntoView({ block: 'center' })
  input?.focus()
}
