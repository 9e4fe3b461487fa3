// Who is this? An agent by its id and token, a person by a token; answered within a deadline, a bounded number at once.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge, Principal } from '@ridethrough/db/edge.ts'
import { enrolAgent, findAgentCredential } from '@ridethrough/db/query/agent.ts'
import { findSessionByToken } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Id } from '@ridethrough/protocol/message/agent.ts'
import type { Logger } from 'pino'
import { CONNACK } from './connect.ts'
import type { Metrics } from './metrics.ts'

export type Credentials = {
  readonly username: string | undefined
  readonly password: Buffer | undefined
  readonly address: string
}

export type AuthenticateOutcome =
  | 'signed-in'
  | 'credentials-missing'
  | 'credentials-wrong'
  | 'agent-revoked'
  | 'enrolment-limited'
  | 'not-serving'
  | 'store-unavailable'
  | 'too-many-at-once'
  | 'too-late'

export type Answer =
  | { readonly outcome: 'signed-in'; readonly principal: Principal }
  | { readonly outcome: Exclude<AuthenticateOutcome, 'signed-in'> }

export const CODE_OF: Readonly<Record<Exclude<AuthenticateOutcome, 'signed-in'>, number>> = {
  'credentials-missing': CONNACK.credentials,
  'credentials-wrong': CONNACK.credentials,
  'agent-revoked': CONNACK.notAuthorized,
  'enrolment-limited': CONNACK.notAuthorized,
  'not-serving': CONNACK.unavailable,
  'store-unavailable': CONNACK.unavailable,
  'too-many-at-once': CONNACK.unavailable,
  'too-late': CONNACK.unavailable,
}

export type AuthenticateOptions = {
  readonly db: Db
  readonly edge: Edge
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

const DEADLINE_MS = 2000
const MAX_IN_FLIGHT = 256
const AGENT_PREFIX = 'agent:'
const AGENT_TOKEN_BYTES = { min: 16, max: 512 } as const
export const ENROLMENTS = { perAddressPerMinute: 20, unclaimedInAll: 1000 } as const
const MINUTE_MS = 60_000

export class Authenticator {
  readonly #options: AuthenticateOptions
  readonly #enrolments = new Map<string, number[]>()
  #inFlight = 0

  constructor(options: AuthenticateOptions) {
    this.#options = options
  }

  /** Never rejects. A principal that comes after the deadline is closed again: nobody waits for it. */
  async authenticate(credentials: Credentials): Promise<Answer> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return { outcome: 'too-many-at-once' }
    this.#inFlight += 1
    let isLate = false
    const asked = this.#ask(credentials)
      .catch((error: unknown): Answer => {
        this.#options.log.warn({ err: error }, 'credentials could not be checked')
        return { outcome: 'store-unavailable' }
      })
      .then((answer) => {
        this.#inFlight -= 1
        if (isLate && answer.outcome === 'signed-in') this.#options.edge.close(answer.principal)
        return answer
      })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => {
        isLate = true
        resolve({ outcome: 'too-late' })
      }, DEADLINE_MS)
    })
    const answer = await Promise.race([asked, late])
    clearTimeout(timer)
    return answer
  }

  async #ask({ username, password, address }: Credentials): Promise<Answer> {
    if (username === undefined || password === undefined) return { outcome: 'credentials-missing' }
    return username.startsWith(AGENT_PREFIX)
      ? this.#agent(username.slice(AGENT_PREFIX.length), password, address)
      : this.#person(password.toString('latin1'))
  }

  async #person(token: string): Promise<Answer> {
    const { db, edge, clock } = this.#options
    if (!edge.isServing()) return { outcome: 'not-serving' }
    const session = await findSessionByToken(db, token, new Date(clock.now()))
    return this.#open(session && (await edge.open('person', session.accountId, session.sessionId)))
  }

  async #agent(name: string, token: Buffer, address: string): Promise<Answer> {
    const { db, edge } = this.#options
    const id = Id.safeParse(name)
    const isToken = token.length >= AGENT_TOKEN_BYTES.min && token.length <= AGENT_TOKEN_BYTES.max
    if (!id.success || id.data !== name || !isToken) return { outcome: 'credentials-wrong' }
    const hash = createHash('sha256').update(token).digest()
    let known = await findAgentCredential(db, name)
    if (!known) {
      if (!(await this.#enrol(name, hash, address))) return { outcome: 'enrolment-limited' }
      known = await findAgentCredential(db, name)
    }
    if (!known || known.tokenHash.length !== hash.length || !timingSafeEqual(known.tokenHash, hash)) {
      return { outcome: 'credentials-wrong' }
    }
    if (known.isRevoked) return { outcome: 'agent-revoked' }
    return this.#open(await edge.open('agent', name, name))
  }

  /** Trust on first use: who names an id that nobody has yet, owns it from then on. It is worth nothing until a device is claimed. */
  async #enrol(agentId: string, tokenHash: Buffer, address: string): Promise<boolean> {
    const { db, log, metrics } = this.#options
    if (!this.#mayEnrol(address)) {
      log.warn({ agent: agentId, address }, 'too many new agents from one address')
      metrics.enrolments.inc({ outcome: 'address-limit' })
      return false
    }
    const isEnrolled = await enrolAgent(db, agentId, tokenHash, ENROLMENTS.unclaimedInAll)
    metrics.enrolments.inc({ outcome: isEnrolled ? 'enrolled' : 'unclaimed-limit' })
    if (isEnrolled) log.info({ agent: agentId, address }, 'a new agent has enrolled itself')
    else log.warn({ agent: agentId, address }, 'too many agents wait for somebody to claim their devices')
    return isEnrolled
  }

  #mayEnrol(address: string): boolean {
    const now = this.#options.clock.monotonic()
    for (const [key, times] of this.#enrolments) {
      const recent = times.filter((at) => now - at < MINUTE_MS)
      if (recent.length === 0) this.#enrolments.delete(key)
      else this.#enrolments.set(key, recent)
    }
    const mine = this.#enrolments.get(address) ?? []
    if (mine.length >= ENROLMENTS.perAddressPerMinute) return false
    this.#enrolments.set(address, [...mine, now])
    return true
  }

  #open(principal: Principal | undefined): Answer {
    return principal ? { outcome: 'signed-in', principal } : { outcome: 'credentials-wrong' }
  }
}
