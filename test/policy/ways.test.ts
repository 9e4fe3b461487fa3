// Every way to a device beside membership, row by row: the row that lets in, and its nearest misses.
import { ALWAYS } from '@ridethrough/protocol/period.ts'
import {
  type AccountSubject,
  type Decision,
  type DeviceFact,
  decide,
  FULL_SCOPE,
  type GuestFact,
  type LinkFact,
  NO_FACTS,
  type Refusal,
  type Scope,
  type ShareFact,
} from '@ridethrough/protocol/policy.ts'
import { BUILT_IN_ROLES, LINKABLE, maskOf, PRIVILEGES, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { describe, expect, test } from 'vitest'

const rack: DeviceFact = { id: 'rack', companyId: 'acme', plan: 'advanced', timeZone: 'Europe/Berlin' }
const memberships = [{ accountId: 'bob', companyId: 'bolt', role: 'owner', active: true, privileges: 0 } as const]
const bob: AccountSubject = { accountId: 'bob', scope: FULL_SCOPE }
const anybody = { linkId: 'l1', scope: FULL_SCOPE }
const terms = { privileges: BUILT_IN_ROLES.operator, period: { from: 10, until: 100 }, windows: [] }

const share: ShareFact = {
  ...{ ...terms, id: 's1', accountId: 'bob', state: 'accepted', suspended: false },
  ...{ deviceIds: ['rack'], removedIds: [] },
}
const guest: GuestFact = {
  ...{ ...terms, id: 'g1', accountId: 'bob', companyId: 'acme', state: 'accepted', active: true },
  ...{ mode: 'groups-and-devices', groups: [], deviceIds: [] },
}
const link: LinkFact = { ...terms, id: 'l1', ended: false, suspended: false, deviceIds: ['rack'], variables: null }

type Answer = 'yes' | Refusal
const answer = (decision: Decision): Answer | string => (decision.allow ? decision.via : decision.why)

describe('a share', () => {
  const ask = (change: Partial<ShareFact>, privilege: Privilege = 'monitor', now = 50, device = rack, subject = bob) =>
    answer(decide(subject, privilege, device, { ...NO_FACTS, memberships, shares: [{ ...share, ...change }] }, now))

  test.each<[what: string, change: Partial<ShareFact>, now: number, expected: string]>([
    ['accepted', {}, 50, 'share:s1'],
    ['at its first instant', {}, 10, 'share:s1'],
    ['at its last', {}, 99, 'share:s1'],
    ['too early', {}, 9, 'not-yet'],
    ['too late', {}, 100, 'ended'],
    ['without an end', { period: ALWAYS }, 1e12, 'share:s1'],
    ['of somebody else', { accountId: 'cid' }, 50, 'no-grant'],
    ['of nobody yet', { accountId: null, state: 'pending' }, 50, 'no-grant'],
    ['pending', { state: 'pending' }, 50, 'pending'],
    ['pending, but over', { state: 'pending' }, 100, 'ended'],
    ['declined', { state: 'declined' }, 50, 'ended'],
    ['withdrawn', { state: 'withdrawn' }, 50, 'ended'],
    ['left', { state: 'left' }, 50, 'ended'],
    ['revoked', { state: 'revoked' }, 50, 'ended'],
    ['expired', { state: 'expired' }, 50, 'ended'],
  ])('%s [R15 R17]', (_what, change, now, expected) => {
    expect(ask(change, 'monitor', now)).toBe(expected)
  })

  test('suspended it gives nothing, resumed it is what it was [R25]', () => {
    expect(ask({ suspended: true })).toBe('suspended')
    expect(ask({ suspended: true }, 'monitor', 9)).toBe('suspended')
    expect(ask({ suspended: true }, 'monitor', 100)).toBe('ended')
    expect(ask({ suspended: true, state: 'pending' })).toBe('pending')
    expect(ask({ suspended: false })).toBe('share:s1')
  })

  test('a device that either side took out is out of it, the others stay [R16 R17]', () => {
    expect(ask({ deviceIds: ['desk'], removedIds: ['rack'] })).toBe('removed')
    expect(ask({ deviceIds: ['rack'], removedIds: ['rack'] })).toBe('removed')
    expect(ask({ deviceIds: ['rack'], removedIds: ['desk'] })).toBe('share:s1')
    expect(ask({ deviceIds: ['desk'], removedIds: [] })).toBe('no-grant')
  })

  test.each(PRIVILEGES)('of every privilege gives %s unless it is the owner’s [R19 R20]', (privilege) => {
    const isOwners = privilege === 'share' || privilege === 'register'
    expect(ask({ privileges: -1 }, privilege)).toBe(isOwners ? 'too-weak' : 'share:s1')
  })

  test.each<[privilege: Privilege, basic: Answer, standard: Answer]>([
    ['monitor', 'yes', 'yes'],
    ['notify', 'plan', 'yes'],
    ['history', 'plan', 'yes'],
    ['report', 'yes', 'yes'],
    ['diagnose', 'plan', 'yes'],
    ['reboot', 'plan', 'yes'],
    ['shed', 'plan', 'plan'],
    ['firmware', 'plan', 'yes'],
    ['configure', 'plan', 'yes'],
    ['licence', 'yes', 'yes'],
    ['override', 'plan', 'yes'],
  ])(
    '%s on Basic: %s, on Standard: %s; the device stays shared, and either side may restore its plan [R21]',
    (privilege, ...expected) => {
      const plans = (['basic', 'standard'] as const).map((plan) =>
        ask({ privileges: -1 }, privilege, 50, { ...rack, plan }),
      )
      expect(plans).toEqual(expected.map((one) => (one === 'yes' ? 'share:s1' : one)))
    },
  )

  // 6 July 2026 is a Monday; Berlin is two hours ahead of UTC.
  test.each<[when: string, expected: string]>([
    ['2026-07-06T05:59:59.999Z', 'outside-window'],
    ['2026-07-06T06:00:00Z', 'share:s1'],
    ['2026-07-06T14:59:59.999Z', 'share:s1'],
    ['2026-07-06T15:00:00Z', 'outside-window'],
    ['2026-07-07T06:00:00Z', 'outside-window'],
  ])('with a window counts by the wall clock of the device: %s [R23]', (when, expected) => {
    const windows = [{ days: [1 as const], from: '08:00', until: '17:00' }]
    expect(ask({ period: ALWAYS, windows }, 'monitor', Date.parse(when))).toBe(expected)
    expect(
      ask({ period: ALWAYS, windows: [...windows, { ...windows[0], days: [] } as never] }, 'monitor', Date.parse(when)),
    ).toBe(expected)
  })
})

describe('a credential of a share', () => {
  const second = { ...share, id: 's2', privileges: BUILT_IN_ROLES.maintainer }
  const narrow = (scope: Partial<Scope>): AccountSubject => ({
    ...bob,
    scope: { ...FULL_SCOPE, via: 'share:s1', ...scope },
  })
  const ask = (subject: AccountSubject, privilege: Privilege, first: Partial<ShareFact> = {}, now = 50) =>
    answer(
      decide(subject, privilege, rack, { ...NO_FACTS, memberships, shares: [{ ...share, ...first }, second] }, now),
    )

  test('is worth that share and nothing else [R24]', () => {
    expect(ask(narrow({}), 'reboot')).toBe('share:s1')
    expect(ask(narrow({}), 'configure')).toBe('scope')
    expect(ask(bob, 'configure')).toBe('share:s2')
    expect(ask(narrow({ privileges: maskOf(['monitor']) }), 'reboot')).toBe('scope')
    expect(ask(narrow({ period: { from: null, until: 50 } }), 'monitor')).toBe('scope')
    expect(ask(narrow({ period: { from: 51, until: null } }), 'monitor')).toBe('scope')
    expect(ask(narrow({ devices: new Set(['desk']) }), 'monitor')).toBe('scope')
    expect(ask(narrow({ devices: new Set(['rack']) }), 'monitor')).toBe('share:s1')
  })

  test('is dead with it [R24]', () => {
    const without = (state: ShareFact['state']) =>
      answer(decide(narrow({}), 'monitor', rack, { ...NO_FACTS, memberships, shares: [{ ...share, state }] }, 50))
    expect(without('accepted')).toBe('share:s1')
    expect(without('revoked')).toBe('ended')
    expect(ask(narrow({}), 'override', { state: 'revoked' })).toBe('ended')
    expect(ask(narrow({ via: 'share:s3' }), 'override')).toBe('no-grant')
  })
})

describe('a guest', () => {
  const ask = (change: Partial<GuestFact>, privilege: Privilege = 'monitor', now = 50, id = 'rack') =>
    answer(
      decide(bob, privilege, { ...rack, id }, { ...NO_FACTS, memberships, guests: [{ ...guest, ...change }] }, now),
    )

  test.each<[what: string, change: Partial<GuestFact>, expected: string]>([
    ['active and validated', {}, 'guest:g1'],
    ['not validated', { state: 'pending' }, 'pending'],
    ['not active', { active: false }, 'suspended'],
    ['neither', { active: false, state: 'pending' }, 'pending'],
    ['that declined', { state: 'declined' }, 'ended'],
    ['that was withdrawn', { state: 'withdrawn' }, 'ended'],
    ['that left', { state: 'left' }, 'ended'],
    ['that was ended', { state: 'ended' }, 'ended'],
    ['whose invitation expired', { state: 'expired' }, 'ended'],
    ['of another company', { companyId: 'cove' }, 'no-grant'],
    ['that is somebody else', { accountId: 'cid' }, 'no-grant'],
  ])('%s [R31]', (_what, change, expected) => {
    expect(ask(change)).toBe(expected)
  })

  test('on groups and devices has the same privileges on all [R32]', () => {
    const groups = [{ privileges: BUILT_IN_ROLES.maintainer, deviceIds: ['rack'] }]
    for (const id of ['rack', 'desk']) {
      expect(ask({ groups }, 'reboot', 50, id)).toBe('guest:g1')
      expect(ask({ groups }, 'configure', 50, id)).toBe('too-weak')
    }
  })

  test('on groups has each group’s privileges, and those of all that hold the device [R32]', () => {
    const mode = 'groups'
    const groups = [
      { privileges: maskOf(['monitor']), deviceIds: ['rack', 'desk'] },
      { privileges: maskOf(['configure']), deviceIds: ['rack'] },
    ]
    expect(ask({ mode, groups }, 'configure')).toBe('guest:g1')
    expect(ask({ mode, groups }, 'monitor')).toBe('guest:g1')
    expect(ask({ mode, groups }, 'configure', 50, 'desk')).toBe('too-weak')
    expect(ask({ mode, groups }, 'reboot')).toBe('too-weak')
    expect(ask({ mode, groups, deviceIds: ['attic'] }, 'monitor', 50, 'attic')).toBe('no-grant')
    expect(ask({ mode, groups: [] }, 'monitor')).toBe('no-grant')
  })

  test('on devices has the chosen ones, and the others are none of its business [R32]', () => {
    const groups = [{ privileges: -1, deviceIds: ['attic'] }]
    const mode = 'devices'
    expect(ask({ mode, groups, deviceIds: ['rack'] }, 'reboot')).toBe('guest:g1')
    expect(ask({ mode, groups, deviceIds: ['rack'] }, 'configure')).toBe('too-weak')
    expect(ask({ mode, groups, deviceIds: ['rack'] }, 'monitor', 50, 'attic')).toBe('no-grant')
  })

  test('keeps periods and windows, and never gets what is the owner’s [R30 R23 R19]', () => {
    expect([9, 10, 99, 100].map((now) => ask({}, 'monitor', now))).toEqual(['not-yet', 'guest:g1', 'guest:g1', 'ended'])
    expect(ask({ windows: [{ days: [], from: '08:00', until: '09:00' }] })).toBe('outside-window')
    expect(ask({ privileges: -1 }, 'register')).toBe('too-weak')
    expect(ask({ privileges: -1 }, 'share')).toBe('too-weak')
    expect(ask({ active: false }, 'monitor', 100)).toBe('ended')
  })
})

describe('a link', () => {
  const ask = (change: Partial<LinkFact>, privilege: Privilege = 'monitor', now = 50, subject = anybody) =>
    answer(decide(subject, privilege, rack, { ...NO_FACTS, memberships, links: [{ ...link, ...change }] }, now))

  test.each<[what: string, change: Partial<LinkFact>, now: number, expected: string]>([
    ['open', {}, 50, 'link:l1'],
    ['ended', { ended: true }, 50, 'ended'],
    ['ended and suspended', { ended: true, suspended: true }, 50, 'ended'],
    ['suspended', { suspended: true }, 50, 'suspended'],
    ['too early', {}, 9, 'not-yet'],
    ['too late', {}, 100, 'ended'],
    ['without the device', { deviceIds: ['desk'] }, 50, 'no-grant'],
    ['that is another one', { id: 'l2' }, 50, 'no-grant'],
  ])('%s [R22]', (_what, change, now, expected) => {
    expect(ask(change, 'monitor', now)).toBe(expected)
  })

  test.each(PRIVILEGES)('with every privilege carries %s only if it needs no name [R22]', (privilege) => {
    expect(ask({ privileges: -1 }, privilege)).toBe((LINKABLE & maskOf([privilege])) === 0 ? 'too-weak' : 'link:l1')
  })

  test('gives nothing to accounts, and an account’s rights give nothing to whoever opens it [R22 R70]', () => {
    expect(answer(decide(bob, 'monitor', rack, { ...NO_FACTS, memberships, links: [link] }, 50))).toBe('no-grant')
    expect(answer(decide(anybody, 'monitor', rack, { ...NO_FACTS, memberships, shares: [share] }, 50))).toBe('no-grant')
  })
})

describe('several ways', () => {
  const ask = (facts: object, privilege: Privilege, now = 50) =>
    answer(decide(bob, privilege, rack, { ...NO_FACTS, memberships, ...facts }, now))

  test('any one is enough, whatever became of the others', () => {
    const revoked = { ...share, id: 's0', state: 'revoked' }
    expect(ask({ shares: [revoked, share] }, 'monitor')).toBe('share:s1')
    expect(ask({ shares: [revoked], guests: [guest] }, 'monitor')).toBe('guest:g1')
  })

  test.each<[nearer: string, farther: string, facts: object, privilege: Privilege]>([
    ['too-weak', 'suspended', { shares: [{ ...share, suspended: true }], guests: [guest] }, 'configure'],
    [
      'suspended',
      'not-yet',
      { shares: [{ ...share, suspended: true }], guests: [{ ...guest, period: { from: 60, until: null } }] },
      'monitor',
    ],
    [
      'not-yet',
      'ended',
      { shares: [{ ...share, state: 'left' }], guests: [{ ...guest, period: { from: 60, until: null } }] },
      'monitor',
    ],
    [
      'ended',
      'removed',
      { shares: [{ ...share, removedIds: ['rack'] }], guests: [{ ...guest, state: 'left' }] },
      'monitor',
    ],
    [
      'removed',
      'pending',
      { shares: [{ ...share, removedIds: ['rack'] }], guests: [{ ...guest, state: 'pending' }] },
      'monitor',
    ],
  ])('the reason is the nearest miss: %s before %s', (nearer, _farther, facts, privilege) => {
    expect(ask(facts, privilege)).toBe(nearer)
  })
})
