import { ALWAYS } from '@ridethrough/protocol/period.ts'
import { PLAN_PRIVILEGES } from '@ridethrough/protocol/plan.ts'
import {
  type AccountSubject,
  type Decision,
  decide,
  type Facts,
  FULL_SCOPE,
  NO_FACTS,
  type Refusal,
  type ShareFact,
} from '@ridethrough/protocol/policy.ts'
import {
  BUILT_IN_ROLES,
  bitOf,
  maskOf,
  PRIVILEGES,
  type Privilege,
  SHAREABLE,
} from '@ridethrough/protocol/privilege.ts'
import { compileRights, devicesWith, mayOn, nextChangeOf } from '@ridethrough/protocol/rights.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { arbDevice, arbFacts, arbNow, arbPrivilege, arbSubject } from '../support/arbitrary.ts'

const RUNS = { numRuns: 3000 }
const rack = { id: 'rack', companyId: 'acme', plan: 'advanced', timeZone: 'UTC' } as const
const memberships = [
  { accountId: 'ann', companyId: 'acme', role: 'owner', active: true, privileges: 0 },
  { accountId: 'meg', companyId: 'acme', role: 'member', active: true, privileges: BUILT_IN_ROLES.operator },
  { accountId: 'ian', companyId: 'acme', role: 'owner', active: false, privileges: 0 },
  { accountId: 'bob', companyId: 'bolt', role: 'owner', active: true, privileges: 0 },
  { accountId: 'cid', companyId: 'cove', role: 'owner', active: true, privileges: 0 },
  { accountId: 'dee', companyId: 'dale', role: 'owner', active: false, privileges: 0 },
] as const
const toBob: ShareFact = {
  id: 's1',
  accountId: 'bob',
  state: 'accepted',
  privileges: BUILT_IN_ROLES.viewer,
  period: { from: 10, until: 100 },
  windows: [],
  suspended: false,
  deviceIds: ['rack'],
  removedIds: [],
}
const person = (accountId: string): AccountSubject => ({ accountId, scope: FULL_SCOPE })
const yes = (via: string): Decision => ({ allow: true, via }) as Decision
const no = (why: Refusal): Decision => ({ allow: false, why })

// Ann's company owns the rack; Bob may see it from 10 until 100.
describe('who may do what', () => {
  test.each<[who: string, privilege: Privilege, now: number, expected: Decision]>([
    ['ann', 'register', 50, yes('owner')],
    ['meg', 'reboot', 50, yes('member')],
    ['meg', 'configure', 50, no('too-weak')],
    ['ian', 'monitor', 50, no('inactive')],
    ['bob', 'monitor', 9, no('not-yet')],
    ['bob', 'monitor', 10, yes('share:s1')],
    ['bob', 'monitor', 99, yes('share:s1')],
    ['bob', 'monitor', 100, no('ended')],
    ['bob', 'reboot', 50, no('too-weak')],
    ['cid', 'monitor', 50, no('no-grant')],
    ['nobody', 'monitor', 50, no('no-grant')],
  ])('%s asks to %s at %i', (who, privilege, now, expected) => {
    expect(decide(person(who), privilege, rack, { ...NO_FACTS, memberships, shares: [toBob] }, now)).toEqual(expected)
  })

  test.each<[what: string, change: Partial<ShareFact>, privilege: Privilege, expected: Decision]>([
    ['pending', { state: 'pending' }, 'monitor', no('pending')],
    ['revoked', { state: 'revoked' }, 'monitor', no('ended')],
    ['left', { state: 'left' }, 'monitor', no('ended')],
    ['without the device', { deviceIds: [] }, 'monitor', no('no-grant')],
    ['with every bit set', { privileges: -1 }, 'register', no('too-weak')],
    ['with every bit set', { privileges: -1 }, 'share', no('too-weak')],
    ['with every bit set', { privileges: -1 }, 'override', yes('share:s1')],
  ])('a share %s', (_what, change, privilege, expected) => {
    expect(
      decide(person('bob'), privilege, rack, { ...NO_FACTS, memberships, shares: [{ ...toBob, ...change }] }, 50),
    ).toEqual(expected)
  })

  test('a deactivated account loses what others shared with it too', () => {
    const shares = [{ ...toBob, accountId: 'dee' }]
    expect(decide(person('dee'), 'monitor', rack, { ...NO_FACTS, memberships, shares }, 50)).toEqual(no('inactive'))
  })

  test('the plan limits the owner, and the reason says so', () => {
    const basic = { ...rack, plan: 'basic' } as const
    expect(decide(person('ann'), 'reboot', basic, { ...NO_FACTS, memberships, shares: [] }, 0)).toEqual(no('plan'))
    expect(decide(person('ann'), 'monitor', basic, { ...NO_FACTS, memberships, shares: [] }, 0)).toEqual(yes('owner'))
    expect(decide(person('ann'), 'licence', basic, { ...NO_FACTS, memberships, shares: [] }, 0)).toEqual(yes('owner'))
  })

  test('a narrow credential is no stronger than it says, even of an owner [ASVS 8.3.3]', () => {
    const scope = { privileges: maskOf(['monitor']), devices: new Set(['rack']), period: ALWAYS, via: null }
    const facts = { ...NO_FACTS, memberships, shares: [] }
    expect(decide({ accountId: 'ann', scope }, 'monitor', rack, facts, 0)).toEqual(yes('owner'))
    expect(decide({ accountId: 'ann', scope }, 'reboot', rack, facts, 0)).toEqual(no('scope'))
    expect(decide({ accountId: 'ann', scope }, 'monitor', { ...rack, id: 'desk' }, facts, 0)).toEqual(no('scope'))
  })
})

