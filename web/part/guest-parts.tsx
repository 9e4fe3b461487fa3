// Pieces that the table of guests and the page of one have in common: standing, workspace, and what can be done.
import { Text } from '@mantine/core'
import type { GuestView, HostView } from '@ridethrough/protocol/http/guest.ts'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { changeGuest, endGuest, GUEST_KEYS, resendGuest } from '../data/guest.ts'
import { sayList } from '../text/format.ts'
import { presetOf, sayPeriod, sayReport } from '../text/sentence.ts'
import { sayWindows } from '../text/window.ts'
import { Mark } from '../ui/mark.tsx'
import { ConfirmChange, useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

/** What has run out by itself can still be changed: sent again, or made longer. */
export function isOpen({ state, endedAt }: GuestView): boolean {
  return state === 'pending' || state === 'accepted' || (state === 'expired' && endedAt === null)
}

export function isUnanswered(guest: GuestView): boolean {
  return isOpen(guest) && guest.answeredAt === null
}

/** R31: the company's flag. */
export function ActiveMark({ guest }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  return <Mark isOn={guest.active}>{t(guest.active ? 'guests.on' : 'guests.off')}</Mark>
}

/** R31: the guest's flag; where it is not set, why. */
export function ValidatedMark({ guest: { validated, state } }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  return <Mark isOn={validated}>{t(`guests.state.${validated ? 'accepted' : state}`)}</Mark>
}

export function sayRole({ mode, role, privileges }: GuestView, t: TFunction): string {
  if (mode === 'groups') return t('guests.byGroup')
  return role?.name ?? t(`role.${presetOf(privileges)}`)
}

/** Until when and at which hours; '' where nothing bounds it. */
export function sayTerm({ from, until, windows }: GuestView | HostView, now: number, t: TFunction): string {
  const period = from === null && until === null ? [] : [sayPeriod({ from, until }, now, t)]
  return [...period, ...(windows.length > 0 ? [sayWindows(windows, t)] : [])].join(', ')
}

/** Few names are named, many counted. */
const NAMED = 3

export function Workspace({ guest: { mode, groups, devices } }: { readonly guest: GuestView }) {
  const { t } = useTranslation()
  const names = (mode === 'groups' ? groups : devices).map(({ name }) => name)
  const count = t(mode === 'groups' ? 'workspace.groups' : 'workspace.devices', { count: names.length })
  const what = mode === 'groups-and-devices' ? t('guests.all') : names.length <= NAMED ? sayList(names) : count
  return (
    <>
      {t(`guests.mode.${mode}`)}
      <Text size="sm" c="dimmed">
        {what || count}
      </Text>
    </>
  )
}

export type GuestStep = 'switchOff' | 'switchOn' | 'end' | 'withdraw'

const SAID = { switchOff: 'switchedOff', switchOn: 'switchedOn', end: 'ended', withdraw: 'withdrawn' } as const

type QuestionProps = {
  readonly guest: GuestView
  readonly company: string
  readonly step: GuestStep
  readonly onClose: () => void
}

/** Asked with what will happen, answered with what it did. */
export function GuestQuestion({ guest, company, step, onClose }: QuestionProps) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const who = guest.email
  return (
    <ConfirmChange
      title={t(`guests.${step}Title`, { who })}
      what={t(`guests.${step}What`, { who, company })}
      submit={t(`guests.${step}`)}
      isHarmless={step === 'switchOn'}
      run={() =>
        step === 'end' || step === 'withdraw'
          ? endGuest(guest.id)
          : changeGuest(guest.id, { active: step === 'switchOn' })
      }
      refresh={GUEST_KEYS}
      onDone={({ access }) => {
        onClose()
        announce(`${t(`guests.${SAID[step]}`, { who })} ${sayReport(access, t)}`)
      }}
      onCancel={onClose}
    />
  )
}

export function useResend(guest: GuestView) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  return useChange(
    () => resendGuest(guest.id),
    GUEST_KEYS,
    () => announce(t('guests.resent', { who: guest.email })),
  )
}
