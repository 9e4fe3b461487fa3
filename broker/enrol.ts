// Signing in an agent: by the token or key that it is known by, or by the one that it has announced. New ones enrol themselves.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '@ridethrough/db/clock.ts'
import { Collector } from '@ridethrough/db/collector.ts'
import {
  type AgentIdentity,
  type AgentSecret,
  enrolAgent,
  findAgentIdentities,
  type NewAgent,
  promoteAgentSecret,
} from '@ridethrough/db/query/agent-identity.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Id } from '@ridethrough/protocol/message/agent.ts'
import type { Logger } from 'pino'
import { addressKey } from './address.ts'
import type { Limits } from './limits.ts'
import { hit, type Metrics } from './metrics.ts'
import { isUniqueViolation } from './store.ts'
import type { ShownKey } from './tls.ts'

export type AgentGateOptions = {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly limits: Limits
}

/** What an agent has shown: its token as password, or else the key of its certificate. */
export type AgentProof = {
  readonly name: string
  readonly password: Buffer | undefined
  readonly key: ShownKey | undefined
  readonly address: string
}

export type AgentVerdict = 'known' | 'credentials-missing' | 'credentials-wrong' | 'agent-revoked' | 'enrolment-limited'

const TOKEN_BYTES = { min: 16, max: 512 } as const
const MINUTE_MS = 60_000

export class AgentGate {
  readonly #options: AgentGateOptions
  readonly #enrolments = new Map<string, number[]>()
  /** Those who sign in at the same time are looked up together. */
  readonly #identities: Collector<string, AgentIdentity | undefined>

  constructor(options: AgentGateOptions) {
    this.#options = options
    this.#identities = new Collector(
      async (ids) => {
        const found = await findAgentIdentities(options.db, ids)
        return ids.map((id) => found.get(id))
      },
      { atOnce: 2 },
    )
  }

  async judge({ name, password, key, address }: AgentProof): Promise<AgentVerdict> {
    if (password === undefined && key === undefined) return 'credentials-missing'
    const id = Id.safeParse(name)
    const secret = secretOf(password, key)
    if (!id.success || id.data !== name || !secret) return 'credentials-wrong'
    const certificateExpiresAt = secret.kind === 'certificate' ? (key?.expiresAt ?? null) : null
    const shown = { agentId: name, secret, certificateExpiresAt }
    let known = await this.#identities.ask(name)
    if (!known) {
      if (!(await this.#enrol(shown, address))) return 'enrolment-limited'
      known = await this.#identities.ask(name)
    }
    return known ? this.#compare(known, shown) : 'credentials-wrong'
  }

  async #compare(known: AgentIdentity, shown: NewAgent): Promise<AgentVerdict> {
    const { db, log } = this.#options
    const isCurrent = isSame(known.current, shown.secret)
    const isNext = known.next !== undefined && isSame(known.next, shown.secret)
    if (!isCurrent && !isNext) return 'credentials-wrong'
    if (known.isRevoked) return 'agent-revoked'
    if (isCurrent) return 'known'
    try {
      // false: somebody was faster, with this secret or with another announcement, and what holds now decides
      const isPromoted = await promoteAgentSecret(db, shown)
      if (isPromoted) log.info({ agent: shown.agentId, kind: shown.secret.kind }, 'an agent has changed its identity')
      const now = isPromoted ? undefined : await this.#identities.ask(shown.agentId)
      return isPromoted || (now && isSame(now.current, shown.secret)) ? 'known' : 'credentials-wrong'
    } catch (error) {
      if (isUniqueViolation(error)) return 'credentials-wrong'
      throw error
    }
  }

  /** Trust on first use: who names an id that nobody has yet, owns it from then on. It is worth nothing until a device is claimed. */
  async #enrol(shown: NewAgent, address: string): Promise<boolean> {
    const { db, log, metrics, limits } = this.#options
    const { agentId, secret } = shown
    if (!this.#mayEnrol(address)) {
      log.warn({ agent: agentId, address }, 'too many new agents from one address')
      metrics.enrolments.inc({ outcome: 'address-limit' })
      hit(metrics, 'enrolmentsPerMinutePerAddress')
      return false
    }
    const isEnrolled = await enrolAgent(db, shown, limits.unclaimedAgents)
    metrics.enrolments.inc({ outcome: isEnrolled ? 'enrolled' : 'unclaimed-limit' })
    if (isEnrolled) log.info({ agent: agentId, kind: secret.kind, address }, 'a new agent has enrolled itself')
    else {
      hit(metrics, 'unclaimedAgents')
      log.warn({ agent: agentId, address }, 'too many agents wait for somebody to claim their devices')
    }
    return isEnrolled
  }

  #mayEnrol(address: string): boolean {
    const { clock, limits } = this.#options
    const place = addressKey(address)
    const now = clock.monotonic()
    for (const [key, times] of this.#enrolments) {
      const recent = times.filter((at) => now - at < MINUTE_MS)
      if (recent.length === 0) this.#enrolments.delete(key)
      else this.#enrolments.set(key, recent)
    }
    const mine = this.#enrolments.get(place) ?? []
    if (mine.length >= limits.enrolmentsPerMinutePerAddress) return false
    this.#enrolments.set(place, [...mine, now])
    return true
  }
}

/** A token that is shown counts, whatever certificate comes along with it. */
function secretOf(password: Buffer | undefined, key: ShownKey | undefined): AgentSecret | undefined {
  if (password === undefined) return key && { kind: 'certificate', hash: key.hash }
  if (password.length < TOKEN_BYTES.min || password.length > TOKEN_BYTES.max) return undefined
  return { kind: 'token', hash: createHash('sha256').update(password).digest() }
}

function isSame(a: AgentSecret, b: AgentSecret): boolean {
  return a.kind === b.kind && a.hash.length === b.hash.length && timingSafeEqual(a.hash, b.hash)
}
