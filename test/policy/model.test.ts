// The policy against the reference model; `node test/policy/million.ts` goes on where this stops.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbDevice, arbFacts, arbNow, arbPrivilege, arbSubject } from '../support/arbitrary.ts'
import { disagreementIn } from './compare.ts'
import { runs } from './effort.ts'
import { worldOf } from './worlds.ts'

test('decide gives the answer, the way and the reason of the reference model [R15 R17 R19 R20 R21 R22 R23 R25 R31 R32 R70]', () => {
  fc.assert(
    fc.property(arbSubject, arbPrivilege, arbDevice, arbFacts, arbNow, (subject, privilege, device, facts, now) => {
      expect(disagreementIn({ subject, privilege, device, facts, now })).toBeUndefined()
    }),
    runs(3000),
  )
})

test('it agrees with the reference model in ten thousand worlds rolled by dice, the same each time', () => {
  const { numRuns } = runs(10_000)
  for (let seed = 0; seed < numRuns; seed += 1) {
    const disagreement = disagreementIn(worldOf(seed))
    if (disagreement !== undefined) expect.fail(`${disagreement}: node test/policy/million.ts --only ${seed}`)
  }
})