describe('in every small world', () => {
  /** The rule again, written apart and naively: some one way gives the privilege, and nothing narrows it away. */
  function naive(
    subject: AccountSubject,
    privilege: Privilege,
    device: Parameters<typeof decide>[2],
    facts: Facts,
    now: number,
  ): boolean {
    const has = (mask: number) => (mask & bitOf(privilege)) !== 0
    const inside = (period: { from: number | null; until: number | null }) =>
      now >= (period.from ?? now) && now < (period.until ?? now + 1)
    const me = facts.memberships.find((one) => one.accountId === subject.accountId)
    const isNarrowedAway =
      !has(subject.scope.privileges) || !inside(subject.scope.period) || subject.scope.devices?.has(device.id) === false
    if (!me?.active || isNarrowedAway || !has(PLAN_PRIVILEGES[device.plan])) return false
    const isStaff = me.companyId === device.companyId && (me.role === 'owner' || has(me.privileges))
    const isShared = facts.shares.some(
      (share) =>
        share.accountId === subject.accountId &&
        share.state === 'accepted' &&
        !share.suspended &&
        share.deviceIds.includes(device.id) &&
        has(share.privileges & SHAREABLE) &&
        inside(share.period),
    )
    return isStaff || isShared
  }

  const arbCase = [arbSubject, arbPrivilege, arbDevice, arbFacts, arbNow] as const

  test('decide agrees with the rule written naively, and always gives a reason', () => {
    fc.assert(
      fc.property(...arbCase, (subject, privilege, device, facts, now) => {
        const decision = decide(subject, privilege, device, facts, now)
        expect(decision.allow).toBe(naive(subject, privilege, device, facts, now))
        if (!decision.allow) expect(decision.why).toBeTypeOf('string')
      }),
      RUNS,
    )
  })

  test('compiled rights answer as decide does, at any time, for any privilege', () => {
    fc.assert(
      fc.property(arbSubject, arbDevice, arbFacts, arbNow, (subject, device, facts, now) => {
        const rights = compileRights(subject, [device], facts, 1)
        for (const privilege of PRIVILEGES) {
          const decision = decide(subject, privilege, device, facts, now)
          expect(mayOn(rights, privilege, device.id, now)).toBe(decision.allow ? decision.via : undefined)
          expect(devicesWith(rights, privilege, now)).toEqual(decision.allow ? [device.id] : [])
        }
      }),
      RUNS,
    )
  })

  test('between now and the next change that is foretold, nothing changes', () => {
    fc.assert(
      fc.property(arbSubject, arbDevice, arbFacts, arbNow, (subject, device, facts, now) => {
        const rights = compileRights(subject, [device], facts, 1)
        const next = nextChangeOf(rights, now) ?? 10
        for (let later = now; later < next; later += 1) {
          for (const privilege of PRIVILEGES)
            expect(mayOn(rights, privilege, device.id, later)).toBe(mayOn(rights, privilege, device.id, now))
        }
      }),
      RUNS,
    )
  })

  test('taking a share away never allows more, and the order of facts does not matter', () => {
    fc.assert(
      fc.property(...arbCase, fc.nat(), (subject, privilege, device, facts, now, pick) => {
        const fewer = facts.shares.toSpliced(pick % (facts.shares.length + 1), 1)
        if (decide(subject, privilege, device, { ...facts, shares: fewer }, now).allow) {
          expect(decide(subject, privilege, device, facts, now).allow).toBe(true)
        }
        const turned = { ...facts, memberships: facts.memberships.toReversed(), shares: facts.shares.toReversed() }
        expect(decide(subject, privilege, device, turned, now).allow).toBe(
          decide(subject, privilege, device, facts, now).allow,
        )
      }),
      RUNS,
    )
  })

  test('nobody who is not told of in the facts may do anything [ASVS 8.2.1]', () => {
    fc.assert(
      fc.property(arbPrivilege, arbDevice, arbFacts, arbNow, (privilege, device, facts, now) => {
        expect(decide(person('stranger'), privilege, device, facts, now)).toEqual(no('no-grant'))
      }),
      RUNS,
    )
  })
})
