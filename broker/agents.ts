// What agents say about themselves: whether they are there, what they found; and what they are told.
import type { Clock } from '@ridethrough/db/clock.ts'
import { Collector } from '@ridethrough/db/collector.ts'
import {
  type Found,
  listRegistered,
  type Presence,
  type Registered,
  replaceInventories,
  updatePresences,
} from '@ridethrough/db/query/agent.ts'
import { announceAgentSecret } from '@ridethrough/db/query/agent-identity.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { AgentCommand, AgentStatus, Inventory } from '@ridethrough/protocol/message/agent.ts'
import { agentTopic } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import type { Delivery } from './deliver.ts'
import type { Session } from './sessions.ts'
import { isStoreDown, isUniqueViolation } from './store.ts'

export type AgentsOptions = {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly delivery: Delivery
}

type Wanted = { readonly presence: Presence; readonly at: Date; readonly onStored: readonly (() => void)[] }

/** Which devices of an inventory belong to another agent, or why nothing of it was stored. */
type Taken = { readonly refused: readonly string[] } | { readonly error: unknown }

const GONE: Presence = { online: false, version: null, intervalS: null }
const RETRY_MS = 500
/** When thousands come back at once they are written down together, so many in a statement. */
const MOST_AT_ONCE = 500
/** Each may name hundreds of devices. */
const MOST_INVENTORIES = 50

export class Agents {
  readonly #options: AgentsOptions
  /** The newest presence of each agent that is not written yet; an older one is worth nothing. */
  readonly #wanted = new Map<string, Wanted>()
  readonly #inventories: Collector<Found, Taken>
  readonly #registered: Collector<string, readonly Registered[]>
  /** Said to be gone for good: whatever is heard of them after that is older, or the same. */
  readonly #left = new Set<string>()
  #work: Promise<void> | undefined
  #isStopped = false

