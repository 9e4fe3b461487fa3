import type { EdgeReport, ShareView } from '@ridethrough/protocol/http/share.ts'
import { BUILT_IN_ROLES, privilegesOf, SHARE_ROLES } from '@ridethrough/protocol/privilege.ts'
import type { Weekday } from '@ridethrough/protocol/window.ts'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { createTexts } from './i18n.ts'
import { type Draft, presetOf, sayPeriod, sayReport, shareSentence, standingOf } from './sentence.ts'

const { t } = createTexts()
const NOW = new Date(2026, 10, 21, 20, 0).getTime()
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone
const VIEWER = privilegesOf(BUILT_IN_ROLES.viewer)
const OPERATOR = privilegesOf(BUILT_IN_ROLES.operator)
const draft: Draft = {
  email: '',
  deviceNames: [],
  privileges: VIEWER,
  from: null,
  until: null,
  zone: ZONE,
  windows: [],
}

function sentence(change: Partial<Draft>): string {
  return shareSentence({ ...draft, ...change }, NOW, t)
    .map(({ text }) => text)
    .join('')
}

test('the sentence says who may do what on which devices, from when until when', () => {
  expect(sentence({})).toBe('Somebody may look at no device yet at any time, from now until you revoke it.')
  const until = new Date(2026, 11, 31, 23, 59).getTime()
  expect(sentence({ email: ' bob@example.org ', deviceNames: ['Rack 4', 'Rack 5'], privileges: OPERATOR, until })).toBe(
    'bob@example.org may look at and operate Rack 4 and Rack 5 at any time, from now until 31 Dec, 23:59.',
  )
  expect(sentence({ deviceNames: ['Rack 4'], privileges: ['monitor', 'reboot'] })).toBe(
    'Somebody may see live values and status and restart it or an outlet: Rack 4 at any time, from now until you revoke it.',
  )
  const windows = [{ days: [1, 2, 3, 4, 5] as Weekday[], from: '08:00', until: '17:00' }]
  expect(sentence({ deviceNames: ['Rack 4'], windows, until })).toBe(
    'Somebody may look at Rack 4 on Monday to Friday 08:00-17:00, from now until 31 Dec, 23:59.',
  )
})

test('each part leads to its field, and a name with markup in it stays a name', () => {
  const parts = shareSentence({ ...draft, email: '<until/>', deviceNames: ['</p><from/>'] }, NOW, t)
  expect(parts.filter(({ field }) => field).map(({ field }) => field)).toEqual([
    'email',
    'role',
    'devices',
    'windows',
    'from',
    'until',
  ])
  expect(parts.find(({ field }) => field === 'devices')?.text).toBe('</p><from/>')
})

test('a preset is known by its privileges, anything else is custom', () => {
  for (const role of SHARE_ROLES) expect(presetOf(privilegesOf(BUILT_IN_ROLES[role]).reverse())).toBe(role)
  expect(presetOf(['monitor'])).toBe('custom')
  expect(presetOf([])).toBe('custom')
})

const iso = (ms: number) => new Date(ms).toISOString()
const share: ShareView = {
  id: 's',
  state: 'accepted',
  suspended: false,
  email: 'bob@example.org',
  recipient: null,
  sharedBy: { name: 'Ann', email: 'ann@example.org' },
  devices: [],
  removedDevices: [],
  role: null,
  windows: [],
  acceptedAt: null,
  endedAt: null,
  side: 'owner',
  privileges: ['monitor'],
  from: null,
  until: null,
  createdAt: iso(NOW),
  invitationExpiresAt: null,
}

test('an accepted share is active inside its period only', () => {
  expect(standingOf(share, NOW)).toBe('accepted')
  expect(standingOf({ ...share, from: iso(NOW + 1) }, NOW)).toBe('upcoming')
  expect(standingOf({ ...share, until: iso(NOW) }, NOW)).toBe('over')
  expect(standingOf({ ...share, until: iso(NOW + 1) }, NOW)).toBe('accepted')
  expect(standingOf({ ...share, suspended: true }, NOW)).toBe('suspended')
  expect(standingOf({ ...share, state: 'revoked', suspended: true }, NOW)).toBe('revoked')
  expect(standingOf({ ...share, state: 'revoked', from: iso(NOW + 1) }, NOW)).toBe('revoked')
})

test('a period says what is still to come', () => {
  expect(sayPeriod(share, NOW, t)).toBe('Until revoked')
  expect(sayPeriod({ from: iso(NOW - 1), until: null }, NOW, t)).toBe('Until revoked')
  expect(sayPeriod({ from: iso(NOW + 3_600_000), until: iso(NOW + 7_200_000) }, NOW, t)).toBe('21:00 to 22:00')
})

type Report = z.infer<typeof EdgeReport>
const edge: Report['edges'][number] = {
  id: 'e',
  kind: 'broker',
  outcome: 'applied',
  subscriptions: 0,
  connections: 0,
  viewers: 0,
}

test('after a revoke, the answer of the edges is said as it is', () => {
  expect(sayReport({ version: 1, ms: 12.4, edges: [{ ...edge, viewers: 2 }] }, t)).toBe(
    '1 server confirmed in 12 ms; 2 live viewers at the broker were cut.',
  )
  expect(sayReport({ version: 1, ms: 0.2, edges: [{ ...edge, viewers: 1 }, edge] }, t)).toBe(
    '2 servers confirmed in 1 ms; 1 live viewer at the broker was cut.',
  )
  const api = { ...edge, kind: 'api', viewers: 1 } as const
  expect(sayReport({ version: 1, ms: 7, edges: [{ ...edge, subscriptions: 2 }, api] }, t)).toBe(
    '2 servers confirmed in 7 ms; 1 live viewer at the API and 2 subscriptions at the broker were cut.',
  )
  const fenced = { ...edge, outcome: 'fenced', subscriptions: 1, viewers: 1 } as const
  expect(sayReport({ version: 1, ms: 5, edges: [edge, fenced] }, t)).toBe(
    '1 server confirmed in 5 ms; 1 live viewer and 1 subscription at the broker were cut. 1 server did not answer and serves nobody until it has caught up.',
  )
})
