// Compiled rights: what an edge holds for one principal, from a sheet on which everybody else is too.
import {
  type AccountSubject,
  type DeviceFact,
  decide,
  FULL_SCOPE,
  type MembershipFact,
  NO_FACTS,
  type ShareFact,
} from '@ridethrough/protocol/policy.ts'
import { BUILT_IN_ROLES, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import {
  compileRights,
  devicesWith,
  holdsOn,
  mayOn,
  NO_RIGHTS,
  nextChangeOf,
  variablesOn,
} from '@ridethrough/protocol/rights.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ACCOUNTS, arbDevice, arbFacts, arbNow, arbPrivilege, arbSubject, DEVICES } from '../support/arbitrary.ts'
import { runs } from './effort.ts'

const rack: DeviceFact = { id: 'rack', companyId: 'acme', plan: 'advanced', timeZone: 'UTC' }
const bob: AccountSubject = { accountId: 'bob', scope: FULL_SCOPE }
const owner: MembershipFact = { accountId: 'bob', companyId: 'bolt', role: 'owner', active: true, privileges: 0 }
const memberships = [owner]
const share: ShareFact = {
  ...{ id: 's1', accountId: 'bob', state: 'accepted', suspended: false, deviceIds: ['rack'], removedIds: [] },
  ...{ privileges: BUILT_IN_ROLES.viewer, period: { from: 10, until: 100 }, windows: [] },
}

test('everybody on one sheet has on every device what decide says, and no more [R70]', () => {
  const arbBoth = fc.tuple(...DEVICES.map((id) => arbDevice.map((device) => ({ ...device, id }))))
  const arbEverybody = fc.tuple(
    arbSubject,
    ...ACCOUNTS.map((accountId) => fc.constant({ accountId, scope: FULL_SCOPE })),
  )
  fc.assert(
    fc.property(arbEverybody, arbBoth, arbFacts, arbNow, (everybody, devices, facts, now) => {
      for (const subject of everybody) {
        const rights = compileRights(subject, devices, facts, 7)
        expect(rights.version).toBe(7)
        for (const privilege of PRIVILEGES) {
          const answers = devices.map((device) => decide(subject, privilege, device, facts, now))
          expect(devicesWith(rights, privilege, now)).toEqual(DEVICES.filter((_id, index) => answers[index]?.allow))
          const vias = answers.map((answer) => (answer.allow ? answer.via : undefined))
          expect(DEVICES.map((id) => mayOn(rights, privilege, id, now))).toEqual(vias)
        }
      }
    }),
    runs(500),
  )
})

test('a device on which nothing is held takes no room', () => {
  const facts = { ...NO_FACTS, memberships, shares: [{ ...share, privileges: 0 }] }
  expect(compileRights(bob, [rack], facts, 1).byDevice.size).toBe(0)
  expect(compileRights(bob, [{ ...rack, id: 'desk' }], { ...facts, shares: [share] }, 1).byDevice.size).toBe(0)
})

test('devices are listed in the order in which they came', () => {
  const devices = ['c', 'a', 'b', 'd'].map((id) => ({ ...rack, id }))
  const shares = [
    { ...share, deviceIds: ['b', 'a'] },
    { ...share, id: 's2', deviceIds: ['d', 'c', 'gone'] },
  ]
  const rights = compileRights(bob, devices, { ...NO_FACTS, memberships, shares }, 1)
  expect(devicesWith(rights, 'monitor', 50)).toEqual(['c', 'a', 'b', 'd'])
})

test('of one principal among ten thousand it takes no look at the others', () => {
  const many = Array.from({ length: runs(10_000).numRuns }, (_, n) => `${n}`)
  const facts = {
    ...NO_FACTS,
    memberships: many.map((accountId) => ({ ...owner, accountId, companyId: `of ${accountId}` })),
    shares: many.map((id) => ({ ...share, id, accountId: id, deviceIds: [id] })),
  }
  const devices = many.map((id) => ({ ...rack, id }))
  // A look at everything for everybody would be 10^12 steps and never end.
  for (const accountId of many) {
    const rights = compileRights({ accountId, scope: FULL_SCOPE }, devices, facts, 1)
    if (devicesWith(rights, 'monitor', 50).join() !== accountId) expect.fail(accountId)
  }
})

test('a sheet is looked through once, however many ask for their rights on it', () => {
  let looks = 0
  const facts = {
    ...NO_FACTS,
    memberships,
    get shares() {
      looks += 1
      return [share]
    },
  }
  const devices = [rack]
  for (let times = 0; times < 3; times += 1) {
    expect(devicesWith(compileRights(bob, devices, facts, 1), 'monitor', 50)).toEqual(['rack'])
  }
  expect(looks).toBe(1)
})

test.each<[what: string, now: number, next: number | null]>([
  ['before the period', 9, 10],
  ['inside', 10, 100],
  ['just before its end', 99, 100],
  ['after it', 100, null],
])('the clock alone changes rights at the edges of a period: %s [R15]', (_what, now, next) => {
  const rights = compileRights(bob, [rack], { ...NO_FACTS, memberships, shares: [share] }, 1)
  expect(nextChangeOf(rights, now)).toBe(next)
})

test('the earliest of all changes is foretold, of the credential too [R15 R24]', () => {
  const shares = [share, { ...share, id: 's2', period: { from: 5, until: 60 } }]
  const facts = { ...NO_FACTS, memberships, shares }
  expect(nextChangeOf(compileRights(bob, [rack], facts, 1), 20)).toBe(60)
  const scope = { ...FULL_SCOPE, period: { from: null, until: 30 } }
  expect(nextChangeOf(compileRights({ ...bob, scope }, [rack], facts, 1), 20)).toBe(30)
  expect(nextChangeOf(NO_RIGHTS, 0)).toBeNull()
})

test('a window’s edge is foretold beside the period’s end [R23]', () => {
  const day = Date.parse('2026-07-06T00:00Z')
  const hour = 3_600_000
  const windows = [{ days: [1 as const], from: '08:00', until: '17:00' }]
  const of = (until: number) =>
    compileRights(
      bob,
      [rack],
      { ...NO_FACTS, memberships, shares: [{ ...share, windows, period: { from: 0, until } }] },
      1,
    )
  expect(nextChangeOf(of(day + 20 * hour), day)).toBe(day + 8 * hour)
  expect(nextChangeOf(of(day + 20 * hour), day + 8 * hour)).toBe(day + 17 * hour)
  expect(nextChangeOf(of(day + 6 * hour), day)).toBe(day + 6 * hour)
})

test('what is held later is held on, and what is over is not [R15 R23]', () => {
  fc.assert(
    fc.property(
      arbSubject,
      arbDevice,
      arbFacts,
      arbPrivilege,
      arbNow,
      arbNow,
      (subject, device, facts, privilege, now, later) => {
        const rights = compileRights(subject, [device], facts, 1)
        if (later >= now && mayOn(rights, privilege, device.id, later)) {
          expect(holdsOn(rights, privilege, device.id, now)).toBe(true)
        }
      },
    ),
    runs(2000),
  )
  const closed = { ...share, windows: [{ days: [], from: '08:00', until: '09:00' }] }
  const rights = compileRights(bob, [rack], { ...NO_FACTS, memberships, shares: [closed] }, 1)
  const held = [9, 50, 99, 100].map((now) => holdsOn(rights, 'monitor', 'rack', now))
  expect(held).toEqual([true, true, true, false])
  expect(holdsOn(rights, 'reboot', 'rack', 50)).toBe(false)
  expect(holdsOn(rights, 'monitor', 'desk', 50)).toBe(false)
})

test('the variables of several ways add up, and one way without a limit lifts it [R22]', () => {
  const link = {
    ...{ id: 'l1', ended: false, suspended: false, deviceIds: ['rack'], privileges: BUILT_IN_ROLES.viewer },
    ...{ period: { from: 10, until: 100 }, windows: [], variables: ['ups.load'] },
  }
  const of = (...links: (typeof link | { variables: null })[]) =>
    compileRights(
      { linkId: 'l1', scope: FULL_SCOPE },
      [rack],
      { ...NO_FACTS, links: links.map((one) => ({ ...link, ...one })) },
      1,
    )
  const seen = (rights: ReturnType<typeof of>, now = 50) => {
    const found = variablesOn(rights, 'monitor', 'rack', now)
    return found && [...found]
  }
  expect(seen(of(link))).toEqual(['ups.load'])
  expect(seen(of(link, { ...link, variables: ['ups.status'] }))).toEqual(['ups.load', 'ups.status'])
  expect(seen(of(link, { variables: null }))).toBeNull()
  expect(seen(of(link), 100)).toEqual([])
  expect([...(variablesOn(of(link), 'reboot', 'rack', 50) ?? ['all'])]).toEqual([])
  expect([...(variablesOn(of(link), 'monitor', 'desk', 50) ?? ['all'])]).toEqual([])
})
