// People of the team: who they are, how safe their sign-in is, when they were last there, and what owners can do.
import { Group } from '@mantine/core'
import type { MemberView } from '@ridethrough/protocol/http/company.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Action } from '../ui/action.tsx'
import { YesNo } from '../ui/yes-no.tsx'
import { MemberQuestion, type MemberStep, stepsOf } from './team-change.tsx'
import styles from './team-table.module.css'
import { When } from './when.tsx'

type Props = {
  readonly label: string
  readonly members: readonly MemberView[]
  readonly hindrance: string | undefined
}

export function TeamTable({ label, members, hindrance }: Props) {
  const { t } = useTranslation()
  const [asked, setAsked] = useState<{ readonly member: MemberView; readonly step: MemberStep }>()
  return (
    <>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{t('team.name')}</th>
            <th scope="col">{t('team.email')}</th>
            <th scope="col">{t('team.role')}</th>
            <th scope="col">{t('team.factor')}</th>
            <th scope="col">{t('team.seen')}</th>
            <th scope="col">{t('team.actions')}</th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <MemberRow
              key={member.id}
              member={member}
              hindrance={hindrance}
              onAsk={(step) => setAsked({ member, step })}
            />
          ))}
        </tbody>
      </table>
      {asked && <MemberQuestion {...asked} onClose={() => setAsked(undefined)} />}
    </>
  )
}

type RowProps = {
  readonly member: MemberView
  readonly hindrance: string | undefined
  readonly onAsk: (step: MemberStep) => void
}

function MemberRow({ member, hindrance, onAsk }: RowProps) {
  const { t } = useTranslation()
  const { name, email, role, hasSecondFactor, lastSeenAt, isYou } = member
  return (
    <tr>
      <th scope="row" className={styles.wide}>
        {name} {isYou && <span className={styles.you}>({t('team.you')})</span>}
      </th>
      <td className={styles.wide}>{email}</td>
      <td data-label={t('team.role')}>{t(`teamRole.${role}`)}</td>
      <td data-label={t('team.factor')}>
        <YesNo isOn={hasSecondFactor}>{t(hasSecondFactor ? 'team.factorOn' : 'team.factorOff')}</YesNo>
      </td>
      <td data-label={t('team.seen')} className={styles.wide}>
        {lastSeenAt === null ? t('team.neverSeen') : <When at={lastSeenAt} />}
      </td>
      <td className={styles.wide}>
        <Group gap="xs">
          {stepsOf(member).map((step) => (
            <Action
              key={step}
              variant="default"
              size="sm"
              label={t(`team.${step}Label`, { name })}
              hindrance={hindrance}
              onPress={() => onAsk(step)}
            >
              {t(`team.${step}`)}
            </Action>
          ))}
        </Group>
      </td>
    </tr>
  )
}
