// Who publishes and who views: rows straight into PostgreSQL, and the same people with the same rights for mosquitto.
import type { Db } from '@ridethrough/db/schema.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { type Person, type SeededAgent, seedDevices, seedGuests, seedPersons, unguarded } from '../seed.ts'
import type { Login, PublisherSpec, ViewerSpec } from './job.ts'

export const SHAPES = {
  /** Everybody's messages to one viewer. */
  'fan-in': { groups: 1, publishers: 50, viewers: 1 },
  'fan-in-1000': { groups: 1, publishers: 1000, viewers: 1 },
  'fan-out': { groups: 1, publishers: 1, viewers: 50 },
  /** Each publisher with a viewer of its own, who has rights to its devices only. */
  pairs: { groups: 20, publishers: 1, viewers: 1 },
} as const
export type Shape = keyof typeof SHAPES

/** A company with devices behind agents, and guests of it: each of them has all of its devices, and no others. */
type Group = { readonly agents: readonly SeededAgent[]; readonly viewers: readonly Person[] }

export type Scene = {
  readonly shape: Shape
  /** What was asked for; a publisher has one device at least, so that more may be granted. */
  readonly devices: number
  readonly granted: number
  readonly groups: readonly Group[]
}

export const FILTER = 'v1/devices/+/live'

export async function seedScene(db: Db, shape: Shape, devices: number): Promise<Scene> {
  const { groups: count, publishers, viewers } = SHAPES[shape]
  const granted = Math.max(publishers, devices)
  const groups: Group[] = []
  await unguarded(db, async (tx) => {
    for (let index = 0; index < count; index += 1) {
      const name = `${shape}-${devices}-${index}`
      const hosts = await seedPersons(tx, `host-${name}`, 1)
      const guests = await seedPersons(tx, `viewer-${name}`, viewers)
      const agents = await seedDevices(tx, hosts, name, { devices: granted, perAgent: Math.ceil(granted / publishers) })
      for (const host of hosts) await seedGuests(tx, host, guests)
      groups.push({ agents, viewers: guests })
    }
  })
  return { shape, devices, granted, groups }
}

/** `speaking`: how many of the devices send, evenly spread over all that are granted. */
export function rolesIn(
  scene: Scene,
  loginOf: { agent(agent: SeededAgent): Login; viewer(person: Person): Login },
  speaking: number,
): { readonly publishers: PublisherSpec[]; readonly viewers: ViewerSpec[] } {
  const publishers: PublisherSpec[] = []
  const viewers: ViewerSpec[] = []
  for (const group of scene.groups) {
    const to = group.viewers.map((_, index) => viewers.length + index)
    viewers.push(...group.viewers.map((person) => ({ login: loginOf.viewer(person), filter: FILTER })))
    for (const agent of group.agents) {
      const share = Math.max(1, Math.round(speaking / scene.groups.length / group.agents.length))
      const every = Math.max(1, agent.deviceIds.length / share)
      const ids = Array.from({ length: Math.min(share, agent.deviceIds.length) }, (_, nth) => {
        return agent.deviceIds[Math.floor(nth * every)] ?? ''
      })
      publishers.push({ login: loginOf.agent(agent), topics: ids.map(liveTopic), to })
    }
  }
  return { publishers, viewers }
}

export const liveTopic = (deviceId: string): string => deviceTopic(deviceId, 'live')

export const ourLogins = {
  agent: ({ agentId, token }: SeededAgent): Login => ({
    ...{ clientId: agentId, username: `agent:${agentId}`, password: token },
  }),
  viewer: ({ accountId, token }: Person): Login => ({ clientId: accountId, username: 'viewer', password: token }),
}

/** A password file parts its columns by `:`, so agents have another name there. */
export const mosquittoLogins = {
  agent: ({ agentId, token }: SeededAgent): Login => ({
    ...{ clientId: agentId, username: `agent-${agentId}`, password: token },
  }),
  viewer: ({ accountId, token }: Person): Login => ({
    ...{ clientId: accountId, username: `viewer-${accountId}`, password: token },
  }),
}
