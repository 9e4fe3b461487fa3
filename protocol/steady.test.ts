// What is remembered of grants must say what the grants themselves say, at any time.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Grant, steadyVia, type Via, viaOf } from './policy.ts'
import { bitOf, maskOf } from './privilege.ts'

const arbBound = fc.option(fc.integer({ min: 0, max: 10 }), { nil: null })
const arbPeriod = fc.oneof(fc.constant({ from: null, until: null }), fc.record({ from: arbBound, until: arbBound }))
const arbSchedule = fc.option(
  fc.integer({ min: 1, max: 5 }).map((every) => ({
    insideAt: (now: number) => now % every === 0,
    nextChange: (now: number) => now + 1,
  })),
  { nil: undefined },
)
const arbGrant: fc.Arbitrary<Grant> = fc.record({
  via: fc.constantFrom<Via>('owner', 'member', 'share:a', 'share:b'),
  privileges: fc.constantFrom(maskOf(['monitor']), maskOf(['reboot']), maskOf(['monitor', 'reboot'])),
  periods: fc.tuple(arbPeriod, arbPeriod),
  schedule: arbSchedule,
  windows: fc.constant([]),
  variables: fc.constant(null),
})

test('a way that is there at any time is the one that is found at each instant', () => {
  let found = 0
  fc.assert(
    fc.property(fc.array(arbGrant, { maxLength: 4 }), (grants) => {
      const steady = steadyVia(grants, 'monitor')
      if (steady === undefined) return
      found += 1
      for (let now = -1; now <= 12; now += 1) expect(viaOf(grants, 'monitor', now)).toBe(steady)
    }),
    { numRuns: 5000 },
  )
  expect(found).toBeGreaterThan(100)
})

test('who may at no time has no such way', () => {
  fc.assert(
    fc.property(fc.array(arbGrant, { maxLength: 4 }), (grants) => {
      if (grants.every(({ privileges }) => (privileges & bitOf('monitor')) === 0)) {
        expect(steadyVia(grants, 'monitor')).toBeUndefined()
      }
    }),
  )
})
