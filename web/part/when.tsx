// A moment: how long ago while that is easier to read, and always the day and time in reach.
import { useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { sayAge, sayTime } from '../text/format.ts'

const RELATIVE_MS = 24 * 3_600_000

export function When({ at }: { readonly at: string }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const time = Date.parse(at)
  const absolute = sayTime(time, now)
  return (
    <time dateTime={at} title={new Date(time).toLocaleString('en-GB', { timeZoneName: 'short' })}>
      {now - time < RELATIVE_MS ? (sayAge(time, now, t) ?? t('app.justNow')) : absolute}
    </time>
  )
}
