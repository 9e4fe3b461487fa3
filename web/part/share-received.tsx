// Devices of a received share: unticked ones leave one's own view once saved, and may be taken back (R17).
import { Button, Checkbox, Group, Stack, Text } from '@mantine/core'
import type { EdgeReport, ShareView } from '@ridethrough/protocol/http/share.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { removeDevice, restoreDevice, SHARE_KEYS } from '../data/share.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { useChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'
import { UnsavedQuestion } from './unsaved.tsx'

export function ReceivedDevices({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const here = share.devices.map(({ id }) => id)
  const [ticked, setTicked] = useState<readonly string[]>(here)
  const removed = here.filter((id) => !ticked.includes(id))
  const restored = ticked.filter((id) => !here.includes(id))
  const isUnsaved = removed.length + restored.length > 0
  const change = useChange(
    () => applyTicks(share.id, removed, restored),
    SHARE_KEYS,
    (access) => announce(`${t('received.saved')} ${access ? sayReport(access, t) : ''}`),
  )
  const all = [...share.devices, ...share.removedDevices]
  return (
    <Section title={t('received.title')} lead={t('received.lead')}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate()
        }}
      >
        <Stack>
          <Checkbox.Group label={t('sharing.devices')} value={[...ticked]} onChange={setTicked}>
            <Stack gap="xs" mt="xs">
              {all.map(({ id, name }) => (
                <Checkbox
                  key={id}
                  value={id}
                  label={name}
                  description={here.includes(id) ? undefined : t('received.removed')}
                />
              ))}
            </Stack>
          </Checkbox.Group>
          {ticked.length === 0 && (
            <Alert kind="warning" title={t('received.none')}>
              {t('received.noneWhat', { who: share.sharedBy.name })}
            </Alert>
          )}
          {change.error && <Alert kind="fault">{sayFault(change.error, t)}</Alert>}
          <Group gap="sm">
            <Button type="submit" loading={change.isPending} disabled={!isUnsaved || ticked.length === 0}>
              {t('share.save')}
            </Button>
            <Text size="sm" c="dimmed" role="status">
              {t(isUnsaved ? 'share.unsaved' : 'share.untouched')}
            </Text>
          </Group>
        </Stack>
        <UnsavedQuestion isUnsaved={isUnsaved && !change.isPending} />
      </form>
    </Section>
  )
}

/** What is taken back comes first: the last device to go would take the share with it. */
async function applyTicks(
  id: string,
  removed: readonly string[],
  restored: readonly string[],
): Promise<EdgeReport | undefined> {
  let access: EdgeReport | undefined
  for (const deviceId of restored) access = (await restoreDevice(id, deviceId)).access
  for (const deviceId of removed) access = (await removeDevice(id, deviceId)).access
  return access
}
