// A granted share, changed: nothing applies until it is saved, and then all of it at once (R16).
import { Button, Group, Stack, Text } from '@mantine/core'
import { ShareChange, type ShareView } from '@ridethrough/protocol/http/share.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeShare, offeredRolesQuery, SHARE_KEYS } from '../data/share.ts'
import { viewerZone } from '../data/zone.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'
import { useOffered } from './share-fields.tsx'
import { privilegesIn } from './share-rights.tsx'
import { ShareSentence } from './share-sentence.tsx'
import { boundsOf, changedIn, rightsBody, type TermsValues, termsOf, timesBody, windowsIn } from './share-terms.ts'
import { TermsFields } from './share-terms-fields.tsx'
import { UnsavedQuestion } from './unsaved.tsx'

export function ShareEditor({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const [saved, setSaved] = useState(() => termsOf(share, viewerZone(), Date.now()))
  const form = useEditForm(share, saved, setSaved)
  const { values, faults } = form
  const offered = useOffered(share.devices)
  const roles = useQuery(offeredRolesQuery).data ?? []
  const isUnsaved = Object.keys(changesOf(saved, values)).length > 0
  return (
    <form onSubmit={form.submit} noValidate aria-label={t('share.change')}>
      <Stack>
        <ShareSentence
          draft={{
            email: share.email,
            deviceNames: offered.filter(({ id }) => values.deviceIds.includes(id)).map(({ name }) => name),
            privileges: privilegesIn(values, roles),
            ...boundsOf(values),
            zone: values.zone,
            windows: windowsIn(values),
          }}
        />
        <TermsFields values={values} faults={faults} offered={offered} onChange={form.change} />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group gap="sm">
          <Button type="submit" loading={form.isSending} disabled={!isUnsaved}>
            {t('share.save')}
          </Button>
          {isUnsaved && (
            <Button variant="default" onClick={() => form.change(saved)}>
              {t('share.discard')}
            </Button>
          )}
          <Text size="sm" c="dimmed" role="status">
            {t(isUnsaved ? 'share.unsaved' : 'share.untouched')}
          </Text>
        </Group>
      </Stack>
      <UnsavedQuestion isUnsaved={isUnsaved && !form.isSending} />
    </form>
  )
}

function useEditForm(share: ShareView, saved: TermsValues, setSaved: (values: TermsValues) => void) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  return useForm({
    initial: saved,
    schema: ShareChange,
    toBody: (values) => changesOf(saved, values),
    send: (body) => changeShare(share.id, body),
    onDone: async ({ share: changed, access }, values) => {
      setSaved(values)
      announce(`${t('share.saved', { who: changed.email })} ${sayReport(access, t)}`)
      await refresh(SHARE_KEYS)
    },
  })
}

/** Only what is to change is sent: the rest may have changed under another hand. */
function changesOf(saved: TermsValues, values: TermsValues) {
  const before = { ...timesBody(saved), deviceIds: saved.deviceIds.toSorted() }
  const after = { ...timesBody(values), deviceIds: values.deviceIds.toSorted() }
  const [hadRights, hasRights] = [rightsBody(saved), rightsBody(values)]
  return {
    ...changedIn(before, after),
    ...(JSON.stringify(hadRights) === JSON.stringify(hasRights) ? {} : hasRights),
  }
}
