// What agents say about themselves: whether they are there, what they found; and what they are told.
import type { Clock } from '@ridethrough/db/clock.ts'
import { listRegistered, type Presence, replaceInventory, updatePresence } from '@ridethrough/db/query/agent.ts'
import { announceAgentSecret } from '@ridethrough/db/query/agent-identity.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { AgentCommand, AgentStatus, Inventory } from '@ridethrough/protocol/message/agent.ts'
import { agentTopic } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import type { Delivery } from './deliver.ts'
import type { Session } from './sessions.ts'
import { isUniqueViolation } from './store.ts'

export type AgentsOptions = {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly delivery: Delivery
}

type Wanted = { readonly presence: Presence; readonly at: Date; readonly onStored: readonly (() => void)[] }

const RETRY_MS = 500

export class Agents {
  readonly #options: AgentsOptions
  /** The newest presence of each agent that is not written yet; an older one is worth nothing. */
  readonly #wanted = new Map<string, Wanted>()
  #work: Promise<void> | undefined
  #isStopped = false

  constructor(options: AgentsOptions) {
    this.#options = options
  }

  /** Resolves when this, or something newer, is stored. */
  reportStatus(agentId: string, status: AgentStatus): Promise<void> {
    return this.#setPresence(agentId, { online: status.online, version: status.version, intervalS: status.interval })
  }

  /** The socket is gone: nobody else will say so, whatever became of its last will. */
  reportGone(agentId: string): void {
    void this.#setPresence(agentId, { online: false, version: null, intervalS: null })
  }

  /** Stores what an agent has found and will be known by, and answers with what is registered. False when it must not be believed. */
  async reportInventory(session: Session, inventory: Inventory): Promise<boolean> {
    const { db, clock, log } = this.#options
    const agentId = session.principal.id
    const { nextIdentity } = inventory
    try {
      if (nextIdentity) {
        const { kind, hash } = nextIdentity
        await announceAgentSecret(db, agentId, { kind, hash: Buffer.from(hash, 'hex') })
      }
      const { refused } = await replaceInventory(db, agentId, inventory.devices, new Date(clock.now()))
      if (refused.length > 0) log.warn({ agent: agentId, devices: refused }, 'devices belong to another agent')
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      log.warn({ agent: agentId }, 'an inventory shows a claim code or a key that belongs to somebody else')
      return false
    }
    await this.tellRegistered(session)
    return true
  }

  /** Only devices that the rights in memory know: samples of others would be refused. */
  async tellRegistered(session: Session): Promise<void> {
    const { db, delivery } = this.#options
    const agentId = session.principal.id
    const registered = await listRegistered(db, agentId)
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
    const { db, log } = this.#options
    for (;;) {
      const next = this.#wanted.entries().next()
      if (next.done) return
      const [agentId, wanted] = next.value
      try {
        await updatePresence(db, agentId, wanted.presence, wanted.at)
        // otherwise something newer came meanwhile, and answers for both
        if (this.#wanted.get(agentId) === wanted) {
          this.#wanted.delete(agentId)
          for (const done of wanted.onStored) done()
        }
      } catch (error) {
        log.warn({ err: error, agent: agentId }, 'the presence of an agent could not be stored')
        if (this.#isStopped) return
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
}
