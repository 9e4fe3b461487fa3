// A guest is invited, with the warning that a mail will be sent (R30), or changed: nothing applies until it is saved.
import { Button, Group, Stack, Switch, TextInput } from '@mantine/core'
import { GuestChange, type GuestView, NewGuest } from '@ridethrough/protocol/http/guest.ts'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeGuest, GUEST_KEYS, inviteGuest } from '../data/guest.ts'
import { useNow } from '../data/now.ts'
import { viewerZone } from '../data/zone.ts'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { bodyOf, changeOf, draftOf, type GuestDraft, missingIn, newGuestDraft } from './guest-draft.ts'
import { Ground, GuestFields } from './guest-fields.tsx'
import { useAnnounce } from './notice.tsx'
import { UnsavedQuestion } from './unsaved.tsx'

export function InviteGuestForm() {
  const { t } = useTranslation()
  const form = useInvitation()
  const { values, set } = form
  const { faults, submit } = useChoices(form)
  const email = values.email.trim() || t('guest.mailWarningNobody')
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={760}>
        <Ground>
          <TextInput
            label={t('guest.email')}
            description={t('guest.emailHint')}
            type="email"
            autoComplete="off"
            {...form.field('email')}
          />
          <Switch
            label={t('guest.active')}
            description={t('guest.activeHint')}
            checked={values.active}
            onChange={(event) => set('active', event.currentTarget.checked)}
          />
        </Ground>
        <GuestFields values={values} faults={faults} set={set} />
        <Alert kind="warning" title={t('guest.mailWarning')}>
          {t('guest.mailWarningTo', { email })}
        </Alert>
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Button type="submit" loading={form.isSending} size="md" style={{ alignSelf: 'flex-start' }}>
          {t('guest.submit')}
        </Button>
      </Stack>
    </form>
  )
}

function useInvitation() {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const now = useNow(60_000)
  return useForm({
    initial: newGuestDraft(viewerZone()),
    schema: NewGuest,
    toBody: bodyOf,
    send: inviteGuest,
    onDone: async ({ email, invitationExpiresAt }) => {
      await refresh(GUEST_KEYS)
      await navigate({ to: paths.company, search: { tab: 'guests' } })
      const until = invitationExpiresAt === null ? now : Date.parse(invitationExpiresAt)
      announce(t('guest.invited', { email, time: sayTime(until, now) }))
    },
  })
}

type ChangeProps = {
  readonly guest: GuestView
  /** The fields begin anew from what is stored. */
  readonly onReset: () => void
}

export function ChangeGuestForm({ guest, onReset }: ChangeProps) {
  const { t } = useTranslation()
  const [before] = useState(() => draftOf(guest, viewerZone()))
  const form = useGuestChange(guest, before, onReset)
  const { faults, submit } = useChoices(form)
  const isChanged = Object.keys(changeOf(before, form.values)).length > 0
  return (
    <form onSubmit={submit} noValidate>
      <UnsavedQuestion isUnsaved={isChanged && !form.isSending} />
      <Stack>
        <GuestFields values={form.values} faults={faults} set={form.set} />
        {isChanged && <Alert kind="note">{t('guest.mailChange', { who: guest.email })}</Alert>}
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Action type="submit" loading={form.isSending} hindrance={isChanged ? undefined : t('guest.unchanged')}>
            {t('guest.save')}
          </Action>
          {isChanged && (
            <Button variant="default" onClick={onReset}>
              {t('guest.discard')}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  )
}

function useGuestChange(guest: GuestView, before: GuestDraft, onReset: () => void) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  return useForm({
    initial: before,
    schema: GuestChange,
    toBody: (values) => changeOf(before, values),
    send: (change) => changeGuest(guest.id, change),
    onDone: async ({ access }) => {
      await refresh(GUEST_KEYS)
      onReset()
      announce(`${t('guest.saved')} ${sayReport(access, t)}`)
    },
  })
}

type Form = {
  readonly values: GuestDraft
  readonly faults: Readonly<Record<string, string>>
  readonly submit: (event: FormEvent) => void
}

/** A workspace that asks for a choice and has none is said at the choice, before anything is sent. */
function useChoices({ values, faults, submit }: Form) {
  const { t } = useTranslation()
  const [isTried, setTried] = useState(false)
  const missing = missingIn(values)
  const said = { groups: t('guest.needGroup'), deviceIds: t('guest.needDevice') }
  return {
    faults: isTried && missing ? { ...faults, [missing]: said[missing] } : faults,
    submit: (event: FormEvent) => {
      setTried(true)
      if (missing) event.preventDefault()
      else submit(event)
    },
  }
}
