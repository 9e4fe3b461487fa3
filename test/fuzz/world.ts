// Who there is for the fuzzer: a tenant whose agents and persons send anything, and another that must not notice.
import type { Db } from '@ridethrough/db/schema.ts'
import { type Person, type SeededAgent, seedDevices, seedPersons, unguarded } from '../bench/seed.ts'

export type FuzzWorld = {
  readonly agents: readonly SeededAgent[]
  readonly persons: readonly Person[]
  /** Devices of the fuzzing tenant. */
  readonly deviceIds: readonly string[]
  readonly canary: { readonly agent: SeededAgent; readonly viewer: Person }
}

/** Many, so that nobody comes back within the second. */
const OWNERS = 256
const DEVICES_EACH = 4

/** The database must be migrated and empty. */
export async function makeFuzzWorld(db: Db): Promise<FuzzWorld> {
  const world: { made?: FuzzWorld } = {}
  await unguarded(db, async (tx) => {
    const persons = await seedPersons(tx, 'fuzz', OWNERS)
    const agents = await seedDevices(tx, persons, 'Fuzz', { devices: DEVICES_EACH, perAgent: 1 })
    const [viewer] = await seedPersons(tx, 'canary', 1)
    if (!viewer) throw new Error('no canary')
    const [agent] = await seedDevices(tx, [viewer], 'Canary', { devices: 1, perAgent: 1 })
    if (!agent) throw new Error('no agent of the canary')
    world.made = { agents, persons, deviceIds: agents.flatMap(({ deviceIds }) => deviceIds), canary: { agent, viewer } }
  })
  if (!world.made) throw new Error('nothing was made')
  return world.made
}

/** Whom a connection says it is. */
export type Actor =
  | { readonly kind: 'agent'; readonly id: string; readonly token: string; readonly deviceIds: readonly string[] }
  | { readonly kind: 'person'; readonly token: string; readonly deviceIds: readonly string[] }

/** By the number of the connection, so that the same one is on once only. */
export function actorOf(world: FuzzWorld, connection: number): Actor {
  const turn = Math.floor(connection / 2)
  if (connection % 2 === 0) {
    const agent = world.agents[turn % world.agents.length]
    if (!agent) throw new Error('a world without agents')
    return { kind: 'agent', id: agent.agentId, token: agent.token, deviceIds: agent.deviceIds }
  }
  const index = turn % world.persons.length
  const person = world.persons[index]
  if (!person) throw new Error('a world without persons')
  const own = world.deviceIds.slice(index * DEVICES_EACH, (index + 1) * DEVICES_EACH)
  return { kind: 'person', token: person.token, deviceIds: own }
}
