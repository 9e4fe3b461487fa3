// The share in one sentence; each part of it leads to its field.
import { useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { type Draft, shareSentence } from '../text/sentence.ts'
import { FIELD_IDS } from './share-fields.tsx'
import styles from './share-sentence.module.css'

export function ShareSentence({ draft }: { readonly draft: Draft }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <p className={styles.box} role="status" aria-label={t('newShare.summary')}>
      {shareSentence(draft, now, t).map(({ field, text }, index) =>
        field ? (
          // A link, not a button: it breaks over lines as the words around it do.
          <a
            key={field}
            href={`#${FIELD_IDS[field]}`}
            className={styles.part}
            onClick={(event) => {
              event.preventDefault()
              focusField(FIELD_IDS[field])
            }}
          >
            {text}
          </a>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the words between the parts never change places
          <span key={index}>{text}</span>
        ),
      )}
    </p>
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
