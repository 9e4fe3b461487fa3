// The world at the beginning: three companies, seven people, eleven devices, and who has been given what.
import { makeShare, randomCredential } from './change.ts'
import type { Random } from './random.ts'
import type { Agent } from './store.ts'
import type { World } from './world.ts'

const AGENTS = 3
const DEVICES = [5, 4, 2] as const
const PEOPLE = [
  ['owner', 'member', 'member'],
  ['owner', 'member'],
  ['owner', 'member'],
] as const

export function makeWorld(random: Random, now: number): { world: World; agents: Agent[] } {
  const agents = Array.from({ length: AGENTS }, () => ({ id: random.uuid(), token: random.token() }))
  const companies = PEOPLE.map(() => ({ id: random.uuid(), memberMask: 127 }))
  const world: World = {
    companies,
    accounts: companies.flatMap(({ id: companyId }, index) =>
      (PEOPLE[index] ?? []).map((role) => ({ id: random.uuid(), companyId, role, active: true })),
    ),
    devices: companies.flatMap(({ id: companyId }, index) =>
      Array.from({ length: DEVICES[index] ?? 0 }, (_, count) => ({
        ...{ id: random.uuid(), companyId, agent: (index + count) % AGENTS },
        ...{ plan: 'advanced' as const, zone: random.pick(['UTC', 'Europe/Berlin', 'Asia/Tokyo']), seq: 0, shown: 0 },
      })),
    ),
    groups: companies.flatMap(({ id: companyId }) =>
      [0, 1].map(() => ({ id: random.uuid(), companyId, devices: new Set<string>() })),
    ),
    ...{ shares: [], guests: [], credentials: [] },
  }
  for (let count = 0; count < 12; count += 1) makeShare(world, random, now)
  const people = world.accounts.map(({ id }) => id)
  const kinds = [...people.map(() => 'session' as const), ...Array(4).fill('token'), ...Array(5).fill('share')]
  for (const [index, kind] of kinds.entries()) {
    const accountId = people[index % people.length] ?? ''
    const made = randomCredential(world, random, now, kind, accountId)
    if (made) world.credentials.push(made)
  }
  return { world, agents }
}
