// The team: who is active, who is not, who is invited; searched and filtered, all of it part of the address.
import { Group, NativeSelect, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import type { CompanyView } from '@ridethrough/protocol/http/company.ts'
import { IconSearch, IconUserPlus } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { membersQuery } from '../data/company.ts'
import { sayFault } from '../data/fault.ts'
import { Loading } from '../page/nothing.tsx'
import { TEAM_STATES } from '../paths.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { InviteDialog } from './invite.tsx'
import { More, useListing } from './listing.tsx'
import { TeamInvitations } from './team-invitations.tsx'
import { LeaveAction } from './team-leave.tsx'
import { TeamTable } from './team-table.tsx'

const ROUTE = '/signed-in/company'

type Props = {
  readonly company: CompanyView
  /** Why the viewer may not change the team; `undefined` when they may. */
  readonly hindrance: string | undefined
}

export function TeamTab({ company, hindrance }: Props) {
  const { t } = useTranslation()
  const { state = 'active' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: '/company' })
  const [isInviting, setInviting] = useState(false)
  const invite = (
    <Action icon={<IconUserPlus size={16} aria-hidden />} hindrance={hindrance} onPress={() => setInviting(true)}>
      {t('invite.open')}
    </Action>
  )
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label={t('team.show')}
          value={state}
          data={TEAM_STATES.map((each) => ({
            value: each,
            label: t('team.stateCount', { state: t(`team.state.${each}`), count: company.counts[each] }),
          }))}
          onChange={(value) => {
            const next = TEAM_STATES.find((each) => each === value)
            void navigate({ search: (before) => ({ ...before, state: next }), replace: true })
          }}
        />
        <Group gap="xs">
          <LeaveAction company={company} />
          {invite}
        </Group>
      </Group>
      {state === 'invited' ? (
        <TeamInvitations hindrance={hindrance} action={invite} />
      ) : (
        <People state={state} hindrance={hindrance} />
      )}
      {isInviting && <InviteDialog company={company.name} onClose={() => setInviting(false)} />}
    </Stack>
  )
}

type PeopleProps = Pick<Props, 'hindrance'> & { readonly state: 'active' | 'inactive' }

function People({ state, hindrance }: PeopleProps) {
  const { t } = useTranslation()
  const { search, role, factor } = useSearch({ from: ROUTE })
  const listing = useListing(membersQuery({ state, search, role, secondFactor: factor }))
  const { items, error } = listing
  const isFiltered = search !== undefined || role !== undefined || factor !== undefined
  return (
    <Stack gap="sm">
      <Filters />
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {items === undefined ? (
        !error && <Loading />
      ) : items.length === 0 ? (
        <Empty title={t(isFiltered ? 'team.noneFound' : 'team.noneInactive')}>
          {t(isFiltered ? 'team.noneFoundHow' : 'team.noneInactiveHow')}
        </Empty>
      ) : (
        <>
          <TeamTable label={t(`team.list.${state}`)} members={items} hindrance={hindrance} />
          <More listing={listing}>{t('team.more')}</More>
        </>
      )}
    </Stack>
  )
}

const PAUSE_MS = 250

function Filters() {
  const { t } = useTranslation()
  const { search = '', role = '', factor = '' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: '/company' })
  const [typed, setTyped] = useState(search)
  const set = (change: Readonly<Record<string, string | undefined>>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const look = useDebouncedCallback((text: string) => set({ search: text.trim() || undefined }), PAUSE_MS)
  return (
    <Group component="search" gap="sm" align="flex-end">
      <TextInput
        label={t('team.search')}
        type="search"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value)
          look(event.currentTarget.value)
        }}
        style={{ flex: '1 1 16rem' }}
      />
      <NativeSelect
        label={t('team.role')}
        value={role}
        data={[
          { value: '', label: t('team.anyRole') },
          { value: 'owner', label: t('teamRole.owner') },
          { value: 'member', label: t('teamRole.member') },
        ]}
        onChange={(event) => set({ role: event.currentTarget.value || undefined })}
      />
      <NativeSelect
        label={t('team.factor')}
        value={factor}
        data={[
          { value: '', label: t('team.anyFactor') },
          { value: 'true', label: t('team.factorOn') },
          { value: 'false', label: t('team.factorOff') },
        ]}
        onChange={(event) => set({ factor: event.currentTarget.value || undefined })}
      />
    </Group>
  )
}
