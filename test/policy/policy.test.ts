import { ALWAYS } from '@ridethrough/protocol/period.ts'
import {
  type AccountSubject,
  type Decision,
  decide,
  FULL_SCOPE,
  NO_FACTS,
  type Refusal,
  type ShareFact,
} from '@ridethrough/protocol/policy.ts'
import { BUILT_IN_ROLES, maskOf, PRIVILEGES, type Privilege, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { compileRights, devicesWith, mayOn } from '@ridethrough/protocol/rights.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { arbDevice, arbFacts, arbNow, arbPrivilege, arbSubject } from '../support/arbitrary.ts'
import { runs } from './effort.ts'

const RUNS = runs(2000)
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
  ])('%s asks to %s at %i [R15]', (who, privilege, now, expected) => {
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
  ])('a share %s [R17 R19]', (_what, change, privilege, expected) => {
    expect(
      decide(person('bob'), privilege, rack, { ...NO_FACTS, memberships, shares: [{ ...toBob, ...change }] }, 50),
    ).toEqual(expected)
  })

  test('a deactivated account loses what others shared with it too', () => {
    const shares = [{ ...toBob, accountId: 'dee' }]
    expect(decide(person('dee'), 'monitor', rack, { ...NO_FACTS, memberships, shares }, 50)).toEqual(no('inactive'))
  })

  test('the plan limits the owner, and the reason says so [R21]', () => {
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

test('the built-in roles hold what they are said to hold [R20]', () => {
  const viewer = ['monitor', 'notify', 'history', 'report']
  const operator = [...viewer, 'diagnose', 'reboot', 'shed']
  const held = Object.entries(BUILT_IN_ROLES).map(([role, mask]) => [role, privilegesOf(mask).sort()])
  expect(Object.fromEntries(held)).toEqual({
    viewer: viewer.toSorted(),
    operator: operator.toSorted(),
    maintainer: [...operator, 'configure', 'firmware', 'licence'].sort(),
    owner: [...PRIVILEGES].sort(),
  })
  expect(NO_FACTS).toEqual({ memberships: [], shares: [], guests: [], links: [] })
})

describe('in every small world', () => {
  const arbCase = [arbSubject, arbPrivilege, arbDevice, arbFacts, arbNow] as const

  test('compiled rights answer as decide does, at any time, for any privilege [R70]', () => {
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

  test('taking a share, an entry or a link away never allows more, and the order of facts does not matter', () => {
    fc.assert(
      fc.property(...arbCase, fc.nat(), (subject, privilege, device, facts, now, pick) => {
        const without = <T>(list: readonly T[]) => list.toSpliced(pick % (list.length + 1), 1)
        const fewer = { shares: without(facts.shares), guests: without(facts.guests), links: without(facts.links) }
        if (decide(subject, privilege, device, { ...facts, ...fewer }, now).allow) {
          expect(decide(subject, privilege, device, facts, now).allow).toBe(true)
        }
        const turned = {
          memberships: facts.memberships.toReversed(),
          shares: facts.shares.toReversed(),
          guests: facts.guests.toReversed(),
          links: facts.links.toReversed(),
        }
        expect(decide(subject, privilege, device, turned, now).allow).toBe(
          decide(subject, privilege, device, facts, now).allow,
        )
      }),
      RUNS,
    )
  })

  test('a narrower credential never allows more [ASVS 8.3.3] [R24]', () => {
    fc.assert(
      fc.property(...arbCase, (subject, privilege, device, facts, now) => {
        if (!decide(subject, privilege, device, facts, now).allow) return
        expect(decide({ ...subject, scope: FULL_SCOPE }, privilege, device, facts, now).allow).toBe(true)
      }),
      RUNS,
    )
  })

  test('nobody who is not told of in the facts may do anything [ASVS 8.2.1]', () => {
    fc.assert(
      fc.property(arbPrivilege, arbDevice, arbFacts, arbNow, (privilege, device, facts, now) => {
        expect(decide(person('stranger'), privilege, device, facts, now)).toEqual(no('no-grant'))
        expect(decide({ linkId: 'stranger', scope: FULL_SCOPE }, privilege, device, facts, now)).toEqual(no('no-grant'))
      }),
      RUNS,
    )
  })
})
