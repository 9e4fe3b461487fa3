// Small worlds for property tests: two companies, three accounts, two devices, few instants, so that rules collide.

import type { Period } from '@ridethrough/protocol/period.ts'
import { PLANS } from '@ridethrough/protocol/plan.ts'
import {
  type AccountSubject,
  type DeviceFact,
  type Facts,
  FULL_SCOPE,
  GUEST_MODES,
  GUEST_STATES,
  type GuestFact,
  type LinkFact,
  type MembershipFact,
  type Scope,
  SHARE_STATES,
  type ShareFact,
  type Subject,
  type Via,
} from '@ridethrough/protocol/policy.ts'
import { ALL_PRIVILEGES, BUILT_IN_ROLES, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { WEEKDAYS, type Weekday, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import fc from 'fast-check'

export const ACCOUNTS = ['ann', 'bob', 'cid'] as const
export const COMPANIES = ['acme', 'bolt'] as const
export const DEVICES = ['rack', 'desk'] as const
export const VARIABLES = ['battery.charge', 'ups.status', 'ups.load'] as const

/** Clocks that change by an hour, by half an hour, around Ramadan, and never; one is three quarters of an hour off. */
export const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'UTC',
  'Asia/Kathmandu',
] as const

/** Where the clocks of those zones change in 2026, and midnights there; two of them in the years beside it. */
export const INSTANTS: readonly number[] = [
  '2026-03-29T01:00Z',
  '2026-10-25T01:00Z',
  '2026-10-25T00:00Z',
  '2026-03-08T07:00Z',
  '2026-11-01T06:00Z',
  '2026-04-04T15:00Z',
  '2026-10-03T15:30Z',
  '2026-02-15T02:00Z',
  '2026-03-22T02:00Z',
  '2026-01-01T00:00Z',
  '2026-03-28T23:00Z',
  '2026-10-24T22:00Z',
  '2026-10-25T23:00Z',
  '2026-03-08T05:00Z',
  '2026-11-02T05:00Z',
  '2026-04-04T13:00Z',
  '2026-06-30T18:15Z',
  '2026-07-01T00:00Z',
  '2025-12-31T23:00Z',
  '2027-01-01T00:00Z',
].map((text) => Date.parse(text))

export const TIMES = ['00:00', '01:30', '02:00', '02:15', '02:30', '03:00', '08:00', '17:00', '22:00', '23:30'] as const

const MINUTE_MS = 60_000
/** How far an instant is from one of `INSTANTS`: on it, beside it, an hour or a day away. */
export const NEARBY_MS = [
  0,
  -1,
  1,
  -30 * MINUTE_MS,
  30 * MINUTE_MS,
  60 * MINUTE_MS,
  -1440 * MINUTE_MS,
  1440 * MINUTE_MS,
]

export const arbNow = fc.tuple(fc.constantFrom(...INSTANTS), fc.constantFrom(...NEARBY_MS)).map(([at, by]) => at + by)
export const arbPrivilege = fc.constantFrom(...PRIVILEGES)
const arbEdge = fc.option(arbNow, { nil: null })
const arbPeriod: fc.Arbitrary<Period> = fc.record({ from: arbEdge, until: arbEdge })
const arbMask = fc.oneof(
  fc.constantFrom(0, ALL_PRIVILEGES, ...Object.values(BUILT_IN_ROLES)),
  fc.integer({ min: 0, max: ALL_PRIVILEGES }),
)

const arbWindow: fc.Arbitrary<WeeklyWindow> = fc.record({
  days: fc.oneof(fc.subarray([...WEEKDAYS], { minLength: 1 }), fc.constant<Weekday[]>([...WEEKDAYS])),
  from: fc.constantFrom(...TIMES),
  until: fc.constantFrom(...TIMES, '24:00'),
})
export const arbWindows = fc.oneof(fc.constant([]), fc.array(arbWindow, { maxLength: 3 }))
export const arbZone = fc.constantFrom(...ZONES)

const arbTerms = { privileges: arbMask, period: arbPeriod, windows: arbWindows }
const arbDeviceIds = fc.subarray([...DEVICES])

export const VIAS: readonly Via[] = ['owner', 'member', 'share:s1', 'share:s2', 'guest:g1', 'guest:g2', 'link:l1']

const arbScope: fc.Arbitrary<Scope> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(FULL_SCOPE) },
  {
    weight: 1,
    arbitrary: fc.record({
      privileges: arbMask,
      devices: fc.option(
        arbDeviceIds.map((ids) => new Set<string>(ids)),
        { nil: null },
      ),
      period: arbPeriod,
      via: fc.option(fc.constantFrom(...VIAS), { nil: null }),
    }),
  },
)

