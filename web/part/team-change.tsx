// Promote, demote, deactivate, reactivate: asked with what will happen, answered with what it did.
import type { MemberChangeAnswer, MemberView } from '@ridethrough/protocol/http/company.ts'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { COMPANY_KEYS, changeMember } from '../data/company.ts'
import { sayReport } from '../text/sentence.ts'
import { ConfirmChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

export type MemberStep = 'promote' | 'demote' | 'deactivate' | 'reactivate'

const CHANGES = {
  promote: { change: { role: 'owner' }, said: 'promoted' },
  demote: { change: { role: 'member' }, said: 'demoted' },
  deactivate: { change: { active: false }, said: 'deactivated' },
  reactivate: { change: { active: true }, said: 'reactivated' },
} as const

/** What can be done with this person now. Nobody deactivates themselves: they leave. */
export function stepsOf({ role, active, isYou }: MemberView): MemberStep[] {
  if (!active) return ['reactivate']
  return [role === 'owner' ? 'demote' : 'promote', ...(isYou ? [] : (['deactivate'] as const))]
}

type Props = { readonly member: MemberView; readonly step: MemberStep; readonly onClose: () => void }

export function MemberQuestion({ member, step, onClose }: Props) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { name } = member
  const { change, said } = CHANGES[step]
  return (
    <ConfirmChange<MemberChangeAnswer>
      title={t(`team.${step}Title`, { name })}
      what={t(`team.${step}What`, { name })}
      submit={t(`team.${step}`)}
      isHarmless={step === 'reactivate' || step === 'promote'}
      run={() => changeMember(member.id, change)}
      refresh={[...COMPANY_KEYS, accountQuery.queryKey]}
      onDone={({ access }) => {
        onClose()
        announce(`${t(`team.${said}`, { name })} ${sayReport(access, t)}`)
      }}
      onCancel={onClose}
    />
  )
}
