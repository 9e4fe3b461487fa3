// The policy beside the reference model, in one small world: what differs, in words.

import { decide, grantsOn, privilegesAt, viaOf } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import { compileRights, devicesWith, mayOn, variablesOn } from '@ridethrough/protocol/rights.ts'
import { refer, referVariables } from './reference.ts'
import type { SmallWorld } from './worlds.ts'

/** `undefined`: they agree. */
export function disagreementIn({ subject, privilege, device, facts, now }: SmallWorld): string | undefined {
  const expected = refer(subject, privilege, device, facts, now)
  const decision = decide(subject, privilege, device, facts, now)
  if (decision.allow !== expected.allow) return `decide says ${JSON.stringify(decision)}, not ${told(expected)}`
  if (decision.allow && !expected.vias.has(decision.via)) return `${decision.via} is none of ${told(expected)}`
  if (!decision.allow && decision.why !== expected.why) return `the reason is ${decision.why}, not ${expected.why}`

  const grants = grantsOn(subject, device, facts)
  const open = grants.filter((grant) => viaOf([grant], privilege, now)).map((grant) => grant.via)
  if (different(open, expected.vias)) return `the ways are ${open.join(' ')}, not ${told(expected)}`

  const held = privilegesOf(privilegesAt(grants, now))
  const every = PRIVILEGES.filter((one) => refer(subject, one, device, facts, now).allow)
  if (different(held, every)) return `the privileges are ${held.join(' ')}, not ${every.join(' ')}`

  const rights = compileRights(subject, [device], facts, 1)
  if ((mayOn(rights, privilege, device.id, now) !== undefined) !== expected.allow)
    return 'compiled rights say otherwise'
  if (devicesWith(rights, privilege, now).includes(device.id) !== expected.allow)
    return 'compiled rights list otherwise'
  const seen = variablesOn(rights, privilege, device.id, now)
  const wanted = referVariables(subject, privilege, device, facts, now)
  if (JSON.stringify(seen && [...seen].sort()) !== JSON.stringify(wanted))
    return `the variables are ${seen}, not ${wanted}`
  return undefined
}

function told({ allow, vias, why }: ReturnType<typeof refer>): string {
  return allow ? `yes by ${[...vias].join(' ')}` : `no, ${why}`
}

function different(some: Iterable<string>, others: Iterable<string>): boolean {
  return [...new Set(some)].sort().join() !== [...new Set(others)].sort().join()
}
