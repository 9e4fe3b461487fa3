// Guests of the company: who, as what, on which devices, and the two flags that both are needed (R30, R31).
import { Group, Text } from '@mantine/core'
import type { GuestView } from '@ridethrough/protocol/http/guest.ts'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { paths } from '../paths.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import {
  ActiveMark,
  GuestQuestion,
  type GuestStep,
  isOpen,
  isUnanswered,
  sayRole,
  sayTerm,
  useResend,
  ValidatedMark,
  Workspace,
} from './guest-parts.tsx'
import styles from './team-table.module.css'

type Props = {
  readonly guests: readonly GuestView[]
  readonly company: string
}

export function GuestTable({ guests, company }: Props) {
  const { t } = useTranslation()
  const [asked, setAsked] = useState<{ readonly guest: GuestView; readonly step: GuestStep }>()
  return (
    <>
      <table className={styles.table} aria-label={t('guests.list')}>
        <thead>
          <tr>
            {(['who', 'role', 'workspace', 'active', 'validated', 'actions'] as const).map((column) => (
              <th key={column} scope="col">
                {t(`guests.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {guests.map((guest) => (
            <GuestRow key={guest.id} guest={guest} onAsk={(step) => setAsked({ guest, step })} />
          ))}
        </tbody>
      </table>
      {asked && <GuestQuestion {...asked} company={company} onClose={() => setAsked(undefined)} />}
    </>
  )
}

type RowProps = {
  readonly guest: GuestView
  readonly onAsk: (step: GuestStep) => void
}

function GuestRow({ guest, onAsk }: RowProps) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const { name, email } = guest
  return (
    <tr>
      <th scope="row" className={styles.wide}>
        {name ?? email}
        {name !== null && (
          <Text size="sm" c="dimmed">
            {email}
          </Text>
        )}
      </th>
      <td data-label={t('guests.role')} className={styles.short}>
        {sayRole(guest, t)}
        <Text size="sm" c="dimmed">
          {sayTerm(guest, now, t)}
        </Text>
      </td>
      <td data-label={t('guests.workspace')} className={styles.short}>
        <Workspace guest={guest} />
      </td>
      <td data-label={t('guests.active')}>
        <ActiveMark guest={guest} />
      </td>
      <td data-label={t('guests.validated')}>
        <ValidatedMark guest={guest} />
      </td>
      <td className={styles.wide}>
        <RowActions guest={guest} onAsk={onAsk} />
      </td>
    </tr>
  )
}

function RowActions({ guest, onAsk }: RowProps) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const resend = useResend(guest)
  const who = guest.email
  const step = guest.active ? 'switchOff' : 'switchOn'
  return (
    <Group gap="xs">
      <Action
        variant="default"
        size="sm"
        label={t('guests.openLabel', { who })}
        onPress={() => void navigate({ to: paths.guest, params: { id: guest.id } })}
      >
        {t(isOpen(guest) ? 'guests.open' : 'guests.look')}
      </Action>
      {isOpen(guest) && (
        <Action variant="default" size="sm" label={t(`guests.${step}Label`, { who })} onPress={() => onAsk(step)}>
          {t(`guests.${step}`)}
        </Action>
      )}
      {isUnanswered(guest) && (
        <Action
          variant="default"
          size="sm"
          label={t('guests.resendLabel', { who })}
          loading={resend.isPending}
          onPress={() => resend.mutate()}
        >
          {t('guests.resend')}
        </Action>
      )}
      {resend.error && <Alert kind="fault">{sayFault(resend.error, t)}</Alert>}
    </Group>
  )
}
