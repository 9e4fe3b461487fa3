import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { PLAN_PRIVILEGES, PLANS } from '@ridethrough/protocol/plan.ts'
import { decide, FULL_SCOPE, NO_FACTS } from '@ridethrough/protocol/policy.ts'
import { maskOf, PRIVILEGES, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Hindrance, hindranceTo } from './may.ts'

const device: DeviceView = {
  id: 'd',
  name: 'Rack',
  mfr: '',
  model: '',
  serial: '',
  plan: 'standard',
  timeZone: 'UTC',
  via: 'share',
  company: null,
  sharedBy: { name: 'Ann', email: 'ann@example.org' },
  until: null,
  windows: [],
  privileges: ['monitor'],
  state: {
    deviceId: 'd',
    seq: null,
    at: null,
    status: null,
    variables: {},
    stale: false,
    problem: null,
    silence: null,
  },
}

test.each<[Parameters<typeof hindranceTo>[0], Hindrance | undefined]>([
  ['monitor', undefined],
  ['reboot', 'not-granted'],
  ['shed', 'plan'],
  ['register', 'owner-only'],
])('a viewer on a standard device asks to %s: %s', (privilege, hindrance) => {
  expect(hindranceTo(privilege, device)).toBe(hindrance)
})

test("the reason on the button is the policy's own", () => {
  const world = fc.record({
    plan: fc.constantFrom(...PLANS),
    privilege: fc.constantFrom(...PRIVILEGES),
    granted: fc.subarray([...PRIVILEGES]),
  })
  fc.assert(
    fc.property(world, ({ plan, privilege, granted }) => {
      const membership = {
        accountId: 'bob',
        companyId: 'c',
        role: 'member',
        active: true,
        privileges: maskOf(granted),
      } as const
      const fact = { id: 'd', companyId: 'c', plan, timeZone: 'UTC' }
      const decision = decide(
        { accountId: 'bob', scope: FULL_SCOPE },
        privilege,
        fact,
        { ...NO_FACTS, memberships: [membership] },
        0,
      )
      const privileges = privilegesOf(maskOf(granted) & PLAN_PRIVILEGES[plan])
      const hindrance = hindranceTo(privilege, { ...device, plan, privileges })
      expect(hindrance === undefined).toBe(decision.allow)
      if (!decision.allow && decision.why === 'plan') expect(hindrance).toBe('plan')
    }),
    { numRuns: 500 },
  )
})
