import { GuestChange, type GuestView, NewGuest } from '@ridethrough/protocol/http/guest.ts'
import { expect, test } from 'vitest'
import { bodyOf, changeOf, draftOf, missingIn, newGuestDraft } from './guest-draft.ts'

const ZONE = 'Europe/Kyiv'
const RACK = '00000000-0000-4000-8000-00000000000a'
const ROOM = '00000000-0000-4000-8000-00000000000b'
const ROLE = '00000000-0000-4000-8000-00000000000c'

const guest: GuestView = {
  id: '00000000-0000-4000-8000-000000000001',
  email: 'installer@example.org',
  name: null,
  state: 'pending',
  active: true,
  validated: false,
  mode: 'devices',
  privileges: ['monitor', 'history'],
  role: null,
  groups: [],
  devices: [{ id: RACK, name: 'Rack 4' }],
  from: null,
  until: '2026-12-31T10:00:00.000Z',
  windows: [{ days: [1, 2], from: '08:00', until: '17:00' }],
  invitedBy: 'Olivia',
  sentAt: '2026-11-21T10:00:00.000Z',
  invitationExpiresAt: '2026-11-23T10:00:00.000Z',
  answeredAt: null,
  endedAt: null,
}

test('a new guest is sent as the API wants it, with what the mode asks for and nothing else [R32]', () => {
  const draft = { ...newGuestDraft(ZONE), email: ' installer@example.org ', deviceIds: [RACK] }
  const group = { groupId: ROOM, rights: { preset: `role:${ROLE}`, privileges: [] } } as const
  expect(NewGuest.parse(bodyOf(draft))).toMatchObject({
    email: 'installer@example.org',
    mode: 'devices',
    role: 'viewer',
    deviceIds: [RACK],
    groups: [],
  })
  const byGroup = NewGuest.parse(bodyOf({ ...draft, mode: 'groups', groups: [group] }))
  expect(byGroup).toMatchObject({ mode: 'groups', deviceIds: [], groups: [{ groupId: ROOM, roleId: ROLE }] })
  expect(byGroup).not.toHaveProperty('role')
  expect(NewGuest.parse(bodyOf({ ...draft, mode: 'groups-and-devices' }))).toMatchObject({ deviceIds: [], groups: [] })
})

test('nothing changed sends nothing; what is changed is sent alone', () => {
  const before = draftOf(guest, ZONE)
  expect(changeOf(before, before)).toEqual({})
  expect(GuestChange.parse(changeOf(before, { ...before, deviceIds: [] }))).toEqual({ deviceIds: [] })
  expect(GuestChange.parse(changeOf(before, { ...before, preset: `role:${ROLE}` }))).toEqual({ roleId: ROLE })
  const withoutEnd = { ...before, period: { ...before.period, hasPeriod: false } }
  expect(GuestChange.parse(changeOf(before, withoutEnd))).toEqual({ until: null })
})

test('a mode that asks for a choice is not sent without one [R32]', () => {
  const draft = newGuestDraft(ZONE)
  expect(missingIn(draft)).toBe('deviceIds')
  expect(missingIn({ ...draft, mode: 'groups' })).toBe('groups')
  expect(missingIn({ ...draft, mode: 'groups-and-devices' })).toBeUndefined()
})