export const arbAccount: fc.Arbitrary<AccountSubject> = fc.record({
  accountId: fc.constantFrom(...ACCOUNTS, 'stranger'),
  scope: arbScope,
})

export const arbSubject: fc.Arbitrary<Subject> = fc.oneof(
  { weight: 4, arbitrary: arbAccount },
  { weight: 1, arbitrary: fc.record({ linkId: fc.constantFrom('l1', 'l2', 'l3'), scope: arbScope }) },
)

export const arbDevice: fc.Arbitrary<DeviceFact> = fc.record({
  id: fc.constantFrom(...DEVICES),
  companyId: fc.constantFrom(...COMPANIES),
  plan: fc.constantFrom(...PLANS),
  timeZone: arbZone,
})

const arbMembership = (accountId: string): fc.Arbitrary<MembershipFact> =>
  fc.record({
    accountId: fc.constant(accountId),
    companyId: fc.constantFrom(...COMPANIES),
    role: fc.constantFrom('owner' as const, 'member' as const),
    active: fc.oneof(fc.constant(true), fc.boolean()),
    privileges: arbMask,
  })

const arbShare: fc.Arbitrary<ShareFact> = fc.record({
  ...arbTerms,
  id: fc.constantFrom('s1', 's2', 's3'),
  accountId: fc.option(fc.constantFrom(...ACCOUNTS), { nil: null }),
  state: fc.oneof(fc.constant('accepted' as const), fc.constantFrom(...SHARE_STATES)),
  suspended: fc.boolean(),
  deviceIds: arbDeviceIds,
  removedIds: fc.oneof(fc.constant([]), arbDeviceIds),
})

const arbGuest: fc.Arbitrary<GuestFact> = fc.record({
  ...arbTerms,
  id: fc.constantFrom('g1', 'g2'),
  accountId: fc.option(fc.constantFrom(...ACCOUNTS), { nil: null }),
  companyId: fc.constantFrom(...COMPANIES),
  state: fc.oneof(fc.constant('accepted' as const), fc.constantFrom(...GUEST_STATES)),
  active: fc.oneof(fc.constant(true), fc.boolean()),
  mode: fc.constantFrom(...GUEST_MODES),
  groups: fc.array(fc.record({ privileges: arbMask, deviceIds: arbDeviceIds }), { maxLength: 2 }),
  deviceIds: arbDeviceIds,
})

const arbLink: fc.Arbitrary<LinkFact> = fc.record({
  ...arbTerms,
  id: fc.constantFrom('l1', 'l2'),
  ended: fc.boolean(),
  suspended: fc.boolean(),
  deviceIds: arbDeviceIds,
  variables: fc.option(fc.subarray([...VARIABLES]), { nil: null }),
})

const several = <T extends { readonly id: string }>(one: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(one, { selector: ({ id }) => id, maxLength })

export const arbFacts: fc.Arbitrary<Facts> = fc.record({
  memberships: fc.tuple(...ACCOUNTS.map(arbMembership)),
  shares: several(arbShare, 3),
  guests: several(arbGuest, 2),
  links: several(arbLink, 2),
})