  constructor(options: AgentsOptions) {
    this.#options = options
    this.#inventories = new Collector((found) => this.#store(found), { most: MOST_INVENTORIES })
    this.#registered = new Collector(async (ids) => {
      const byAgent = await listRegistered(options.db, ids)
      return ids.map((id) => byAgent.get(id) ?? [])
    })
  }

  /** Resolves when this, or something newer, is stored. */
  reportStatus(agentId: string, status: AgentStatus): Promise<void> {
    return this.#setPresence(agentId, { online: status.online, version: status.version, intervalS: status.interval })
  }

  /** The socket is gone: nobody else will say so, whatever became of its last will. */
  reportGone(agentId: string): void {
    void this.#setPresence(agentId, GONE)
  }

  /** All of these are about to be hung up on. Resolves when it is written down, or `patienceMs` have passed. */
  async leaveAll(agentIds: readonly string[], patienceMs: number): Promise<void> {
    const written = agentIds.map((id) => this.#setPresence(id, GONE))
    for (const id of agentIds) this.#left.add(id)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([Promise.all(written), late])
    clearTimeout(timer)
  }

  /** Stores what an agent has found and will be known by, and answers with what is registered. False when it must not be believed. */
  async reportInventory(session: Session, inventory: Inventory): Promise<boolean> {
    const { clock, log } = this.#options
    const agentId = session.principal.id
    const { nextIdentity } = inventory
    if (nextIdentity && !(await this.#announce(agentId, nextIdentity))) return false
    const taken = await this.#inventories.ask({ agentId, devices: inventory.devices, foundAt: new Date(clock.now()) })
    if ('error' in taken) {
      if (!isUniqueViolation(taken.error)) throw taken.error
      log.warn({ agent: agentId }, 'an inventory shows a claim code that belongs to somebody else')
      return false
    }
    const { refused } = taken
    if (refused.length > 0) log.warn({ agent: agentId, devices: refused }, 'devices belong to another agent')
    await this.tellRegistered(session)
    return true
  }

  /** Only devices that the rights in memory know: samples of others would be refused. */
  async tellRegistered(session: Session): Promise<void> {
    const { delivery } = this.#options
    const agentId = session.principal.id
    const registered = await this.#registered.ask(agentId)
    const command: AgentCommand = {
      kind: 'registered',
      devices: registered.filter(({ deviceId }) => session.principal.devices.has(deviceId)),
    }
    delivery.fanOut(agentTopic(agentId, 'commands'), Buffer.from(JSON.stringify(command)))
  }

  /** Writes what is to be written; gives up what the database does not take. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#work
  }

  #setPresence(agentId: string, presence: Presence): Promise<void> {
    if (this.#left.has(agentId)) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.#wanted.get(agentId)
    // what was said of version and interval still counts when a mere "gone" replaces it
    const merged = {
      online: presence.online,
      version: presence.version ?? before?.presence.version ?? null,
      intervalS: presence.intervalS ?? before?.presence.intervalS ?? null,
    }
    const at = new Date(this.#options.clock.now())
    this.#wanted.set(agentId, { presence: merged, at, onStored: [...(before?.onStored ?? []), resolve] })
    this.#work ??= this.#write().finally(() => {
      this.#work = undefined
    })
    return promise
  }

  async #write(): Promise<void> {
    while (this.#wanted.size > 0) {
      const batch = [...this.#wanted.entries().take(MOST_AT_ONCE)]
      try {
        await updatePresences(this.#options.db, batch.map(toPresence))
        for (const [agentId, wanted] of batch) this.#written(agentId, wanted)
      } catch (error) {
        this.#options.log.warn({ err: error, agents: batch.length }, 'the presence of agents could not be stored')
        if (this.#isStopped) return
        if (!isStoreDown(error)) await this.#writeSingly(batch)
        else await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  /** What the database refuses must not stand in the way of the others. */
  async #writeSingly(batch: readonly (readonly [string, Wanted])[]): Promise<void> {
    for (const one of batch) {
      const [agentId, wanted] = one
      try {
        await updatePresences(this.#options.db, [toPresence(one)])
      } catch (error) {
        if (isStoreDown(error)) return
        this.#options.log.error({ err: error, agent: agentId }, 'the presence of an agent is given up')
      }
      this.#written(agentId, wanted)
    }
  }

  #written(agentId: string, wanted: Wanted): void {
    // otherwise something newer came meanwhile, and answers for both
    if (this.#wanted.get(agentId) !== wanted) return
    this.#wanted.delete(agentId)
    for (const done of wanted.onStored) done()
  }

  /** False when the key is another agent's. */
  async #announce(agentId: string, { kind, hash }: NonNullable<Inventory['nextIdentity']>): Promise<boolean> {
    const { db, log } = this.#options
    try {
      await announceAgentSecret(db, agentId, { kind, hash: Buffer.from(hash, 'hex') })
      return true
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      log.warn({ agent: agentId }, 'an agent announces a key that belongs to another')
      return false
    }
  }

  /** All of them together; where one of them is in the way of all, each by itself. */
  async #store(found: readonly Found[]): Promise<readonly Taken[]> {
    // of an agent that has sent two meanwhile the newer one counts
    const newest = new Map(found.map((one) => [one.agentId, one]))
    try {
      const refused = await replaceInventories(this.#options.db, [...newest.values()])
      return found.map(({ agentId }) => ({ refused: refused.get(agentId) ?? [] }))
    } catch (error) {
      if (newest.size === 1 || isStoreDown(error)) return found.map(() => ({ error }))
    }
    const taken = new Map<string, Taken>()
    for (const one of newest.values()) for (const answer of await this.#store([one])) taken.set(one.agentId, answer)
    return found.map(({ agentId }) => taken.get(agentId) ?? { refused: [] })
  }
}

function toPresence([agentId, { presence, at }]: readonly [string, Wanted]) {
  return { agentId, at, ...presence }
}
