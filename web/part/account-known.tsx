// Whether shares of people whose shares were accepted before need no code any more.
import { Switch } from '@mantine/core'
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { useTranslation } from 'react-i18next'
import { accountQuery, changeAccount } from '../data/account.ts'
import { sayFault } from '../data/fault.ts'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

export function KnownSection({ account }: { readonly account: AccountView }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { acceptsFromKnown: isOn } = account
  const change = useChange(
    () => changeAccount({ acceptsFromKnown: !isOn }),
    [accountQuery.queryKey],
    () => announce(t(isOn ? 'known.off' : 'known.on')),
  )
  return (
    <Section title={t('known.title')}>
      <Switch
        label={t('known.label')}
        description={t('known.hint')}
        checked={isOn}
        disabled={change.isPending}
        onChange={() => change.mutate()}
      />
      {change.error && <Alert kind="fault">{sayFault(change.error, t)}</Alert>}
    </Section>
  )
}
