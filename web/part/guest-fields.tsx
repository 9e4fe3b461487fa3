// Fields of a guest: how much of the company they see, what they may do there, and when (R30, R32).
import { Checkbox, Paper, Radio, Stack, Text, Title } from '@mantine/core'
import { GUEST_MODES } from '@ridethrough/protocol/policy.ts'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { groupsQuery } from '../data/group.ts'
import { useLive, useOverview } from '../data/live.ts'
import { paths } from '../paths.ts'
import { Alert } from '../ui/alert.tsx'
import { DeviceTicks } from './device-ticks.tsx'
import { type GroupDraft, type GuestDraft, VIEWER } from './guest-draft.ts'
import { TextLink } from './link.tsx'
import { RoleChoice } from './role-choice.tsx'
import { PeriodFields } from './share-period.tsx'
import { RightsChoice } from './share-rights.tsx'
import { WindowFields } from './share-windows.tsx'

type Faults = Readonly<Record<string, string>>
type FieldsProps = {
  readonly values: GuestDraft
  readonly faults: Faults
  readonly set: <K extends keyof GuestDraft>(field: K, value: GuestDraft[K]) => void
}

export function GuestFields({ values, faults, set }: FieldsProps) {
  const { t } = useTranslation()
  const zones = useZones(values)
  return (
    <>
      <Ground>
        <Radio.Group
          label={t('guest.mode')}
          value={values.mode}
          onChange={(value) => set('mode', GUEST_MODES.find((each) => each === value) ?? 'devices')}
        >
          <Stack gap="xs" mt="sm">
            {GUEST_MODES.map((mode) => (
              <Radio
                key={mode}
                value={mode}
                label={t(`guests.mode.${mode}`)}
                description={t(`guests.modeWhat.${mode}`)}
              />
            ))}
          </Stack>
        </Radio.Group>
      </Ground>
      {values.mode === 'devices' && (
        <Ground>
          <DeviceTicks
            label={t('guest.devices')}
            hint={t('guest.devicesHint')}
            chosen={values.deviceIds}
            fault={faults.deviceIds}
            onChange={(deviceIds) => set('deviceIds', deviceIds)}
          />
        </Ground>
      )}
      {values.mode === 'groups' ? (
        <Ground>
          <GroupScopes groups={values.groups} fault={faults.groups} onChange={(groups) => set('groups', groups)} />
        </Ground>
      ) : (
        <Ground>
          <RightsChoice
            values={values}
            fault={faults.privileges ?? faults.roleId ?? faults.role}
            onPreset={(preset) => set('preset', preset)}
            onPrivileges={(privileges) => set('privileges', privileges)}
          />
        </Ground>
      )}
      <Ground title={t('sharing.period')}>
        <PeriodFields
          values={values.period}
          faults={faults}
          zones={zones}
          off={t('guest.noPeriod')}
          onChange={(period) => set('period', period)}
        />
        <WindowFields
          values={values.windows}
          fault={faults.windows}
          zones={zones}
          onChange={(windows) => set('windows', windows)}
        />
      </Ground>
    </>
  )
}

export function Ground({ title, children }: { readonly title?: string; readonly children: ReactNode }) {
  return (
    <Paper withBorder p="md" bg="var(--surface)">
      <Stack gap="md">
        {title !== undefined && (
          <Title order={2} size="sm" fw={600}>
            {title}
          </Title>
        )}
        {children}
      </Stack>
    </Paper>
  )
}

type ScopesProps = {
  readonly groups: readonly GroupDraft[]
  readonly fault: string | undefined
  readonly onChange: (groups: readonly GroupDraft[]) => void
}

/** Ticked groups, each with what may be done in it. */
function GroupScopes({ groups, fault, onChange }: ScopesProps) {
  const { t } = useTranslation()
  const { data: known, error } = useQuery(groupsQuery)
  const chosen = groups.map(({ groupId }) => groupId)
  if (error) return <Alert kind="fault">{sayFault(error, t)}</Alert>
  return (
    <Stack gap="sm">
      <Checkbox.Group
        label={t('guest.groups')}
        description={t('guest.groupsHint')}
        value={chosen}
        error={fault}
        onChange={(ids) =>
          onChange(ids.map((groupId) => groups.find((each) => each.groupId === groupId) ?? { groupId, rights: VIEWER }))
        }
      >
        <Stack gap="md" mt="sm" mb={4}>
          {known?.map(({ id, name, devices }) => {
            const group = groups.find(({ groupId }) => groupId === id)
            return (
              <Stack key={id} gap="xs">
                <Checkbox value={id} label={name} description={t('guest.inGroup', { count: devices.length })} />
                {group && (
                  <div style={{ marginInlineStart: '2rem' }}>
                    <RoleChoice
                      label={t('guest.rightsIn', { group: name })}
                      rights={group.rights}
                      onChange={(rights) =>
                        onChange(groups.map((each) => (each.groupId === id ? { groupId: id, rights } : each)))
                      }
                    />
                  </div>
                )}
              </Stack>
            )
          })}
        </Stack>
      </Checkbox.Group>
      {known?.length === 0 && (
        <Text>
          {t('guest.noGroups')}{' '}
          <TextLink to={paths.company} search={{ tab: 'groups' }}>
            {t('guest.makeGroup')}
          </TextLink>
        </Text>
      )}
    </Stack>
  )
}

/** Of the devices that the guest would see. */
function useZones({ mode, groups, deviceIds }: GuestDraft): readonly string[] {
  const { store } = useLive()
  const { ids } = useOverview()
  const known = useQuery({ ...groupsQuery, enabled: mode === 'groups' }).data ?? []
  const inGroups = known
    .filter(({ id }) => groups.some(({ groupId }) => groupId === id))
    .flatMap(({ devices }) => devices.map(({ id }) => id))
  const seen = { devices: deviceIds, groups: inGroups, 'groups-and-devices': ids.mine }[mode]
  return [...new Set(seen.flatMap((id) => store.device(id)?.timeZone ?? []))]
}
