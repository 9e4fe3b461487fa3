// Small worlds for property tests: two companies, three accounts, two devices, five instants, so that rules collide.

import type { Period } from '@ridethrough/protocol/period.ts'
import { PLANS } from '@ridethrough/protocol/plan.ts'
import {
  type AccountSubject,
  type DeviceFact,
  type Facts,
  FULL_SCOPE,
  type MembershipFact,
  type Scope,
  SHARE_STATES,
  type ShareFact,
} from '@ridethrough/protocol/policy.ts'
import { ALL_PRIVILEGES, BUILT_IN_ROLES, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import fc from 'fast-check'

const ACCOUNTS = ['ann', 'bob', 'cid'] as const
const COMPANIES = ['acme', 'bolt'] as const
const DEVICES = ['rack', 'desk'] as const

export const arbNow = fc.integer({ min: 0, max: 4 })
export const arbPrivilege = fc.constantFrom(...PRIVILEGES)
const arbInstant = fc.option(fc.integer({ min: 0, max: 4 }), { nil: null })
const arbPeriod: fc.Arbitrary<Period> = fc.record({ from: arbInstant, until: arbInstant })
const arbMask = fc.oneof(
  fc.constantFrom(0, ALL_PRIVILEGES, ...Object.values(BUILT_IN_ROLES)),
  fc.integer({ min: 0, max: ALL_PRIVILEGES }),
)

const arbScope: fc.Arbitrary<Scope> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(FULL_SCOPE) },
  {
    weight: 1,
    arbitrary: fc.record({
      privileges: arbMask,
      devices: fc.option(
        fc.subarray([...DEVICES]).map((ids) => new Set<string>(ids)),
        { nil: null },
      ),
      period: arbPeriod,
      via: fc.constant(null),
    }),
  },
)

export const arbSubject: fc.Arbitrary<AccountSubject> = fc.record({
  accountId: fc.constantFrom(...ACCOUNTS, 'stranger'),
  scope: arbScope,
})

export const arbDevice: fc.Arbitrary<DeviceFact> = fc.record({
  id: fc.constantFrom(...DEVICES),
  companyId: fc.constantFrom(...COMPANIES),
  plan: fc.constantFrom(...PLANS),
  timeZone: fc.constant('UTC'),
})

const arbMembership = (accountId: string): fc.Arbitrary<MembershipFact> =>
  fc.record({
    accountId: fc.constant(accountId),
    companyId: fc.constantFrom(...COMPANIES),
    role: fc.constantFrom('owner' as const, 'member' as const),
    active: fc.boolean(),
    privileges: arbMask,
  })

const arbShare: fc.Arbitrary<ShareFact> = fc.record({
  id: fc.constantFrom('s1', 's2', 's3'),
  accountId: fc.option(fc.constantFrom(...ACCOUNTS), { nil: null }),
  state: fc.oneof(fc.constant('accepted' as const), fc.constantFrom(...SHARE_STATES)),
  privileges: arbMask,
  period: arbPeriod,
  windows: fc.constant([]),
  suspended: fc.boolean(),
  deviceIds: fc.subarray([...DEVICES]),
  removedIds: fc.constant([]),
})

export const arbFacts: fc.Arbitrary<Facts> = fc.record({
  memberships: fc.tuple(...ACCOUNTS.map(arbMembership)),
  shares: fc.uniqueArray(arbShare, { selector: (share) => share.id, maxLength: 3 }),
  guests: fc.constant([]),
  links: fc.constant([]),
})
