// Groups of the company's devices: made, renamed, filled, deleted; each says how many guests it concerns.
import { Group, Stack, Text } from '@mantine/core'
import type { GroupView } from '@ridethrough/protocol/http/guest.ts'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { deleteGroup, GROUP_KEYS, groupsQuery } from '../data/group.ts'
import { Loading } from '../page/nothing.tsx'
import { sayList } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { GroupDialog } from './group-dialog.tsx'
import { useAnnounce } from './notice.tsx'

type Asked = { readonly what: 'make' } | { readonly what: 'change' | 'delete'; readonly group: GroupView }

export function GroupTab({ hindrance }: { readonly hindrance: string | undefined }) {
  const { t } = useTranslation()
  const { data: groups, error } = useQuery(groupsQuery)
  const [asked, setAsked] = useState<Asked>()
  const close = () => setAsked(undefined)
  const make = (
    <Action icon={<IconPlus size={16} aria-hidden />} hindrance={hindrance} onPress={() => setAsked({ what: 'make' })}>
      {t('groups.make')}
    </Action>
  )
  return (
    <Section title={t('groups.title')} lead={t('groups.lead')} actions={groups?.length ? make : undefined}>
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {groups === undefined ? (
        !error && <Loading />
      ) : groups.length === 0 ? (
        <Empty level={3} title={t('groups.none')} action={make}>
          {t('groups.noneHow')}
        </Empty>
      ) : (
        <Rows label={t('groups.list')}>
          {groups.map((group) => (
            <GroupRow key={group.id} group={group} hindrance={hindrance} onAsk={(what) => setAsked({ what, group })} />
          ))}
        </Rows>
      )}
      {asked?.what === 'delete' ? (
        <DeleteGroup group={asked.group} onClose={close} />
      ) : (
        asked && <GroupDialog group={asked.what === 'change' ? asked.group : undefined} onClose={close} />
      )}
    </Section>
  )
}

type RowProps = {
  readonly group: GroupView
  readonly hindrance: string | undefined
  readonly onAsk: (what: 'change' | 'delete') => void
}

function GroupRow({ group, hindrance, onAsk }: RowProps) {
  const { t } = useTranslation()
  const { name, devices, guests } = group
  return (
    <Row
      actions={
        <Group gap="xs">
          {(['change', 'delete'] as const).map((what) => (
            <Action
              key={what}
              variant="default"
              size="sm"
              label={t(`groups.${what}Label`, { name })}
              hindrance={hindrance}
              onPress={() => onAsk(what)}
            >
              {t(`groups.${what}`)}
            </Action>
          ))}
        </Group>
      }
    >
      <Stack gap={2}>
        <Text fw={600}>{name}</Text>
        <Text size="sm">
          {t('groups.count', { count: devices.length })} · {t('groups.guests', { count: guests })}
        </Text>
        <Text size="sm" c="dimmed">
          {devices.length === 0 ? t('groups.empty') : sayList(devices.map((device) => device.name))}
        </Text>
      </Stack>
    </Row>
  )
}

function DeleteGroup({ group, onClose }: { readonly group: GroupView; readonly onClose: () => void }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  return (
    <ConfirmChange
      title={t('groups.deleteTitle', { name: group.name })}
      what={t('groups.deleteWhat', { count: group.guests })}
      submit={t('groups.delete')}
      run={() => deleteGroup(group.id)}
      refresh={GROUP_KEYS}
      onDone={({ access }) => {
        onClose()
        announce(`${t('groups.deleted', { name: group.name })} ${sayReport(access, t)}`)
      }}
      onCancel={onClose}
    />
  )
}
